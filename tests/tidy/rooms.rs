//! Who may import whom: the table of `docs/ARCHITECTURE.md` against the paths in the code.
//!
//! A path (`crate::io::Disk`, `super::super::net`, `naru_wire::ErrorCode`) is followed to
//! the folder or file it names, and from there to the room with the longest path around
//! it. Names that came in by a `use` were checked there.

use std::collections::BTreeSet;

use super::Violation;
use super::tokens::Source;

const TABLE_BEGINS: &str = "<!-- rooms -->";
const TABLE_ENDS: &str = "<!-- /rooms -->";

/// Our crates, as code names them, and where their modules lie.
const CRATES: [(&str, &str); 6] = [
    ("naru_bench", "bench-harness/src"),
    ("naru_broker", "broker/src"),
    ("naru_engine", "engine/src"),
    ("naru_record_batch", "engine/record-batch/src"),
    ("naru_runtime", "engine/runtime/src"),
    ("naru_wire", "broker/wire/src"),
];

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

    /// A way from a room back to itself, other than over an edge of `owed`.
    pub fn cycle(&self, owed: &[(&str, &str)]) -> Option<String> {
        self.0.iter().find_map(|room| {
            let mut way = vec![room.name.as_str()];
            self.way_back(&mut way, owed).then(|| way.join(" → "))
        })
    }

    fn way_back<'a>(&'a self, way: &mut Vec<&'a str>, owed: &[(&str, &str)]) -> bool {
        let last = way.last().copied().unwrap_or_default();
        let Some(room) = self.0.iter().find(|room| room.name == last) else {
            return false;
        };
        for next in &room.may_import {
            if owed.contains(&(last, next)) {
                continue;
            }
            let is_back = way.first().is_some_and(|first| first == next);
            if !is_back && way.contains(&next.as_str()) {
                continue;
            }
            way.push(next);
            if is_back || self.way_back(way, owed) {
                return true;
            }
            way.pop();
        }
        false
    }

    /// Each import of `file` that the table does not allow.
    pub fn check(&self, file: &str, source: &Source) -> Vec<Violation> {
        let Some(room) = self.of(file) else {
            return vec![Violation::new(
                file,
                1,
                "lies in no room: give its folder a row in docs/ARCHITECTURE.md",
            )];
        };
        let mut violations = Vec::new();
        let mut told = BTreeSet::new();
        for (target, line) in imports(file, source) {
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

/// The paths into our own code, as places in the repository, with their lines.
fn imports(file: &str, source: &Source) -> Vec<(String, usize)> {
    let modules = source.inline_modules();
    let mut found = Vec::new();
    for (place, inline) in modules.iter().enumerate() {
        let Some(ident) = source.ident(place) else {
            continue;
        };
        let is_start = place == 0 || !source.is_path_separator(place - 1);
        if !is_start || !source.is_path_separator(place + 1) {
            continue;
        }
        let base = match ident {
            "crate" => own_crate(file).map(|(_, folder)| folder.to_owned()),
            "super" => above(file, inline, source, place),
            _ => CRATES
                .iter()
                .find(|(name, _)| *name == ident)
                .map(|(_, folder)| (*folder).to_owned()),
        };
        if let Some(base) = base {
            let mut after = place + 1;
            while source.is_path_separator(after) && source.is_ident(after + 1, "super") {
                after += 2;
            }
            follow(source, after, &base, &mut found);
        }
    }
    found
}

fn own_crate(file: &str) -> Option<(&'static str, &'static str)> {
    CRATES.into_iter().find(|(_, folder)| {
        file.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Where a chain of `super`s leads: the folder of a module, as far as it leaves the file.
fn above(file: &str, inline: &[String], source: &Source, place: usize) -> Option<String> {
    let (_, root) = own_crate(file)?;
    let module = without_extension(file);
    let module = ["/mod", "/lib", "/main"]
        .iter()
        .find_map(|name| module.strip_suffix(name))
        .unwrap_or(module);
    let mut steps: Vec<&str> = module.strip_prefix(root)?.split('/').skip(1).collect();
    steps.extend(inline.iter().map(String::as_str));
    let mut at = place;
    while source.is_ident(at, "super") {
        steps.pop();
        at += 2;
    }
    let mut base = root.to_owned();
    for step in steps {
        base.push('/');
        base.push_str(step);
    }
    Some(base)
}

/// Walks a path, or a tree of `use`, from the separator at `place` on.
fn follow(source: &Source, place: usize, base: &str, found: &mut Vec<(String, usize)>) {
    if !source.is_path_separator(place) {
        found.push((base.to_owned(), source.line(place.saturating_sub(1))));
        return;
    }
    let next = place + 1;
    if let Some(name) = source.ident(next) {
        follow(source, next + 1, &format!("{base}/{name}"), found);
    } else if source.is(next, '{') {
        let mut depth = 0;
        for inside in next.. {
            if source.is(inside, '{') {
                depth += 1;
            } else if source.is(inside, '}') {
                depth -= 1;
            }
            if depth == 0 || source.line(inside) == 0 {
                return;
            }
            let begins = depth == 1
                && (source.is(inside, ',') || source.is(inside, '{'))
                && source.ident(inside + 1).is_some();
            if begins {
                let name = source.ident(inside + 1).unwrap_or_default();
                follow(source, inside + 2, &format!("{base}/{name}"), found);
            }
        }
    } else {
        found.push((base.to_owned(), source.line(place)));
    }
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
        let violations = rooms.check(file, &Source::read(text));
        violations.iter().map(ToString::to_string).collect()
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
    fn what_only_looks_like_an_import_is_none() {
        allowed(
            "engine/src/io/ring.rs",
            "// crate::log\nconst A: &str = \"crate::log::Log\"; pub(crate) fn log() { x.crate_log() }",
        );
    }

    #[test]
    fn a_file_in_no_room_is_told_so() {
        refused("attic/old.rs", "", "lies in no room");
        allowed("tests/stories/main.rs", "use naru_engine::log::Log;");
    }

    #[test]
    fn a_table_that_names_no_room_is_refused() {
        let broken = TABLE.replace("engine/io, broker/memory", "engine/oi");
        assert!(Rooms::parse(&broken).unwrap_err().contains("engine/oi"));
        assert!(Rooms::parse("no table").is_err());
    }

    #[test]
    fn arrows_in_a_ring_are_found_unless_they_are_owed() {
        let rooms = Rooms::parse(TABLE).unwrap();
        assert_eq!(rooms.cycle(&[]), None);
        let ring = TABLE.replace(
            "| engine/io | `engine/src/io` | |",
            "| engine/io | `engine/src/io` | engine/log |",
        );
        let rooms = Rooms::parse(&ring).unwrap();
        assert_eq!(
            rooms.cycle(&[]).unwrap(),
            "engine/io → engine/log → engine/io"
        );
        assert_eq!(rooms.cycle(&[("engine/io", "engine/log")]), None);
    }
}
