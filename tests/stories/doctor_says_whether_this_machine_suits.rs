//! `naru doctor` on the machine that runs the stories, which a broker evidently works on.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_check_is_told_and_the_code_says_whether_one_is_bad() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("not/made/yet");
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.args([
        "doctor",
        "--json",
        "--set",
        &format!("log.dirs={}", data.display()),
    ]);
    let output = command.output().unwrap();
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = checks.as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in [
        "kernel",
        "io_uring",
        "file descriptors",
        "file system",
        "direct I/O",
        "device",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    let is_bad = checks.iter().any(|check| check["verdict"] == "bad");
    assert_eq!(output.status.code(), Some(i32::from(is_bad)), "{checks:?}");
    let ring = checks
        .iter()
        .find(|check| check["name"] == "io_uring")
        .unwrap();
    assert_eq!(ring["verdict"], "good", "a broker runs here: {ring}");
    for check in checks {
        let has_advice = check["advice"] != "";
        assert_eq!(has_advice, check["verdict"] != "good", "{check}");
    }
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn a_setting_that_nobody_knows_is_an_error_of_its_own() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    let output = command
        .args(["doctor", "--set", "naru.shard=1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean naru.shards"));
}

#[test]
fn a_shell_can_be_taught_the_commands() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    let output = command.args(["completions", "bash"]).output().unwrap();
    assert!(output.status.success());
    let script = String::from_utf8_lossy(&output.stdout);
    for word in [
        "doctor",
        "verify",
        "reset-offsets",
        "find-hanging",
        "--bootstrap",
        "--until-end",
    ] {
        assert!(script.contains(word), "no {word} in {script}");
    }
}
