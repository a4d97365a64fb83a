//! Finding the one batch among the bytes of a produce.

use super::Rejection;
use crate::{HEADER_BYTES, LENGTH_OVERHEAD_BYTES, MAGIC};

/// Up to and with the magic: fewer bytes are no batch of any format.
const MAGIC_END_BYTES: usize = 17;
/// The least length that a batch of the oldest format declares.
const OLD_LENGTH_MIN: i32 = 14;

/// What any format begins with.
struct Front {
    length: i32,
    magic: i8,
}

impl Front {
    fn of(bytes: &[u8]) -> Option<Self> {
        let front = bytes.first_chunk::<MAGIC_END_BYTES>()?;
        let [.., l0, l1, l2, l3, _, _, _, _, magic] = *front;
        Some(Self {
            length: i32::from_be_bytes([l0, l1, l2, l3]),
            magic: magic as i8,
        })
    }

    /// Refuses what Kafka takes for damage.
    fn check(&self) -> Result<(), Rejection> {
        if self.length < OLD_LENGTH_MIN {
            return Err(Rejection::Length(self.length));
        }
        if !(0..=MAGIC).contains(&self.magic) {
            return Err(Rejection::UnknownMagic(self.magic));
        }
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        LENGTH_OVERHEAD_BYTES as u64 + self.length.max(0) as u64
    }
}

/// The batch, without what follows it. A second batch is refused; bytes that are not a whole
/// batch are trimmed, as in Kafka.
pub(super) fn one_batch(records: &[u8]) -> Result<&[u8], Rejection> {
    let front = Front::of(records).ok_or(Rejection::NoBatch)?;
    front.check()?;
    if front.magic != MAGIC {
        return Err(Rejection::OldMagic(front.magic));
    }
    let cut = Rejection::Cut {
        declared_bytes: front.size_bytes(),
        bytes: records.len(),
    };
    let split = usize::try_from(front.size_bytes())
        .ok()
        .and_then(|size| records.split_at_checked(size));
    let Some((batch, after)) = split else {
        return Err(cut);
    };
    if batch.len() < HEADER_BYTES {
        return Err(Rejection::Length(front.length));
    }
    if let Some(second) = Front::of(after) {
        second.check()?;
        if second.size_bytes() <= after.len() as u64 {
            return Err(Rejection::MoreBatches);
        }
    }
    Ok(batch)
}
