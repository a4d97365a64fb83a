//! What each source file keeps to, whatever its room.

use super::Violation;
use super::tokens::{Source, Token};

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

pub fn check(file: &str, text: &str, source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |line, what: String| violations.push(Violation::new(file, line, what));
    if !text.starts_with("//!") {
        let what = "does not open with `//!`: say what it is, its invariants, what it leaves out";
        report(1, what.to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        report(
            lines,
            format!("has {lines} lines, the most is {LINES_MAX}: split it by subject"),
        );
    }
    let root_lines = root_code_lines(source).len();
    if is_root(file) && root_lines > root_code_lines_max(file) {
        report(
            1,
            format!(
                "has {root_lines} lines beside docs, `mod` and `use`, at most {} may be: move them \
                 to a file named for them",
                root_code_lines_max(file)
            ),
        );
    }
    for (what, line) in unfinished(source) {
        report(
            line,
            format!("{what}: finish it or leave it out; what is left to do belongs in an issue"),
        );
    }
    let may_be_unsafe = UNSAFE_ROOMS.iter().any(|room| file.starts_with(room));
    let may_sleep = SLEEPS_ALLOWED.contains(&file);
    let modules = source.inline_modules();
    for (place, inline) in modules.iter().enumerate() {
        if source.is_ident(place, "unsafe") && !may_be_unsafe {
            report(
                source.line(place),
                format!(
                    "`unsafe` outside of {}: build on what these rooms offer",
                    UNSAFE_ROOMS.join(", ")
                ),
            );
        }
        let is_sleep = source.is_ident(place, "thread")
            && source.is_path_separator(place + 1)
            && source.is_ident(place + 2, "sleep");
        let is_test = is_test_file(file) || inline.iter().any(|name| name == "tests");
        if is_sleep && is_test && !may_sleep {
            let what =
                "a test that sleeps is slow or flaky: wait for what it expects, with a bound";
            report(source.line(place), what.to_owned());
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

fn unfinished(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for place in 0..source.tokens.len() {
        let is_macro = source.is(place + 1, '!')
            && (UNFINISHED_MACROS.iter()).any(|name| source.is_ident(place, name));
        if is_macro {
            let name = source.ident(place).unwrap_or_default();
            found.push((format!("`{name}!`"), source.line(place)));
        }
        let is_ignored = source.is(place, '#')
            && source.is(place + 1, '[')
            && source.is_ident(place + 2, "ignore");
        if is_ignored {
            found.push(("an ignored test".to_owned(), source.line(place)));
        }
    }
    for (comment, line) in &source.comments {
        let mut words = comment.split(|c: char| !c.is_alphanumeric());
        if let Some(mark) = words.find(|word| UNFINISHED_MARKS.contains(word)) {
            found.push((format!("a comment that says {mark}"), *line));
        }
    }
    found
}

/// The lines of code that are not part of an attribute, a `mod x;` or a `use`.
fn root_code_lines(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut place = 0;
    while place < source.tokens.len() {
        let end = item_end(source, place);
        if !is_declaration(source, place) {
            lines.extend((place..end).map(|inside| source.line(inside)));
        }
        place = end;
    }
    lines.dedup();
    lines
}

/// Behind the item or the attribute that begins at `place`.
fn item_end(source: &Source, place: usize) -> usize {
    let is_attribute = source.is(place, '#');
    let is_use = is_declaration(source, place) && !is_attribute;
    let mut depth = 0usize;
    for at in place..source.tokens.len() {
        match source.tokens.get(at) {
            Some((Token::Other('{' | '(' | '['), _)) => depth += 1,
            Some((Token::Other(closing @ ('}' | ')' | ']')), _)) => {
                depth = depth.saturating_sub(1);
                let ends = match closing {
                    '}' => !is_use,
                    ']' => is_attribute,
                    _ => false,
                };
                if depth == 0 && ends {
                    return at + 1;
                }
            }
            Some((Token::Other(';'), _)) if depth == 0 => return at + 1,
            _ => {}
        }
    }
    source.tokens.len()
}

fn is_declaration(source: &Source, place: usize) -> bool {
    if source.is(place, '#') {
        return true;
    }
    let mut at = place;
    if source.is_ident(at, "pub") {
        at += 1;
        if source.is(at, '(') {
            while at < source.tokens.len() && !source.is(at, ')') {
                at += 1;
            }
            at += 1;
        }
    }
    source.is_ident(at, "use") || (source.is_ident(at, "mod") && source.is(at + 2, ';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(file: &str, text: &str) -> Vec<String> {
        let violations = check(file, text, &Source::read(text));
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
        assert!(root_code_lines(&Source::read(declared)).is_empty());
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
