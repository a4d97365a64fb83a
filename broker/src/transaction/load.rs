//! From the log back to the ids.

use super::coordinator::{Coordinator, Entry};
use super::records;
use super::{Effect, Now};
use crate::record_codec::RecordError;

impl<R> Coordinator<R> {
    /// Takes one record of the log, in order. `None` as value is a tombstone.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RecordError> {
        let Some(id) = records::decode_key(key)? else {
            // A kind of record that is not known: of a newer version.
            return Ok(());
        };
        match value {
            Some(value) => {
                let metadata = records::decode_value(value)?;
                self.ids.insert(id, Entry::new(metadata));
            }
            None => {
                self.ids.remove(&id);
            }
        }
        Ok(())
    }

    /// The log is read: what was decided goes on, and what is open has the time that is left.
    pub fn loaded(&mut self, now: Now) -> Vec<Effect<R>> {
        let ids: Vec<String> = self.ids.keys().cloned().collect();
        for id in ids {
            self.enter_deadline(now, &id);
            let is_prepared = self
                .ids
                .get(&id)
                .map(|entry| entry.metadata.state.is_prepared());
            if is_prepared == Some(true) {
                self.write_markers(now, &id);
            }
        }
        self.take_effects()
    }
}
