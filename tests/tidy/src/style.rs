//! What each source file keeps to, whatever its room.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::Violation;
use crate::source::{Source, Token};

/// rustfmt holds code to it (`rustfmt.toml`); this test holds comments to it.
pub const COLUMNS_MAX: usize = 100;

/// A file that grows past this has a seam that nobody has found yet.
pub const LINES_MAX: usize = 600;

/// Lines of `lib.rs` and `mod.rs` that are neither docs, nor `mod`, nor `use`: room for a
/// constant or an alias that the whole room shares. In a `tests` folder cargo wants shared
/// code in a `mod.rs`.
pub const ROOT_CODE_LINES_MAX: usize = 20;

/// Where `unsafe` may stand: what shares memory with the kernel.
pub const UNSAFE_ROOMS: [&str; 2] = ["engine/runtime/src/ring/", "engine/runtime/src/buffer.rs"];

/// Roots that had more code when this rule came, and how much: they may shrink.
pub const ROOT_CODE_LINES_OWED: [(&str, usize); 3] = [
    ("broker/src/group/records/mod.rs", 59),
    ("broker/wire/src/api/mod.rs", 80),
    ("engine/runtime/src/sim/mod.rs", 135),
];

/// Where tests may sleep. In the engine their subject is time that passes by itself: a thread
/// that wakes another later, a loop that must not burn CPU while nothing happens. The stories
/// ask another process, which sends no event, again and again until a deadline.
pub const SLEEPS_ALLOWED: [&str; 4] = [
    "engine/runtime/src/tests/disks.rs",
    "engine/runtime/src/tests/runtime.rs",
    "tests/stories/harness/broker.rs",
    "tests/stories/topics_are_created_described_deleted.rs",
];

const UNFINISHED_MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const UNFINISHED_MARKS: [&str; 3] = ["TODO", "FIXME", "XXX"];

pub fn check(source: &Source<'_>) -> Vec<Violation> {
    let (file, text) = (source.file, source.text);
    let mut violations = Vec::new();
    let mut report = |line, what: String| violations.push(Violation::new(file, line, what));
    if !text.starts_with("//!") {
        let what = "does not open with `//!`: say what it is, its invariants, what it leaves out";
        report(1, what.to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let what = format!("has {lines} lines, the most is {LINES_MAX}: split it by subject");
        report(lines, what);
    }
    let root_lines = root_code_lines(source).len();
    let root_lines_max = root_code_lines_max(file);
    if is_root(file) && root_lines > root_lines_max {
        let what = format!(
            "has {root_lines} lines beside docs, `mod` and `use`, at most {root_lines_max} may \
             be: move them to a file named for them"
        );
        report(1, what);
    }
    for (line, what) in unfinished(source) {
        report(
            line,
            format!("{what}: finish it or leave it out; what is left to do belongs in an issue"),
        );
    }
    for (line, comment) in comments(text) {
        let columns = comment.chars().count();
        if columns > COLUMNS_MAX && !is_unbreakable(comment) {
            let what = format!("a comment of {columns} columns, the most is {COLUMNS_MAX}");
            report(line, what);
        }
    }
    if !UNSAFE_ROOMS.iter().any(|room| file.starts_with(room)) {
        for place in (0..source.tokens.len()).filter(|&at| source.is_ident(at, "unsafe")) {
            let rooms = UNSAFE_ROOMS.join(", ");
            let what = format!("`unsafe` outside of {rooms}: build on what these rooms offer");
            report(source.line(place), what);
        }
    }
    if !SLEEPS_ALLOWED.contains(&file) {
        for span in sleeps_in_tests(source) {
            let what =
                "a test that sleeps is slow or flaky: wait for what it expects, with a bound";
            report(span.start().line, what.to_owned());
        }
    }
    violations
}

fn is_root(file: &str) -> bool {
    (file.ends_with("/lib.rs") || file.ends_with("/mod.rs")) && !is_test_file(file)
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.split('/').any(|step| step == "tests")
}

fn root_code_lines_max(file: &str) -> usize {
    let owed = ROOT_CODE_LINES_OWED.iter().find(|(owed, _)| *owed == file);
    owed.map_or(ROOT_CODE_LINES_MAX, |(_, lines)| *lines)
}

fn unfinished(source: &Source<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (place, (token, line)) in source.tokens.iter().enumerate() {
        let Token::Ident(name) = token else { continue };
        if source.is_mark(place + 1, '!') && UNFINISHED_MACROS.contains(&name.as_str()) {
            found.push((*line, format!("`{name}!`")));
        }
        let is_attribute =
            place >= 2 && source.is_mark(place - 1, '[') && source.is_mark(place - 2, '#');
        if is_attribute && name == "ignore" {
            found.push((*line, "an ignored test".to_owned()));
        }
    }
    for (line, comment) in comments(source.text) {
        let mut words = comment.split(|c: char| !c.is_alphanumeric());
        if let Some(mark) = words.find(|word| UNFINISHED_MARKS.contains(word)) {
            found.push((line, format!("a comment that says {mark}")));
        }
    }
    found
}

/// Lines that are comments and nothing else, with their numbers.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines.filter(|(_, line)| line.trim_start().starts_with("//"))
}

/// A row of a table, or an address, cannot be broken.
fn is_unbreakable(comment: &str) -> bool {
    let said = comment
        .trim_start()
        .trim_start_matches(['/', '!'])
        .trim_start();
    said.starts_with('|') || said.contains("://")
}

/// The lines of code that are not part of an attribute, a `mod x;` or a `use`.
fn root_code_lines(source: &Source<'_>) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for item in &source.tree.items {
        let is_declaration = match item {
            syn::Item::Mod(module) => module.content.is_none(),
            syn::Item::Use(_) => true,
            _ => false,
        };
        if !is_declaration {
            let span = item.span();
            lines.extend(span.start().line..=span.end().line);
        }
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with("//") || line.starts_with("#[") {
            lines.remove(&number);
        }
    }
    lines
}

/// Where tests put their thread to sleep.
fn sleeps_in_tests(source: &Source<'_>) -> Vec<Span> {
    let mut walk = Sleeps {
        is_test: is_test_file(source.file),
        found: Vec::new(),
    };
    walk.visit_file(&source.tree);
    walk.found
}

struct Sleeps {
    is_test: bool,
    found: Vec<Span>,
}

impl<'ast> Visit<'ast> for Sleeps {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outer = self.is_test;
        self.is_test |= module.ident == "tests";
        visit::visit_item_mod(self, module);
        self.is_test = outer;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut last_two = path.segments.iter().rev().map(|segment| &segment.ident);
        let is_sleep = last_two.next().is_some_and(|name| name == "sleep")
            && last_two.next().is_some_and(|name| name == "thread");
        if self.is_test && is_sleep {
            self.found.push(path.span());
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(file: &str, text: &str) -> Vec<String> {
        match Source::read(file, text) {
            Ok(source) => check(&source).iter().map(ToString::to_string).collect(),
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
    fn a_file_says_what_it_is() {
        allowed("broker/src/a.rs", "//! A.\nfn a() {}");
        refused("broker/src/a.rs", "fn a() {}", "does not open with `//!`");
    }

    #[test]
    fn a_file_has_an_end() {
        let lines = |count: usize| format!("//! A.{}", "\n// a".repeat(count - 1));
        allowed("broker/src/a.rs", &lines(LINES_MAX));
        refused("broker/src/a.rs", &lines(LINES_MAX + 1), "has 601 lines");
    }

    #[test]
    fn a_root_declares_and_does_no_work() {
        let declared =
            "//! A.\n#[cfg(test)]\nmod a;\npub(crate) mod b;\npub use b::{\n    c,\n    d,\n};\n";
        let source = Source::read("broker/src/mod.rs", declared).unwrap();
        assert!(root_code_lines(&source).is_empty());
        let work =
            |lines: usize| format!("{declared}fn f() {{{}\n}}\n", "\n    g();".repeat(lines));
        allowed("broker/src/mod.rs", &work(ROOT_CODE_LINES_MAX - 2));
        refused(
            "broker/src/mod.rs",
            &work(ROOT_CODE_LINES_MAX - 1),
            "has 21 lines beside docs",
        );
        allowed("broker/src/other.rs", &work(ROOT_CODE_LINES_MAX - 1));
    }

    #[test]
    fn comments_keep_to_the_width_of_code() {
        let long = "a ".repeat(COLUMNS_MAX / 2);
        refused(
            "a/b.rs",
            &format!("//! A.\n// {long}"),
            "b.rs:2: a comment of 103 columns",
        );
        allowed("a/b.rs", &format!("//! A.\n//! | {long}|"));
        allowed("a/b.rs", &format!("//! A.\nconst A: &str = \"{long}\";"));
    }

    #[test]
    fn unsafe_stays_in_its_rooms() {
        let text = "//! A.\nfn f() { unsafe { g() } }";
        allowed("engine/runtime/src/ring/op.rs", text);
        refused(
            "engine/src/log/read.rs",
            text,
            "read.rs:2: `unsafe` outside",
        );
        allowed(
            "engine/src/log/read.rs",
            "//! Nothing unsafe.\n#![deny(unsafe_code)]",
        );
    }

    #[test]
    fn nothing_is_left_unfinished() {
        refused("a/b.rs", "//! A.\nfn f() { todo!() }", "b.rs:2: `todo!`");
        refused("a/b.rs", "//! A.\nfn f() { dbg!(1); }", "`dbg!`");
        refused(
            "a/b.rs",
            "//! A.\n#[ignore = \"slow\"]\nfn f() {}",
            "an ignored test",
        );
        let comment = ["//! A.\n// FIX", "ME later"].concat();
        refused("a/b.rs", &comment, "a comment that says");
        allowed("a/b.rs", "//! A.\nfn f() { let todo = \"todo!\"; }");
    }

    #[test]
    fn tests_do_not_sleep_but_threads_of_their_own_may() {
        let sleeps = "//! A.\nfn f() { std::thread::sleep(d); }";
        allowed("broker/src/a.rs", sleeps);
        refused("tests/stories/a.rs", sleeps, "a.rs:2: a test that sleeps");
        refused("engine/src/log/tests.rs", sleeps, "a test that sleeps");
        refused(
            "broker/src/a.rs",
            "//! A.\nmod tests { fn f() { thread::sleep(d); } }",
            "a test that sleeps",
        );
    }
}
