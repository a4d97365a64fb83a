//! A slip of the finger in the configuration stops the start and names what was meant.

use std::process::Command;

use tempfile::TempDir;

fn start_with(arguments: &[&str]) -> (Option<i32>, String) {
    let dir = TempDir::with_prefix("naru-story-").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_naru"))
        .arg("start")
        .arg("--set")
        .arg(format!("log.dirs={}", dir.path().join("data").display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        !dir.path().join("data").exists(),
        "a broker that refuses its configuration leaves nothing behind"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn on_the_command_line() {
    let (code, said) = start_with(&["--set", "mesage.max.bytes=1000"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("unknown key mesage.max.bytes"), "{said}");
    assert!(said.contains("did you mean message.max.bytes?"), "{said}");
}

#[test]
fn in_the_file() {
    let dir = TempDir::with_prefix("naru-story-").unwrap();
    let file = dir.path().join("server.properties");
    std::fs::write(&file, "log.retention.hour=24\n").unwrap();
    let (code, said) = start_with(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("did you mean log.retention.hours?"), "{said}");
    assert!(said.contains("line 1"), "{said}");
}

/// Nothing is near enough to be meant, so nothing is suggested.
#[test]
fn and_suggests_nothing_for_what_is_far_from_all() {
    let (code, said) = start_with(&["--set", "xyzzy=1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("unknown key xyzzy"), "{said}");
    assert!(!said.contains("did you mean"), "{said}");
}

#[test]
fn and_a_value_out_of_range_names_the_limit() {
    let (code, said) = start_with(&["--set", "num.partitions=0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("num.partitions=0"), "{said}");
}
