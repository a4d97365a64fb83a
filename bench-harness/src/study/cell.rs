//! One size: the load of records of that size, small records alone and beside it, and one byte too
//! many.

use std::time::Duration;

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, Codec};
use serde::Serialize;

use crate::kafka::{Admin, KafkaError};
use crate::load::{LoadError, Progress, run};
use crate::outcome::{Latency, Outcome};
use crate::which_limit::{Settings, batch_bytes};
use crate::workload::{ByteSize, Sizes, Span, Workload, WorkloadError, WorkloadOptions};

/// Small records that share the broker: so many a second, which no broker should notice.
const SMALL_RECORDS_PER_SECOND: f64 = 500.0;

/// Batches are filled up to this, so that small records are not measured at the cost of a request
/// each.
const BATCH_BYTES: u64 = 1_000_000;

/// What the producers may have in flight together, in bytes.
const IN_FLIGHT_BYTES: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum CellError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error("a record of {0} bytes cannot be made: {1}")]
    Batch(u64, String),
}

/// What records of one size cost.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    pub value_bytes: u64,
    pub settings: Settings,
    pub outcome: Outcome,
    pub small: Beside,
    /// What a user sees whose batch is one byte larger than the topic allows.
    pub one_byte_over: String,
}

/// Small records, alone and beside the large ones.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    pub alone: Option<Latency>,
    pub beside: Option<Latency>,
    /// The load generator did not keep to the schedule in one of the two.
    pub has_slipped: bool,
}

impl Beside {
    /// p99 beside the large records over p99 alone.
    pub fn p99_ratio(&self) -> Option<f64> {
        let (alone, beside) = (self.alone.as_ref()?, self.beside.as_ref()?);
        Some(beside.p99_us as f64 / alone.p99_us.max(1) as f64)
    }
}

/// Measures records of `value_bytes` for `duration`, thrice: alone, small ones alone, both.
pub fn measure(bootstrap: &str, value_bytes: u64, duration: Duration) -> Result<Cell, CellError> {
    let settings = Settings::for_record(value_bytes, None);
    let large = large(&settings, duration)?;
    let small = small(duration)?;
    let title = |what: &str| Progress::titled(format!("{} {what}", ByteSize(value_bytes)));
    let outcome = run(bootstrap, &large, &title("alone"))?;
    let alone = run(bootstrap, &small, &title("small records alone"))?;
    let beside = std::thread::scope(|scope| {
        let beside = scope.spawn(|| run(bootstrap, &small, &Progress::hidden()));
        let large = run(bootstrap, &large, &title("and small records"));
        large.and(beside.join().unwrap_or(Err(LoadError::Interrupted)))
    })?;
    Ok(Cell {
        value_bytes,
        settings,
        outcome,
        small: Beside {
            has_slipped: alone.has_slipped() || beside.has_slipped(),
            alone: alone.end_to_end_latency,
            beside: beside.end_to_end_latency,
        },
        one_byte_over: one_byte_over(bootstrap, value_bytes)?,
    })
}

fn large(settings: &Settings, duration: Duration) -> Result<Workload, WorkloadError> {
    let in_flight = (IN_FLIGHT_BYTES / settings.value_bytes.max(BATCH_BYTES)).clamp(1, 5);
    let options = WorkloadOptions {
        size: Some(Sizes::Fixed(settings.value_bytes)),
        batch_size: Some(ByteSize(BATCH_BYTES)),
        max_request_size: Some(ByteSize(settings.message_bytes)),
        max_in_flight: Some(in_flight as u32),
        consumers: Some(1),
        fetch_max_bytes: Some(ByteSize(settings.fetch_bytes)),
        max_partition_fetch_bytes: Some(ByteSize(settings.partition_fetch_bytes)),
        topic_config: vec![format!("max.message.bytes={}", settings.message_bytes)],
        duration: Some(Span(duration)),
        ..Default::default()
    };
    options.resolve()
}

fn small(duration: Duration) -> Result<Workload, WorkloadError> {
    let options = WorkloadOptions {
        rate: Some(SMALL_RECORDS_PER_SECOND),
        linger: Some(Span(Duration::ZERO)),
        consumers: Some(1),
        duration: Some(Span(duration)),
        ..Default::default()
    };
    options.resolve()
}

/// Sends a batch that is one byte larger than its topic allows, and tells what comes back.
fn one_byte_over(bootstrap: &str, value_bytes: u64) -> Result<String, CellError> {
    let admin = Admin::connect(bootstrap)?;
    let topic = format!("naru-bench-over-{:08x}", fastrand::u32(..));
    let limit = batch_bytes(value_bytes, None) - 1;
    admin.create_topic(
        &topic,
        1,
        1,
        &[("max.message.bytes".into(), limit.to_string())],
    )?;
    let failed = |reason: String| CellError::Batch(value_bytes, reason);
    let length = usize::try_from(value_bytes).map_err(|error| failed(error.to_string()))?;
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push_pair(crate::load::unix_ms(), None, Some(&vec![0; length]));
    let batch = builder.build().map_err(|error| failed(error.to_string()))?;
    let produced = admin.produce_one(&topic, Bytes::from(batch));
    admin.delete_topic(&topic)?;
    Ok(match produced {
        Ok(()) => format!("accepted, though max.message.bytes is {limit}"),
        Err(error) => error.to_string(),
    })
}
