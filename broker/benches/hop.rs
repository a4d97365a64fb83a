//! What a hop to another shard and back costs.
//!
//! - `here`: a call to the own shard, which goes through no queue.
//! - `there/1`: a lone call. Both threads sleep in between, so this is two wake-ups by the kernel
//!   more than anything else.
//! - `there/64`, `there/1024`: as many calls under way at once (1024 fill the lane), as under load;
//!   the wake-ups are shared.
//!
//! The called shard runs on a thread of its own, which ends with the bench. The figure is calls per
//! second; with fewer than two free cores it tells the scheduler's cost, not the queue's.
//!
//! `cargo bench -p naru --bench hop`
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_broker::inside::{Lanes, Mesh, Meshed, RemoteShard, ShardId};
use naru_runtime::sync::{Receiver, Sender, oneshot};
use naru_runtime::{Handle, RingConfig, Runtime};

const SHARDS: usize = 2;
const HERE: usize = 0;
const THERE: usize = 1;

/// As little of a shard as can be called.
struct Bare {
    io: Handle,
    mesh: Mesh<Bare>,
    end: RefCell<Option<Sender<()>>>,
}

impl Meshed for Bare {
    fn mesh(&self) -> &Mesh<Self> {
        &self.mesh
    }

    fn io(&self) -> &Handle {
        &self.io
    }
}

/// A shard, and what resolves when it has been told to end.
fn build(
    io: &Handle,
    id: usize,
    lanes: &Lanes<Bare>,
    remotes: Vec<RemoteShard<Bare>>,
) -> (Rc<Bare>, Receiver<()>) {
    let (end, ended) = oneshot();
    let shard = Rc::new(Bare {
        io: io.clone(),
        mesh: Mesh::new(ShardId::new(id), lanes, remotes),
        end: RefCell::new(Some(end)),
    });
    let drained = Rc::clone(&shard);
    io.on_turn(Box::new(move || drained.mesh.drain(&drained)));
    (shard, ended)
}

/// Starts the called shard, which knows the calling one as `home`.
fn start(lanes: Arc<Lanes<Bare>>, home: RemoteShard<Bare>) -> (RemoteShard<Bare>, JoinHandle<()>) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = Runtime::new(RingConfig::default()).unwrap();
        let io = runtime.handle();
        let own = RemoteShard::new(io.waker());
        let (_shard, ended) = build(&io, THERE, &lanes, vec![home, own.clone()]);
        tell.send(own).unwrap();
        runtime.run(ended);
    });
    (told.recv().unwrap(), thread)
}

/// `together` calls to `target` under way at once, `count` times.
async fn call(shard: &Rc<Bare>, target: usize, together: usize, count: u64) -> Duration {
    let begin = Instant::now();
    let mut calls = Vec::with_capacity(together);
    for _ in 0..count {
        for number in 0..together {
            let work = move |_: &Rc<Bare>| async move { black_box(number) };
            calls.push(shard.mesh.call(shard, ShardId::new(target), work));
        }
        for (number, answer) in calls.drain(..).enumerate() {
            assert_eq!(answer.await, number);
        }
    }
    begin.elapsed()
}

fn hops(criterion: &mut Criterion) {
    let lanes = Arc::new(Lanes::new(SHARDS));
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let home = RemoteShard::new(io.waker());
    let (there, thread) = start(Arc::clone(&lanes), home.clone());
    let (shard, _ended) = build(&io, HERE, &lanes, vec![home, there.clone()]);
    let mut group = criterion.benchmark_group("hop");
    group.sample_size(20);
    for (name, target, together) in [
        ("here", HERE, 1),
        ("there", THERE, 1),
        ("there", THERE, 64),
        ("there", THERE, 1024),
    ] {
        group.throughput(Throughput::Elements(together as u64));
        group.bench_function(BenchmarkId::new(name, together), |bencher| {
            bencher.iter_custom(|count| runtime.run(call(&shard, target, together, count)));
        });
    }
    group.finish();
    there.run(|there| {
        if let Some(end) = there.end.take() {
            // Its receiver is what keeps the thread running.
            let _ = end.send(());
        }
    });
    thread.join().unwrap();
}

criterion_group!(benches, hops);
criterion_main!(benches);
