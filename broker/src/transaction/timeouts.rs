//! What happens without being asked for: transactions time out, ids expire.

use super::coordinator::{Coordinator, Waiting};
use super::records;
use super::{Effect, Now, TransactionState};

/// Transactions that are aborted before the shard looks at its other work.
const ABORTS_PER_TICK_MAX: usize = 256;
/// Ids that are looked at by one [`Coordinator::expire`].
const IDS_PER_EXPIRY_MAX: usize = 4096;
/// Ids that one append forgets, so that its batch stays small.
const TOMBSTONES_PER_APPEND_MAX: usize = 512;

impl<R> Coordinator<R> {
    /// Aborts what has been open for longer than its producer allowed, and tries again what could
    /// not be written.
    pub fn tick(&mut self, now: Now) -> Vec<Effect<R>> {
        let due = self.deadlines.iter();
        let due = due.take_while(|(deadline_ms, _)| *deadline_ms <= now.steady_ms);
        let due: Vec<String> = due
            .map(|(_, id)| id.clone())
            .filter(|id| self.ids.get(id).is_some_and(|entry| !entry.is_pending))
            .take(ABORTS_PER_TICK_MAX)
            .collect();
        for id in due {
            self.abort(now, &id, None);
        }
        self.retry_completions(now);
        self.take_effects()
    }

    /// All markers of these are written, but Complete* could not be.
    fn retry_completions(&mut self, now: Now) {
        let stuck: Vec<String> = std::mem::take(&mut self.stuck).into_iter().collect();
        for id in stuck {
            self.write_markers(now, &id);
        }
    }

    /// Whether [`Self::tick`] has something to do.
    pub fn is_due(&self, now: Now) -> bool {
        let deadline = self.deadlines.first();
        !self.stuck.is_empty() || deadline.is_some_and(|(ms, _)| *ms <= now.steady_ms)
    }

    /// Forgets ids that nobody has used for `transactional.id.expiration.ms`, beginning after
    /// `from`; where to go on is told, until all are looked at.
    pub fn expire(&mut self, now: Now, from: Option<&str>) -> (Vec<Effect<R>>, Option<String>) {
        let oldest_ms = now.wall_ms.saturating_sub(self.config.id_expiration_ms);
        let after = from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self
            .ids
            .range_mut::<str, _>((after, std::ops::Bound::Unbounded));
        let (mut expired, mut looked_at, mut last) = (Vec::new(), 0, None);
        for (id, entry) in range {
            looked_at += 1;
            let is_idle = entry.metadata.state.is_at_rest() && !entry.is_pending;
            if is_idle && entry.metadata.last_update_ms <= oldest_ms {
                entry.is_pending = true;
                expired.push(id.clone());
            }
            if looked_at == IDS_PER_EXPIRY_MAX || expired.len() == TOMBSTONES_PER_APPEND_MAX {
                last = Some(id.clone());
                break;
            }
        }
        if !expired.is_empty() {
            let tombstones = expired.iter().map(|id| records::tombstone(id)).collect();
            let waiting = Waiting::Expiry {
                transactional_ids: expired,
            };
            self.append(tombstones, true, waiting);
        }
        (self.take_effects(), last)
    }

    /// How long a transaction may stay open from now on, after a restart: what its timeout leaves.
    pub(super) fn deadline_after_load(&self, now: Now, start_ms: i64, timeout_ms: i32) -> i64 {
        let timeout_ms = i64::from(timeout_ms);
        let open_for_ms = now
            .wall_ms
            .saturating_sub(start_ms)
            .clamp(0, timeout_ms.max(0));
        now.steady_ms + (timeout_ms - open_for_ms)
    }

    pub(super) fn enter_deadline(&mut self, now: Now, id: &str) {
        let Some(entry) = self.ids.get(id) else {
            return;
        };
        let metadata = &entry.metadata;
        if metadata.state != TransactionState::Ongoing {
            return;
        }
        let deadline_ms = self.deadline_after_load(now, metadata.start_ms, metadata.timeout_ms);
        self.deadlines.insert((deadline_ms, id.to_owned()));
        if let Some(entry) = self.ids.get_mut(id) {
            entry.deadline_ms = Some(deadline_ms);
        }
    }
}
