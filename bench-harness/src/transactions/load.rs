//! One run against one broker: producers side by side on one thread, a window in the middle of
//! their work, and the check of what they have left.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use naru_runtime::{Handle, Task};
use naru_wire::Str;
use naru_wire::api::api_versions::ApiVersionsRequest;

use super::command::{Args, Shape};
use super::producer::Producer;
use super::read::{Found, read_committed};
use crate::kafka::{Admin, Cluster, KafkaError, new_runtime};
use crate::load::{Latencies, unix_ms};
use crate::outcome::Better;
use crate::sides::{Sample, SidesError, Watch, Window, figure, wait};

/// The level of `transaction.version` whose flow is used here (KIP-890).
const TRANSACTION_VERSION: i16 = 2;

/// What the producers of a run share.
#[derive(Default)]
struct Shared {
    is_measuring: Cell<bool>,
    is_over: Cell<bool>,
    ended: Cell<u64>,
    /// From when a transaction began, or was to begin, until its end was answered.
    whole: RefCell<Latencies>,
    /// EndTxn alone.
    end: RefCell<Latencies>,
}

/// What came of a run.
struct Run {
    window: Window,
    producers: Vec<Producer>,
    found: Found,
}

pub(super) fn run(args: &Args, bootstrap: &str, number: u32) -> Result<Sample, SidesError> {
    let admin = Admin::connect(bootstrap)?;
    let watch = Watch::on(bootstrap)?;
    let shape = &args.shape;
    let name = format!("transactions-{number}-{}", unix_ms());
    admin.create_topic(&name, shape.partitions as i32, 1, &[])?;
    let shared = Rc::new(Shared::default());
    let runtime = new_runtime().map_err(SidesError::io("a ring"))?;
    let handle = runtime.handle();
    let run = runtime.run(async {
        let cluster = Cluster::connect(&handle, bootstrap).await?;
        check_version(&cluster).await?;
        let topics = cluster.topics(&[Str::from(&name)]).await?;
        let leader = topics.first().and_then(|topic| topic.leaders.first());
        let at = (Str::from(&name), leader.copied().unwrap_or(-1));
        let begun = handle.now();
        let mut lives = Vec::new();
        for index in 0..shape.producers {
            let made = Producer::connect(shape, &handle, &cluster, at.clone(), index, &name).await;
            let first = begun + first_after(shape, index);
            lives.push(handle.spawn_task(live(handle.clone(), Rc::clone(&shared), made?, first)));
        }
        let window = measure(args, &handle, &shared, &watch).await;
        shared.is_over.set(true);
        let producers = ended(lives).await?;
        let found = read_committed(&cluster, &name, shape.partitions).await?;
        Ok::<_, SidesError>(Run {
            window: window?,
            producers,
            found,
        })
    })?;
    admin.delete_topic(&name)?;
    Ok(sample(shape, &shared, &run))
}

/// When a producer begins, and how long after each other its transactions begin: they take turns.
fn first_after(shape: &Shape, index: u32) -> Duration {
    let turn = shape.rate.map_or(0.0, |rate| f64::from(index) / rate);
    Duration::from_secs_f64(turn)
}

/// The flow of this load is an error on a cluster that has not come to it.
async fn check_version(cluster: &Cluster) -> Result<(), SidesError> {
    let request = ApiVersionsRequest {
        client_software_name: Str::from_static("naru-bench"),
        client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
        ..Default::default()
    };
    let answer = cluster.bootstrap().send_in(&request, 3)?.await?;
    let mut features = answer.finalized_features.iter();
    let version = features.find(|feature| &*feature.name == "transaction.version");
    let level = version.map_or(0, |feature| feature.max_version_level);
    match level >= TRANSACTION_VERSION {
        true => Ok(()),
        false => Err(SidesError::Unfit(format!(
            "the cluster's transaction.version is {level}, this load needs {TRANSACTION_VERSION}"
        ))),
    }
}

/// The transactions of one producer, until the run is over.
async fn live(
    handle: Handle,
    shared: Rc<Shared>,
    mut producer: Producer,
    first: Instant,
) -> Result<Producer, KafkaError> {
    let mut due = first;
    while !shared.is_over.get() {
        let begun = match producer.interval() {
            Some(interval) => {
                let begun = due;
                due += interval;
                handle.sleep_until(begun).await;
                begun
            }
            None => handle.now(),
        };
        let end = producer.transact().await?;
        shared.ended.set(shared.ended.get() + 1);
        if shared.is_measuring.get() {
            let whole = handle.now().saturating_duration_since(begun);
            shared
                .whole
                .borrow_mut()
                .record_ns(whole.as_nanos() as u64, 1);
            shared.end.borrow_mut().record_ns(end.as_nanos() as u64, 1);
        }
    }
    Ok(producer)
}

async fn ended(
    lives: Vec<Task<Result<Producer, KafkaError>>>,
) -> Result<Vec<Producer>, KafkaError> {
    let mut producers = Vec::with_capacity(lives.len());
    for life in lives {
        producers.push(life.await?);
    }
    Ok(producers)
}

async fn measure(
    args: &Args,
    handle: &Handle,
    shared: &Shared,
    watch: &Watch,
) -> Result<Window, SidesError> {
    wait(handle, args.warm_up.0).await?;
    let from = watch.sample(shared.ended.get())?;
    shared.is_measuring.set(true);
    wait(handle, args.duration.0).await?;
    shared.is_measuring.set(false);
    Ok(Window::between(&from, &watch.sample(shared.ended.get())?))
}

fn sample(shape: &Shape, shared: &Shared, run: &Run) -> Sample {
    let mut sample = Sample::default();
    run.window.add_to(&mut sample, "transaction");
    let latencies = [("end", &shared.end), ("whole", &shared.whole)];
    for (name, latencies) in latencies {
        if let Some(latency) = latencies.borrow().summary() {
            let percentiles = [("p50", latency.p50_us), ("p99", latency.p99_us)];
            for (percentile, us) in percentiles {
                let name = format!("{name}, {percentile}");
                let figure = figure(&name, "ms", Better::Lower, us as f64 / 1000.0);
                sample.figures.push(figure);
            }
        }
    }
    let retries: u64 = run.producers.iter().map(Producer::retries).sum();
    let all: usize = run.producers.iter().map(|p| p.committed().len()).sum();
    let again = retries as f64 / all.max(1) as f64;
    sample
        .figures
        .push(figure("sent again", "/transaction", Better::Lower, again));
    let committed = run.producers.iter().map(Producer::committed);
    sample.faults = run.found.faults(committed, shape.records);
    sample
}
