//! Reading the records of a compressed batch in steps: a value may be a gigabyte of zeros,
//! and whoever reads it may have others to look after.
//!
//! The same fields in the same order as in `read`, with a place to stop between any two
//! windows of the decompressor. Keys and values are passed over.

use super::RecordError;
use super::read::{front, headers_count, leave, nullable_len};
use super::source::StreamSource;

/// What a record says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Front {
    pub(crate) timestamp_delta_ms: i64,
    pub(crate) offset_delta: i32,
    pub(crate) has_key: bool,
}

/// A reader that can stop within a record.
#[derive(Debug, Default)]
pub(crate) struct RecordSteps {
    next: Next,
    /// Bytes of a key or value that are still to be passed over.
    skip: usize,
    front: Front,
}

/// What is to be read next, once nothing is to be passed over.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Front,
    Value,
    HeadersCount,
    /// Of so many headers.
    HeaderKey(usize),
    HeaderValue(usize),
}

impl RecordSteps {
    /// Whether the next byte is the first of a record, or the end.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.next, Next::Front)
    }

    /// Reads on to the end of a record; `None` when the source has produced `until` bytes
    /// before that.
    pub(crate) fn read<B: AsRef<[u8]>>(
        &mut self,
        source: &mut StreamSource<B>,
        until: usize,
    ) -> Result<Option<Front>, RecordError> {
        loop {
            while self.skip > 0 {
                if source.produced_bytes() >= until {
                    return Ok(None);
                }
                self.skip -= source.pass(self.skip)?;
            }
            if source.produced_bytes() >= until {
                return Ok(None);
            }
            self.next = match self.next {
                Next::Front => {
                    let (timestamp_delta_ms, offset_delta) = front(source)?;
                    let has_key = self.enter_field(source)?;
                    self.front = Front {
                        timestamp_delta_ms,
                        offset_delta,
                        has_key,
                    };
                    Next::Value
                }
                Next::Value => {
                    self.enter_field(source)?;
                    Next::HeadersCount
                }
                Next::HeadersCount => Next::HeaderKey(headers_count(source)?),
                Next::HeaderKey(0) => {
                    leave(source)?;
                    self.next = Next::Front;
                    return Ok(Some(self.front));
                }
                Next::HeaderKey(left) => {
                    if !self.enter_field(source)? {
                        return Err(RecordError::HeaderKey);
                    }
                    Next::HeaderValue(left)
                }
                Next::HeaderValue(left) => {
                    self.enter_field(source)?;
                    Next::HeaderKey(left - 1)
                }
            };
        }
    }

    /// Reads a length, and has its bytes passed over; false for null.
    fn enter_field<B: AsRef<[u8]>>(
        &mut self,
        source: &mut StreamSource<B>,
    ) -> Result<bool, RecordError> {
        let Some(len) = nullable_len(source)? else {
            return Ok(false);
        };
        source.claim(len)?;
        self.skip = len;
        Ok(true)
    }
}
