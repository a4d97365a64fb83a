//! `naru verify` on directories that brokers have left: whole ones, killed ones, damaged ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Broker, Load, create_topic};

const RECORDS: u64 = 200;

fn verify(dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.arg("verify").arg(dir).args(more).output().unwrap()
}

/// What it says as JSON, if it ends with this code.
fn said(dir: &Path, code: i32) -> Value {
    let output = verify(dir, &["--json"]);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn problems(said: &Value) -> Vec<&Value> {
    let findings = said["findings"].as_array().unwrap().iter();
    findings
        .filter(|found| found["severity"] == "problem")
        .collect()
}

/// A broker that has records in two partitions.
fn with_records() -> Broker {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "kept", 2, &[]);
    let load = Load::new(
        &broker.bootstrap(),
        &[("acks", "all"), ("batch.size", "1000")],
    );
    (0..RECORDS).for_each(|number| load.send_record("kept", (number % 2) as i32, number));
    load.finish();
    broker
}

/// Every file with its bytes, so that a change would be seen.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![dir.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.clone(), fs::read(path).unwrap())),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_directory_that_was_stopped_or_killed_is_whole_and_stays_as_it_is() {
    let mut broker = with_records();
    let running = verify(broker.dir(), &[]);
    assert_eq!(running.status.code(), Some(2));
    let why = String::from_utf8_lossy(&running.stderr);
    assert!(why.contains("stop it first"), "{why}");

    broker.kill_9();
    assert_eq!(problems(&said(broker.dir(), 0)), Vec::<&Value>::new());
    broker.start_again();
    assert!(broker.terminate().success());
    let before = contents(broker.dir());
    let said = said(broker.dir(), 0);
    assert_eq!(said["findings"], Value::Array(Vec::new()));
    let kept = said["partitions"].as_array().unwrap().iter();
    let records = kept.filter(|partition| partition["topic"] == "kept");
    let records: u64 = records
        .map(|partition| partition["records"].as_u64().unwrap())
        .sum();
    assert_eq!(records, RECORDS);
    let table = verify(broker.dir(), &[]);
    let table = String::from_utf8_lossy(&table.stdout);
    assert!(table.contains("nothing is wrong"), "{table}");
    assert!(before == contents(broker.dir()), "a file was changed");
}

#[test]
fn a_damaged_batch_is_named_with_its_file_position_and_offset() {
    let mut broker = with_records();
    assert!(broker.terminate().success());
    let file = broker.dir().join("kept-1/00000000000000000000.log");
    let mut content = fs::read(&file).unwrap();
    // The second batch begins where the first one ends.
    let length = u32::from_be_bytes(content[8..12].try_into().unwrap()) as usize;
    let position = length + 12;
    let offset = i64::from_be_bytes(content[position..position + 8].try_into().unwrap());
    content[position + 70] ^= 1;
    fs::write(&file, content).unwrap();

    let said = said(broker.dir(), 1);
    let problems = problems(&said);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["file"], file.to_str().unwrap());
    assert_eq!(problems[0]["position"], position);
    assert_eq!(problems[0]["offset"], offset);
    let table = verify(broker.dir(), &[]);
    let table = String::from_utf8_lossy(&table.stdout);
    assert!(
        table.contains("checksum is wrong") && table.contains("1 problem"),
        "{table}"
    );
}

#[test]
fn damaged_metadata_is_named_and_what_is_no_data_directory_is_refused() {
    let mut broker = with_records();
    assert!(broker.terminate().success());
    let metadata = broker.dir().join("__cluster_metadata");
    let log = fs::read_dir(&metadata)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let log = log
        .filter(|path| path.to_string_lossy().contains("/log-"))
        .max()
        .unwrap();
    let mut content = fs::read(&log).unwrap();
    content[50] ^= 1;
    fs::write(&log, content).unwrap();
    let said = said(broker.dir(), 1);
    let damaged = problems(&said)[0];
    assert_eq!(damaged["file"], log.to_str().unwrap());

    let nothing = verify(&metadata, &[]);
    assert_eq!(nothing.status.code(), Some(2));
    let why = String::from_utf8_lossy(&nothing.stderr);
    assert!(why.contains("no data directory of naru"), "{why}");
}

#[test]
fn what_the_first_naru_left_is_whole() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/data-dir-v1");
    let copy = tempfile::tempdir().unwrap();
    copy_all(&old, copy.path());
    // No broker runs on a copy out of a repository, which keeps no empty file.
    fs::write(copy.path().join("__cluster_metadata/lock"), b"").unwrap();
    assert_eq!(problems(&said(copy.path(), 0)), Vec::<&Value>::new());
}

fn copy_all(from: &Path, to: &Path) {
    for (path, content) in contents(from) {
        let to = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, content).unwrap();
    }
}
