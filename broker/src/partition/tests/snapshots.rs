//! What a partition knows of its producers after its log was truncated: exactly what the
//! batches that are left say, as a model has it that was told of all of them.

use naru_engine::log::{Log, LogConfig};
use naru_engine::recovery::{Replay, recover};
use naru_record_batch::{BatchBuilder, BatchHeader, CheckedBatch, Codec};
use naru_runtime::Handle;

use super::super::{Checkpointed, Producers, Verdict, Verification};
use super::{LEADER, PartitionState, dir, open, shared, simulate};

/// More batches of one producer in a segment than are remembered of it, and fewer.
const SEGMENT_BATCHES: i64 = 4;
const BATCHES: i64 = 41;
const VALUE_BYTES: usize = 1_000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: (SEGMENT_BATCHES as u64) * batch(0).bytes().len() as u64,
        ..LogConfig::default()
    }
}

/// Producer and sequence of the batch at an offset: one producer sends in the first segments
/// only, one in every third batch, one all the rest, with a new epoch in the middle.
fn sender(offset: i64) -> (i64, i16, i32) {
    match offset {
        0..6 => (1, 0, offset as i32),
        _ if offset % 3 == 0 => (2, 5, (offset / 3 - 2) as i32),
        6..20 => (3, 0, (offset - 6) as i32 - (offset as i32 / 3 - 1)),
        _ => {
            let before = (20..offset).filter(|o| o % 3 != 0).count();
            (3, 1, before as i32)
        }
    }
}

fn batch(offset: i64) -> CheckedBatch {
    let (id, epoch, sequence) = sender(offset);
    let mut builder = BatchBuilder::new(Codec::None).producer(id, epoch, sequence);
    builder.push_pair(offset, None, Some(&[7; VALUE_BYTES]));
    builder.build_checked().unwrap()
}

/// What `producers` says of a batch that is sent at `offset`, again or for the first time.
fn verdict(producers: &Producers, offset: i64) -> Result<Verdict, String> {
    let batch = batch(offset);
    let header = batch.header();
    let verdict = producers.check(header, Verification::None);
    verdict.map_err(|error| error.to_string())
}

/// Producers that were told of every batch below `end`.
fn model(end: i64) -> Producers {
    let mut model = Producers::default();
    for offset in 0..end {
        let header = BatchHeader {
            base_offset: offset,
            ..*batch(offset).header()
        };
        model.replay(&header, 0);
    }
    model
}

/// Recovers as a broker does. Returns what its partition would know, and how many batches
/// were read for that.
async fn recovered(io: &Handle) -> (Producers, i64) {
    let (mut producers, mut read) = (Producers::default(), 0);
    let mut tell = |replay: Replay<'_>| match replay {
        Replay::UserState(bytes) => {
            let found = Checkpointed::decode(bytes).unwrap();
            producers = Producers::from_bytes(found.producers, 0).unwrap();
        }
        Replay::Batch(header) => {
            producers.replay(header, 0);
            read += 1;
        }
        Replay::Marker(marker) => panic!("nobody appends {marker:?}"),
    };
    recover(io, &dir(), 0, &mut tell).await.unwrap();
    (producers, read)
}

#[test]
fn a_truncated_partition_knows_its_producers_as_if_the_rest_had_never_been() {
    for to in 0..=BATCHES {
        simulate(async |_, io| {
            let log = Log::create(io.clone(), dir(), config(), shared());
            let state = PartitionState::default();
            let partition = open(&io, log.clone(), state, LEADER);
            for offset in 0..BATCHES {
                let appended = partition.append(&batch(offset), 0).unwrap();
                assert_eq!(appended.base_offset, offset, "it is new");
                log.flushed(appended.next_offset).await.unwrap();
            }
            partition.close().await.unwrap();
            drop((partition, log));

            let recovered_log = recover(&io, &dir(), 0, &mut |_| {}).await.unwrap();
            let log = Log::open(io.clone(), dir(), recovered_log, config(), shared());
            let log = log.await.unwrap();
            assert_eq!(log.truncate_to(to).await.unwrap(), to);
            let (producers, read) = recovered(&io).await;
            let expected = if to == BATCHES {
                0
            } else {
                to % SEGMENT_BATCHES
            };
            assert_eq!(read, expected, "only of the segment that was cut");
            let model = model(to);
            for offset in 0..BATCHES {
                let told = verdict(&producers, offset);
                assert_eq!(told, verdict(&model, offset), "cut to {to}: {offset}");
            }
        });
    }
}
