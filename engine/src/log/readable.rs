//! How much there is to read, for a fetch that waits for its `min.bytes`.

use naru_runtime::Env;

use super::Log;

impl<E: Env> Log<E> {
    /// Bytes between `from` and what is flushed, roughly: enough to decide whether a
    /// fetch has its `min.bytes`.
    pub fn readable_bytes(&self, from: i64) -> u64 {
        let state = self.state();
        let flushed = state.durability().flushed();
        if from >= flushed.next_offset {
            return 0;
        }
        let Some(end) = state.segments().segment_of(from) else {
            return state.size_bytes();
        };
        if end.segment != flushed.place.segment {
            return end.position.max(1);
        }
        let start = match state.readers.read_end(from) {
            Some(place) => place.position,
            None => state
                .segments()
                .unsealed(end.segment)
                .map_or(0, |s| s.index().position_for_offset(from)),
        };
        flushed.place.position.saturating_sub(start).max(1)
    }
}
