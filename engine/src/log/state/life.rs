//! Whether a log takes appends and writes, and if not, why.
//!
//! ```text
//!            no room                   room again
//!   open ───────────────▶ full ──────────────────────▶ open
//!     │                     │
//!     └──── close ──────────┴─────▶ closing ───▶ ended
//!     └──── failure, retirement ────────────────▶ ended
//! ```
//! Nothing leads away from `ended`.

use super::super::LogError;

#[derive(Default)]
pub(in crate::log) struct Life {
    ended: Option<LogError>,
    is_closing: bool,
    room: Room,
}

#[derive(Default)]
enum Room {
    #[default]
    Enough,
    /// The disk was full. What was appended and not written is being taken back.
    TakingBack(LogError),
    /// The disk was full, and nothing is left of what did not fit.
    Full(LogError),
}

impl Life {
    /// The error of every operation, once the log has ended.
    pub fn ended(&self) -> Option<&LogError> {
        self.ended.as_ref()
    }

    /// The error of what needs room, while there is none.
    pub fn full(&self) -> Option<&LogError> {
        match &self.room {
            Room::Enough => None,
            Room::TakingBack(error) | Room::Full(error) => Some(error),
        }
    }

    /// Whether the disk was full, and what did not fit is gone.
    pub fn is_waiting_for_room(&self) -> bool {
        self.ended.is_none() && matches!(self.room, Room::Full(_))
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Whether the writer may go on with what was appended.
    pub fn may_write(&self) -> bool {
        self.ended.is_none() && matches!(self.room, Room::Enough)
    }

    /// The first reason stays: what follows from it tells less.
    pub(super) fn end(&mut self, error: LogError) {
        self.ended.get_or_insert(error);
    }

    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    pub(super) fn take_back(&mut self, error: LogError) {
        assert!(
            self.full().is_none(),
            "a log without room was written: {error}"
        );
        self.room = Room::TakingBack(error);
    }

    pub(super) fn taken_back(&mut self) {
        if let Room::TakingBack(error) = std::mem::take(&mut self.room) {
            self.room = Room::Full(error);
        }
    }

    pub(super) fn found_room(&mut self) {
        self.room = Room::Enough;
    }
}
