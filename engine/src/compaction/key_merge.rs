//! Many key files, read as one in the order of their entries.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use naru_runtime::File;

use super::key_entry::KeyEntry;
use super::key_file::KeyReader;
use super::{CleanError, Pace};

/// Files that are merged at a time, each with a buffer and a descriptor.
pub(super) const FILES_MAX: usize = 64;

pub(super) struct KeyMerge<F> {
    readers: Vec<KeyReader<F>>,
    /// The next entry of each, and which one's it is.
    heads: BinaryHeap<Reverse<(KeyEntry, usize)>>,
}

impl<F: File> KeyMerge<F> {
    /// # Panics
    /// With more than [`FILES_MAX`] files.
    pub async fn start(
        mut readers: Vec<KeyReader<F>>,
        pace: &impl Pace,
    ) -> Result<Self, CleanError> {
        assert!(readers.len() <= FILES_MAX, "{} key files", readers.len());
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (number, reader) in readers.iter_mut().enumerate() {
            if let Some(entry) = reader.next(pace).await? {
                heads.push(Reverse((entry, number)));
            }
        }
        Ok(Self { readers, heads })
    }

    pub async fn next(&mut self, pace: &impl Pace) -> Result<Option<KeyEntry>, CleanError> {
        let Some(Reverse((entry, number))) = self.heads.pop() else {
            return Ok(None);
        };
        let reader = &mut self.readers[number];
        if let Some(next) = reader.next(pace).await? {
            if next <= entry {
                let path = reader.path().to_owned();
                return Err(CleanError::KeyFile { path });
            }
            self.heads.push(Reverse((next, number)));
        }
        Ok(Some(entry))
    }
}
