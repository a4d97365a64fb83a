//! How much there is to read, for a fetch that waits for its `min.bytes`.

use naru_runtime::Env;

use super::Log;

impl<E: Env> Log<E> {
    /// Bytes between `from` and what is flushed, roughly: enough to decide whether a
    /// fetch has its `min.bytes`.
    pub fn readable_bytes(&self, from: i64) -> u64 {
        let state = self.state();
        if from >= state.flushed_offset {
            return 0;
        }
        let Some(end) = state.segment_of(from) else {
            return state.size_bytes();
        };
        if end.segment != state.flushed.segment {
            return end.position.max(1);
        }
        let known = state.read_ends.iter().find(|&&(offset, _)| offset == from);
        let start = match known {
            Some((_, place)) => place.position,
            None => state
                .begun
                .iter()
                .find(|s| s.base_offset == end.segment)
                .map_or(0, |s| s.index.position_for_offset(from)),
        };
        state.flushed.position.saturating_sub(start).max(1)
    }
}
