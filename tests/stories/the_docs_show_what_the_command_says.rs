//! The examples of docs/CLI.md, one after the other, against a broker of their own.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::Broker;

/// In the docs, for what differs from run to run.
const ANYTHING: char = '…';

/// A command, and the lines that it prints.
type Example<'a> = (&'a str, Vec<&'a str>);

fn examples(docs: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    let mut is_within = false;
    for line in docs.lines() {
        match line {
            "```console" => is_within = true,
            "```" => is_within = false,
            line if is_within => match line.strip_prefix("$ ") {
                Some(command) => examples.push((command, Vec::new())),
                None => examples.last_mut().unwrap().1.push(line),
            },
            _ => {}
        }
    }
    examples
}

/// Runs a line as a shell does, with the `naru` that is tested in the path.
fn run(broker: &Broker, line: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_naru")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{line} 2>&1")])
        .env("PATH", path)
        .env("NARU_BOOTSTRAP", broker.bootstrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a line is as the docs show it; how wide columns are depends on what stands in them.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = squeeze(line);
    let mut rest = line.as_str();
    let shown = squeeze(shown);
    for (index, piece) in shown.split(ANYTHING).enumerate() {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        if index == 0 && at > 0 {
            return false;
        }
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty() || shown.ends_with(ANYTHING)
}

#[test]
fn every_example_prints_what_the_docs_show() {
    let broker = Broker::start(&[]);
    let examples = examples(include_str!("../../docs/CLI.md"));
    assert!(examples.len() > 20, "{examples:?}");
    for (command, shown) in examples {
        let printed = run(&broker, command);
        let lines: Vec<&str> = printed.lines().collect();
        let matches = lines.len() == shown.len()
            && lines
                .iter()
                .zip(&shown)
                .all(|(line, shown)| is_as_shown(line, shown));
        assert!(
            matches,
            "$ {command}\n{printed}--- the docs show\n{}",
            shown.join("\n")
        );
    }
}

#[test]
fn what_differs_is_only_passed_over_where_the_docs_say_so() {
    assert!(is_as_shown("a  (id 5)", "a (id …)"));
    assert!(!is_as_shown("b a (id 5)", "a (id …)"));
    assert!(!is_as_shown("a (id 5) b", "a (id 5)"));
    assert!(!is_as_shown("a (id 5", "a (id …)"));
}
