//! The repository as it is, held against the house rules.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use naru_tidy::rooms::Rooms;
use naru_tidy::source::Source;
use naru_tidy::{Violation, style};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file of the repository, as its path from the root and its text.
fn files() -> Vec<(String, String)> {
    let root = repository();
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap_or_default();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(".rs") {
                let path = entry.path();
                let relative = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.push((relative.to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    assert!(files.len() > 100, "the repository was not found");
    files
}

fn rooms() -> Rooms {
    let text = fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap();
    Rooms::parse(&text).unwrap_or_else(|error| panic!("docs/ARCHITECTURE.md {error}"))
}

#[track_caller]
fn assert_none(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} house rules are broken:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// What a rule finds in all files.
fn violations(rule: impl Fn(&Source<'_>) -> Vec<Violation>) -> Vec<Violation> {
    let found = |(file, text): &(String, String)| match Source::read(file, text) {
        Ok(source) => rule(&source),
        Err(violation) => vec![violation],
    };
    files().iter().flat_map(found).collect()
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let rooms = rooms();
    assert_none(&violations(|source| rooms.check(source)));
}

#[test]
fn the_table_shows_rooms_that_exist_and_arrows_of_one_direction() {
    let rooms = rooms();
    let files = files();
    for room in &rooms.0 {
        for path in &room.paths {
            assert!(
                files.iter().any(|(file, _)| file.starts_with(path)),
                "docs/ARCHITECTURE.md: {} has no files in {path}",
                room.name
            );
        }
    }
    assert_eq!(
        rooms.cycle(),
        None,
        "rooms import each other in a ring: move what they share into a room below both"
    );
}

#[test]
fn every_file_keeps_the_house_style() {
    assert_none(&violations(style::check));
}
