//! The directories of a simulated disk: which names are seen, and which are safe.
//!
//! A name that was made, renamed or removed may, at a power cut, be so or not, until its
//! directory is synced. A rename is one change: the file has one of the two names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::rng::Rng;

pub(super) type NodeId = usize;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir(NodeId),
    File(NodeId),
}

type Entries = BTreeMap<String, Node>;

#[derive(Clone, Debug, Default)]
struct Dir {
    seen: Entries,
    safe: Entries,
}

/// A place for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub dir: NodeId,
    pub name: String,
}

/// `node` leaves one place, enters another, or both.
#[derive(Clone, Debug)]
struct Change {
    number: u64,
    node: Node,
    from: Option<Slot>,
    to: Option<Slot>,
}

#[derive(Clone, Debug)]
pub(super) struct Names {
    /// By id; 0 is the root.
    dirs: Vec<Dir>,
    changes: Vec<Change>,
    changes_count: u64,
}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

impl Names {
    pub fn new() -> Self {
        Self {
            dirs: vec![Dir::default()],
            changes: Vec::new(),
            changes_count: 0,
        }
    }

    /// What a path stands for.
    pub fn find(&self, path: &Path) -> io::Result<Node> {
        let mut node = Node::Dir(0);
        for name in parts(path) {
            let Node::Dir(dir) = node else {
                return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
            };
            node = *self.dirs[dir].seen.get(name).ok_or_else(not_found)?;
        }
        Ok(node)
    }

    pub fn find_dir(&self, path: &Path) -> io::Result<NodeId> {
        match self.find(path)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
        }
    }

    /// The place of a path whose directory exists.
    pub fn slot(&self, path: &Path) -> io::Result<Slot> {
        let name = parts(path).last().ok_or_else(not_found)?;
        Ok(Slot {
            dir: self.find_dir(path.parent().ok_or_else(not_found)?)?,
            name: name.to_owned(),
        })
    }

    pub fn entries(&self, dir: NodeId) -> impl Iterator<Item = (&String, &Node)> {
        self.dirs[dir].seen.iter()
    }

    /// Where a file is now; `None` once its last name is gone.
    pub fn path_of(&self, file: NodeId) -> Option<PathBuf> {
        let mut found = self.files().into_iter();
        found
            .find(|(_, known)| *known == file)
            .map(|(path, _)| path)
    }

    /// Every file that has a name.
    pub fn files(&self) -> Vec<(PathBuf, NodeId)> {
        let mut out = Vec::new();
        let mut dirs = vec![(PathBuf::from("/"), 0)];
        while let Some((path, dir)) = dirs.pop() {
            for (name, node) in self.entries(dir) {
                match node {
                    Node::Dir(below) => dirs.push((path.join(name), *below)),
                    Node::File(file) => out.push((path.join(name), *file)),
                }
            }
        }
        out
    }

    pub fn make_dirs(&mut self, path: &Path) -> io::Result<()> {
        let mut dir = 0;
        for name in parts(path) {
            dir = match self.dirs[dir].seen.get(name) {
                Some(Node::Dir(known)) => *known,
                Some(Node::File(_)) => return Err(io::Error::from_raw_os_error(libc::EEXIST)),
                None => {
                    let new = self.dirs.len();
                    self.dirs.push(Dir::default());
                    let name = name.to_owned();
                    self.change(Node::Dir(new), None, Some(Slot { dir, name }));
                    new
                }
            };
        }
        Ok(())
    }

    pub fn change(&mut self, node: Node, from: Option<Slot>, to: Option<Slot>) {
        let change = Change {
            number: self.changes_count,
            node,
            from,
            to,
        };
        self.changes_count += 1;
        apply(&mut self.dirs, &change, |dir| &mut dir.seen);
        self.changes.push(change);
    }

    /// How many changes there were, for [`Self::sync`].
    pub fn changes_count(&self) -> u64 {
        self.changes_count
    }

    /// Makes safe what was changed in `dir` before the count was `until`.
    pub fn sync(&mut self, dir: NodeId, until: u64) {
        let is_in = |slot: &Option<Slot>| slot.as_ref().is_some_and(|s| s.dir == dir);
        let (now, later) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|c| c.number < until && (is_in(&c.from) || is_in(&c.to)));
        self.changes = later;
        let now: Vec<Change> = now;
        for change in &now {
            apply(&mut self.dirs, change, |dir| &mut dir.safe);
        }
    }

    /// Makes safe what was changed anywhere before the count was `until`.
    pub fn sync_all(&mut self, until: u64) {
        let (now, later) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|change| change.number < until);
        self.changes = later;
        let now: Vec<Change> = now;
        for change in &now {
            apply(&mut self.dirs, change, |dir| &mut dir.safe);
        }
    }

    /// The power is gone: what was not synced is so or not.
    pub fn lose_power(&mut self, rng: &mut Rng) {
        for change in std::mem::take(&mut self.changes) {
            if rng.coin() {
                apply(&mut self.dirs, &change, |dir| &mut dir.safe);
            }
        }
        for dir in &mut self.dirs {
            dir.seen = dir.safe.clone();
        }
    }
}

fn apply(dirs: &mut [Dir], change: &Change, side: impl Fn(&mut Dir) -> &mut Entries) {
    if let Some(from) = &change.from {
        let entries = side(&mut dirs[from.dir]);
        if entries.get(&from.name) == Some(&change.node) {
            entries.remove(&from.name);
        }
    }
    if let Some(to) = &change.to {
        side(&mut dirs[to.dir]).insert(to.name.clone(), change.node);
    }
}

fn parts(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    })
}
