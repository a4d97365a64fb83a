//! Commits from outside of groups, as tools and simple consumers make them: no membership stands
//! between the request and what it costs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use naru_runtime::Handle;
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use naru_wire::{ErrorCode, Str};

use super::command::Args;
use crate::kafka::{Admin, Connection, KafkaError, new_runtime};
use crate::load::Latencies;
use crate::outcome::Better;
use crate::sides::{
    Coordinates, Sample, SidesError, Watch, Window, figure, find_coordinator, wait,
};

/// Topics are named, not numbered, up to this version.
const VERSION_MAX: i16 = 9;

const TOPIC: &str = "commits";

/// A coordinator that is still loading is asked again after this.
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRIES_MAX: u32 = 600;

/// What the clients of a run share.
#[derive(Default)]
struct Shared {
    is_measuring: Cell<bool>,
    is_over: Cell<bool>,
    committed: Cell<u64>,
    latencies: RefCell<Latencies>,
}

/// Makes the topic, and a first commit in each group.
pub(super) fn create_groups(bootstrap: &str, groups: u32) -> Result<(), SidesError> {
    Admin::connect(bootstrap)?.create_topic(TOPIC, 1, 1, &[])?;
    let runtime = new_runtime().map_err(SidesError::io("a ring"))?;
    let handle = runtime.handle();
    runtime.run(async {
        // Side by side: each waits for the disk.
        const CLIENTS: u32 = 32;
        let mut tasks = Vec::new();
        for client in 0..CLIENTS {
            let connection = Connection::open(&handle, bootstrap).await?;
            find_coordinator(&handle, &connection, Coordinates::Groups, TOPIC).await?;
            let own = handle.clone();
            tasks.push(handle.spawn_task(async move {
                for group in (client..groups).step_by(CLIENTS as usize) {
                    commit(&own, &connection, group, 0).await?;
                }
                Ok::<(), KafkaError>(())
            }));
        }
        for task in tasks {
            task.await?;
        }
        Ok(())
    })
}

pub(super) fn run(args: &Args, bootstrap: &str, groups: u32) -> Result<Sample, SidesError> {
    let watch = Watch::on(bootstrap)?;
    let shared = Rc::new(Shared::default());
    let runtime = new_runtime().map_err(SidesError::io("a ring"))?;
    let handle = runtime.handle();
    let window = runtime.run(async {
        let mut tasks = Vec::new();
        for client in 0..args.clients {
            let connection = Connection::open(&handle, bootstrap).await?;
            let (own, shared) = (handle.clone(), Rc::clone(&shared));
            let random = fastrand::Rng::with_seed(u64::from(client) + 1);
            let client = go_on(own, shared, connection, groups, random);
            tasks.push(handle.spawn_task(client));
        }
        wait(&handle, args.warm_up.0).await?;
        let from = watch.sample(shared.committed.get())?;
        shared.is_measuring.set(true);
        wait(&handle, args.duration.0).await?;
        shared.is_measuring.set(false);
        let to = watch.sample(shared.committed.get())?;
        shared.is_over.set(true);
        for task in tasks {
            task.await?;
        }
        Ok::<_, SidesError>(Window::between(&from, &to))
    })?;
    let mut sample = Sample::default();
    window.add_to(&mut sample, "commit");
    if let Some(latency) = shared.latencies.borrow().summary() {
        for (name, us) in [("p50", latency.p50_us), ("p99", latency.p99_us)] {
            let figure = figure(name, "ms", Better::Lower, us as f64 / 1000.0);
            sample.figures.push(figure);
        }
    }
    Ok(sample)
}

/// The commits of one client, until the run is over.
async fn go_on(
    handle: Handle,
    shared: Rc<Shared>,
    connection: Connection,
    groups: u32,
    mut random: fastrand::Rng,
) -> Result<(), KafkaError> {
    while !shared.is_over.get() {
        let begun = handle.now();
        let offset = i64::from(random.u32(..));
        commit(&handle, &connection, random.u32(0..groups), offset).await?;
        shared.committed.set(shared.committed.get() + 1);
        if shared.is_measuring.get() {
            let took = handle.now().saturating_duration_since(begun);
            shared
                .latencies
                .borrow_mut()
                .record_ns(took.as_nanos() as u64, 1);
        }
    }
    Ok(())
}

async fn commit(
    handle: &Handle,
    connection: &Connection,
    group: u32,
    offset: i64,
) -> Result<(), KafkaError> {
    let request = OffsetCommitRequest {
        group_id: format!("group-{group:08}").into(),
        topics: vec![OffsetCommitRequestTopic {
            name: Str::from_static(TOPIC),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let version = connection.version::<OffsetCommitRequest>(VERSION_MAX)?;
    for _ in 0..RETRIES_MAX {
        let answer = connection.send_in(&request, version)?.await?;
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let code = partitions.next().map_or(ErrorCode::None, |p| p.error_code);
        let is_passing = matches!(
            code,
            ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator
        );
        if !is_passing {
            return KafkaError::check(code, || "offset commit".into(), None);
        }
        handle.sleep(RETRY_AFTER).await;
    }
    Err(KafkaError::TooLate("an offset commit".into(), 30))
}
