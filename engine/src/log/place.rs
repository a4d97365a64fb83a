//! Places in a log: where bytes are, and where batches end.

/// A place in the log: a segment by its base offset, and a byte in it. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub segment: i64,
    pub position: u64,
}

/// Where a batch ends: its offset and its place never go apart, so that one cannot be moved
/// without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchEnd {
    /// The offset after its last record.
    pub next_offset: i64,
    /// The place after its last byte.
    pub place: Place,
}

impl BatchEnd {
    /// Whether this end is at `other` or before it, as an offset and as a place.
    pub fn is_within(self, other: Self) -> bool {
        self.next_offset <= other.next_offset && self.place <= other.place
    }
}
