//! What is on one side of the gate: a revision of the repository around the working directory,
//! a tree as it is, a ready binary, or a command that starts any broker.
//!
//! A revision is checked out as a worktree below the target directory and built there with a target
//! directory of its own. Both stay, so that the next gate compiles only what has changed. The
//! caller's own checkout is never touched. A directory (`.`) is built as it is, changes and all.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::instructions::Source;
use crate::interrupt;

/// Where the engine keeps the benchmark whose instructions are counted; without it there is nothing
/// to count.
const INSTRUCTIONS_FILE: &str = "engine/benches/instructions.rs";

#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    #[error(
        "`{0}` is neither a file, a directory nor a revision of the repository here: give a built `naru`, or run inside Naru's repository"
    )]
    Unknown(String),
    #[error("`{command}` {what}")]
    Command { command: String, what: String },
    #[error("{path}: {source}")]
    Path {
        path: String,
        source: std::io::Error,
    },
}

/// A side that can be started.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// As the caller wrote it.
    pub name: String,
    /// What starts it, with `{port}` and `{data}`.
    pub command: String,
    /// `None`: only the command is known.
    pub broker: Option<PathBuf>,
    /// Of a revision, or of a tree, then with `-dirty` where it has changes.
    pub commit: Option<String>,
    pub instructions: Source,
}

impl Subject {
    /// Builds it if need be, in the folder `side`. `instructions` is the caller's own build of the
    /// benchmark.
    pub fn prepare(
        name: &str,
        side: &str,
        instructions: Option<&Path>,
    ) -> Result<Self, SubjectError> {
        let path = Path::new(name);
        let mut subject = if path.is_file() {
            Self::ready(name)?
        } else if path.is_dir() {
            Self::as_it_lies(path, side, instructions.is_none())?
        } else {
            Self::build(name, side, instructions.is_none())?
        };
        if let Some(binary) = instructions {
            subject.instructions = Source::Binary(absolute(binary)?);
        }
        Ok(subject)
    }

    /// Any broker, or one with any settings.
    pub fn of_command(command: &str) -> Self {
        Self {
            name: command.to_owned(),
            command: command.to_owned(),
            broker: None,
            commit: None,
            instructions: Source::Missing("a command comes without the benchmark".into()),
        }
    }

    fn ready(name: &str) -> Result<Self, SubjectError> {
        Ok(Self {
            name: name.to_owned(),
            command: start(&absolute(Path::new(name))?),
            broker: Some(absolute(Path::new(name))?),
            commit: None,
            instructions: Source::Missing("a ready binary comes without the benchmark".into()),
        })
    }

    fn build(name: &str, side: &str, with_instructions: bool) -> Result<Self, SubjectError> {
        let unknown = |_| SubjectError::Unknown(name.to_owned());
        let top = git(Path::new("."), &["rev-parse", "--show-toplevel"]).map_err(unknown)?;
        let top = PathBuf::from(top);
        let revision = format!("{name}^{{commit}}");
        let commit =
            git(&top, &["rev-parse", "--verify", "--quiet", &revision]).map_err(unknown)?;
        let folder = target_directory(&top).join("naru-gate").join(side);
        let tree = folder.join("tree");
        check_out(&top, &tree, &commit)?;
        Self::built(
            name,
            &tree,
            &folder.join("target"),
            commit,
            with_instructions,
        )
    }

    /// The tree at `path`, with whatever has been changed there.
    fn as_it_lies(path: &Path, side: &str, with_instructions: bool) -> Result<Self, SubjectError> {
        let name = path.display().to_string();
        let unknown = |_| SubjectError::Unknown(name.clone());
        let top = PathBuf::from(git(path, &["rev-parse", "--show-toplevel"]).map_err(unknown)?);
        let mut commit = git(&top, &["rev-parse", "HEAD"]).map_err(unknown)?;
        if !git(&top, &["status", "--porcelain"])?.is_empty() {
            commit += "-dirty";
        }
        let target = target_directory(&top)
            .join("naru-gate")
            .join(side)
            .join("target");
        Self::built(&name, &top, &target, commit, with_instructions)
    }

    fn built(
        name: &str,
        tree: &Path,
        target: &Path,
        commit: String,
        with_instructions: bool,
    ) -> Result<Self, SubjectError> {
        cargo(tree, target, &["-p", "naru"])?;
        let instructions = if !with_instructions {
            Source::Missing("given by the caller".into())
        } else if tree.join(INSTRUCTIONS_FILE).is_file() {
            build_instructions(tree, target)?
        } else {
            Source::Missing(format!("{name} has no {INSTRUCTIONS_FILE}"))
        };
        Ok(Self {
            name: name.to_owned(),
            command: start(&target.join("release/naru")),
            broker: Some(target.join("release/naru")),
            commit: Some(commit),
            instructions,
        })
    }
}

/// The command line that starts a built broker.
fn start(broker: &Path) -> String {
    format!(
        "'{}' start --set listeners=PLAINTEXT://127.0.0.1:{{port}} --set log.dirs={{data}}",
        broker.display()
    )
}

fn absolute(path: &Path) -> Result<PathBuf, SubjectError> {
    path.canonicalize().map_err(|source| SubjectError::Path {
        path: path.display().to_string(),
        source,
    })
}

/// As cargo finds it, but for a config file that says otherwise.
fn target_directory(top: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), |dir| top.join(dir))
}

fn check_out(top: &Path, tree: &Path, commit: &str) -> Result<(), SubjectError> {
    let is_there = tree.join(".git").exists();
    if is_there
        && git(
            tree,
            &["checkout", "--quiet", "--detach", "--force", commit],
        )
        .is_ok()
    {
        return Ok(());
    }
    if tree.exists() {
        std::fs::remove_dir_all(tree).map_err(|source| SubjectError::Path {
            path: tree.display().to_string(),
            source,
        })?;
    }
    git(top, &["worktree", "prune"])?;
    let path = tree.display().to_string();
    git(
        top,
        &["worktree", "add", "--force", "--detach", &path, commit],
    )?;
    Ok(())
}

fn build_instructions(tree: &Path, target: &Path) -> Result<Source, SubjectError> {
    let messages = cargo(
        tree,
        target,
        &[
            "-p",
            "naru-engine",
            "--bench",
            "instructions",
            "--message-format=json-render-diagnostics",
        ],
    )?;
    Ok(executable(&messages).map_or_else(
        || Source::Missing("cargo named no executable of it".into()),
        Source::Binary,
    ))
}

/// The benchmark's executable among cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    let of_line = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "instructions")
            .then(|| message["executable"].as_str().map(PathBuf::from))
            .flatten()
    };
    messages.lines().find_map(of_line)
}

fn git(directory: &Path, words: &[&str]) -> Result<String, SubjectError> {
    output(Command::new("git").arg("-C").arg(directory).args(words))
}

fn cargo(tree: &Path, target: &Path, words: &[&str]) -> Result<String, SubjectError> {
    let mut command = Command::new("cargo");
    command
        .current_dir(tree)
        .args(["build", "--release", "--target-dir"]);
    // Builds take minutes: who waits should see them go on.
    output(command.arg(target).args(words).stderr(Stdio::inherit()))
}

/// What a command that succeeds prints on standard output.
fn output(command: &mut Command) -> Result<String, SubjectError> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let words = words.join(" ");
    let failed = |what: String| SubjectError::Command {
        command: words.clone(),
        what,
    };
    let job = interrupt::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let output = job.and_then(|(child, _guard)| child.wait_with_output());
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Err(failed(format!("ended with {}", output.status))),
        Err(error) => Err(failed(format!("cannot be run: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nothing_is_an_error_that_says_what_it_could_be() {
        let error = Subject::prepare("no-such-revision", "base", None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("neither a file, a directory nor a revision"),
            "{error}"
        );
    }

    #[test]
    fn a_ready_binary_is_started_from_anywhere_and_has_no_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = file.path().display().to_string();
        let subject = Subject::prepare(&name, "base", None).unwrap();
        assert!(subject.command.starts_with(&format!("'{name}' start ")));
        assert!(matches!(subject.instructions, Source::Missing(_)));
        let subject = Subject::prepare(&name, "base", Some(file.path())).unwrap();
        assert!(matches!(subject.instructions, Source::Binary(_)));
    }

    #[test]
    fn the_benchmark_is_found_among_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"naru_engine"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"instructions"},"executable":"/t/instructions-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/instructions-1"))
        );
        assert_eq!(executable("{}"), None);
    }
}
