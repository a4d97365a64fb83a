//! Who may import whom: the table of `docs/ARCHITECTURE.md` against the paths in the code.
//!
//! Each path of a file leads to a place in the repository (`imports`), and from there to the room
//! with the longest path around it.

use std::collections::BTreeSet;

use crate::Violation;
use crate::imports;
use crate::source::Source;

const TABLE_BEGINS: &str = "<!-- rooms -->";
const TABLE_ENDS: &str = "<!-- /rooms -->";

#[derive(Debug)]
pub struct Room {
    pub name: String,
    /// Folders, or files without `.rs`, from the root of the repository.
    pub paths: Vec<String>,
    pub may_import: BTreeSet<String>,
}

#[derive(Debug)]
pub struct Rooms(pub Vec<Room>);

impl Rooms {
    /// Reads the table between `<!-- rooms -->` and `<!-- /rooms -->`.
    pub fn parse(markdown: &str) -> Result<Self, String> {
        let begin = markdown.find(TABLE_BEGINS);
        let end = markdown.find(TABLE_ENDS);
        let (Some(begin), Some(end)) = (begin, end) else {
            return Err(format!(
                "has no table between {TABLE_BEGINS} and {TABLE_ENDS}"
            ));
        };
        let table = markdown.get(begin..end).unwrap_or_default();
        let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
        let mut rooms = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            let [name, paths, may_import] = cells.as_slice() else {
                return Err(format!("has a row without 3 columns: {row}"));
            };
            rooms.push(Room {
                name: name.trim().to_owned(),
                paths: list(paths)
                    .map(|path| without_extension(path).to_owned())
                    .collect(),
                may_import: list(may_import).map(str::to_owned).collect(),
            });
        }
        let rooms = Self(rooms);
        for room in &rooms.0 {
            for name in &room.may_import {
                if !rooms.0.iter().any(|other| other.name == *name) {
                    return Err(format!(
                        "lets {} import {name}, which is no room",
                        room.name
                    ));
                }
            }
        }
        Ok(rooms)
    }

    /// The room around a file or a module.
    pub fn of(&self, path: &str) -> Option<&Room> {
        let path = without_extension(path);
        let around = |candidate: &str| {
            path == candidate
                || path
                    .strip_prefix(candidate)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let paths = self
            .0
            .iter()
            .flat_map(|room| room.paths.iter().map(move |path| (path, room)));
        let longest = paths
            .filter(|(path, _)| around(path))
            .max_by_key(|(path, _)| path.len());
        longest.map(|(_, room)| room)
    }

    /// A way from a room back to itself.
    pub fn cycle(&self) -> Option<String> {
        self.0.iter().find_map(|room| {
            let mut way = vec![room.name.as_str()];
            self.way_back(&mut way).then(|| way.join(" → "))
        })
    }

    fn way_back<'a>(&'a self, way: &mut Vec<&'a str>) -> bool {
        let last = way.last().copied().unwrap_or_default();
        let Some(room) = self.0.iter().find(|room| room.name == last) else {
            return false;
        };
        for next in &room.may_import {
            let is_back = way.first().is_some_and(|first| first == next);
            if !is_back && way.contains(&next.as_str()) {
                continue;
            }
            way.push(next);
            if is_back || self.way_back(way) {
                return true;
            }
            way.pop();
        }
        false
    }

    /// Each import of `file` that the table does not allow.
    pub fn check(&self, source: &Source<'_>) -> Vec<Violation> {
        let file = source.file;
        let Some(room) = self.of(file) else {
            return vec![Violation::new(
                file,
                1,
                "is in no room: give its folder a row in docs/ARCHITECTURE.md",
            )];
        };
        let mut violations = Vec::new();
        let mut told = BTreeSet::new();
        for imports::Import { target, line } in imports::of(source) {
            let Some(imported) = self.of(&target) else {
                continue;
            };
            let is_allowed = imported.name == room.name || room.may_import.contains(&imported.name);
            if !is_allowed && told.insert((line, imported.name.as_str())) {
                violations.push(Violation::new(
                    file,
                    line,
                    format!(
                        "{} imports {} ({target}): turn the arrow around, move the code, or decide \
                         for the edge (docs/adr) and add it to the table in docs/ARCHITECTURE.md",
                        room.name, imported.name
                    ),
                ));
            }
        }
        violations
    }
}

fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',')
        .map(|item| item.trim().trim_matches('`'))
        .filter(|item| !item.is_empty())
}

fn without_extension(path: &str) -> &str {
    path.strip_suffix(".rs").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
<!-- rooms -->
| room | path | may import |
|---|---|---|
| engine | `engine/src` | |
| engine/io | `engine/src/io` | |
| engine/log | `engine/src/log` | engine/io |
| broker/net | `broker/src/net` | engine/io, broker/memory |
| broker/memory | `broker/src/memory.rs` | |
| outside | `engine/tests`, `tests` | engine/log |
<!-- /rooms -->
";

    fn verdict(file: &str, text: &str) -> Vec<String> {
        let rooms = Rooms::parse(TABLE).unwrap();
        match Source::read(file, text) {
            Ok(source) => rooms
                .check(&source)
                .iter()
                .map(ToString::to_string)
                .collect(),
            Err(violation) => vec![violation.to_string()],
        }
    }

    #[track_caller]
    fn allowed(file: &str, text: &str) {
        assert_eq!(verdict(file, text), Vec::<String>::new());
    }

    #[track_caller]
    fn refused(file: &str, text: &str, what: &str) {
        let verdict = verdict(file, text);
        assert!(
            verdict.len() == 1 && verdict[0].contains(what),
            "{verdict:?}"
        );
    }

    #[test]
    fn an_edge_of_the_table_is_allowed_and_the_way_back_is_not() {
        allowed("engine/src/log/read.rs", "use crate::io::Disk;");
        refused(
            "engine/src/io/ring.rs",
            "\nuse crate::log::Log;",
            "engine/src/io/ring.rs:2: engine/io imports engine/log",
        );
    }

    #[test]
    fn paths_in_the_middle_of_code_count_too() {
        refused(
            "engine/src/io/ring.rs",
            "fn f() -> u8 { crate::log::SIZE }",
            "imports engine/log",
        );
    }

    #[test]
    fn a_tree_of_names_is_walked() {
        refused(
            "engine/src/io/ring.rs",
            "use crate::{io::{Disk, File}, log::{Log, read::Read as R}};\n",
            "engine/src/log/Log",
        );
    }

    #[test]
    fn other_crates_are_known_by_their_names() {
        allowed("broker/src/net/mod.rs", "use naru_engine::io::Runtime;");
        refused(
            "broker/src/net/mod.rs",
            "use naru_engine::log::Log;",
            "broker/net imports engine/log",
        );
        refused(
            "broker/src/net/mod.rs",
            "use naru_engine::VERSION;",
            "broker/net imports engine ",
        );
    }

    #[test]
    fn super_is_followed_out_of_the_room_but_not_out_of_an_inline_module() {
        allowed("broker/src/memory.rs", "mod tests { use super::Budget; }");
        allowed("engine/src/io/ring/ops.rs", "use super::super::buffer;");
        refused(
            "broker/src/memory.rs",
            "use super::net::Peer;",
            "broker/memory imports broker/net",
        );
        refused(
            "broker/src/memory.rs",
            "mod tests { use super::super::net::Peer; }",
            "broker/memory imports broker/net",
        );
    }

    #[test]
    fn a_file_in_no_room_is_told_so() {
        refused("attic/old.rs", "", "is in no room");
        allowed("tests/stories/main.rs", "use naru_engine::log::Log;");
    }

    #[test]
    fn a_table_that_names_no_room_is_refused() {
        let broken = TABLE.replace("engine/io, broker/memory", "engine/oi");
        assert!(Rooms::parse(&broken).unwrap_err().contains("engine/oi"));
        assert!(Rooms::parse("no table").is_err());
    }

    #[test]
    fn arrows_in_a_ring_are_found() {
        let rooms = Rooms::parse(TABLE).unwrap();
        assert_eq!(rooms.cycle(), None);
        let ring = TABLE.replace(
            "| engine/io | `engine/src/io` | |",
            "| engine/io | `engine/src/io` | engine/log |",
        );
        let rooms = Rooms::parse(&ring).unwrap();
        assert_eq!(rooms.cycle().unwrap(), "engine/io → engine/log → engine/io");
    }
}
