//! Reads the partition of a coordinator back, from its start to its end: a restart is a replay.
//!
//! What is read is what the log holds, so that compaction bounds it. More may be appended
//! meanwhile: the log is read until nothing is left of it, and in that same turn of the shard the
//! coordinator takes its seat.

use std::rc::Rc;

use naru_engine::log::{LogError, ReadError};
use naru_record_batch::BatchHeader;
use naru_runtime::Handle;

use crate::partition::{Isolation, Partition};

/// Bytes of the log that are read and replayed before the shard's other work has its turn.
const READ_BYTES: usize = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no whole batch at offset {0}")]
    Damaged(i64),
}

/// Gives each batch to `replay`, which gets its header and all of its bytes.
pub async fn read_back(
    io: &Handle,
    partition: &Rc<Partition>,
    mut replay: impl FnMut(&BatchHeader, &[u8]),
) -> Result<(), LoadError> {
    let everything = Isolation::ReadUncommitted;
    // What recovery found is committed before it is read, or the end of it would be missed.
    partition.latest(everything).await?;
    let mut offset = partition.start_offset();
    while offset < partition.committed() {
        let read = partition.read(offset, READ_BYTES, true, everything);
        let bytes = match read.await {
            Ok(read) => read.records.concat(),
            Err(ReadError::OffsetOutOfRange { start, .. }) if offset < start => {
                offset = start;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let next = each_batch(&bytes, &mut replay);
        offset = next.ok_or(LoadError::Damaged(offset))?;
        io.yield_now().await;
    }
    Ok(())
}

/// Gives whole batches to `replay`; returns the offset after them, if there are any.
pub fn each_batch(bytes: &[u8], mut replay: impl FnMut(&BatchHeader, &[u8])) -> Option<i64> {
    let mut next = None;
    let mut rest = bytes;
    while let Ok(header) = BatchHeader::parse(rest) {
        let Some((batch, after)) = rest.split_at_checked(header.size_bytes()) else {
            break;
        };
        replay(&header, batch);
        next = Some(header.next_offset());
        rest = after;
    }
    next
}
