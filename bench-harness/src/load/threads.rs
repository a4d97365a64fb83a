//! The layout of a run's partitions, and the threads that carry its producers and consumers.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use naru_runtime::Handle;
use naru_wire::Str;

use super::consumer::{Consumer, Readers};
use super::control::{Control, Slot};
use super::producer::Producer;
use super::recorder::Recorder;
use super::verify::Sent;
use crate::kafka::{Cluster, KafkaError, Topic, new_runtime};

/// What the names of the load generator's threads begin with.
pub(super) const THREADS_PREFIX: &str = "naru-bench-";

/// The partitions of all topics of a run, in one row.
pub(super) struct Layout {
    /// Topic, partition, leader.
    slots: Vec<(Str, i32, i32)>,
    /// Where the partitions of a topic begin.
    first_slots: HashMap<Str, Slot>,
}

impl Layout {
    pub(super) fn new(topics: &[Topic]) -> Self {
        let (mut slots, mut first_slots) = (Vec::new(), HashMap::new());
        for topic in topics {
            first_slots.insert(topic.name.clone(), slots.len());
            let leaders = topic.leaders.iter().enumerate();
            slots
                .extend(leaders.map(|(index, leader)| (topic.name.clone(), index as i32, *leader)));
        }
        Self { slots, first_slots }
    }

    pub(super) fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = Vec::new();
        for (name, _, leader) in &self.slots {
            match topics.last_mut().filter(|topic| topic.name == *name) {
                Some(topic) => topic.leaders.push(*leader),
                None => topics.push(Topic {
                    name: name.clone(),
                    leaders: vec![*leader],
                }),
            }
        }
        topics
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Topic and partition.
    pub(super) fn place(&self, slot: Slot) -> (Str, i32) {
        let (topic, index, _) = &self.slots[slot];
        (topic.clone(), *index)
    }

    pub(super) fn slot_of(&self, topic: &Str, index: i32) -> Option<Slot> {
        let slot = self.first_slots.get(topic)? + usize::try_from(index).ok()?;
        let (name, _, _) = self.slots.get(slot)?;
        (name == topic).then_some(slot)
    }

    /// Which of `slots` each node leads.
    pub(super) fn slots_by_node(&self, slots: Vec<Slot>) -> BTreeMap<i32, Vec<Slot>> {
        let mut nodes: BTreeMap<i32, Vec<Slot>> = BTreeMap::new();
        for slot in slots {
            nodes.entry(self.slots[slot].2).or_default().push(slot);
        }
        nodes
    }
}

/// What a thread has to say at its end.
#[derive(Default)]
pub(super) struct Report {
    pub recorder: Recorder,
    /// Producer, and what it sent to each partition.
    pub sent: Vec<(u32, Vec<Sent>)>,
}

/// A thread that is connected and waits to begin.
pub(super) struct Worker {
    begin: Sender<()>,
    thread: JoinHandle<Report>,
}

impl Worker {
    pub(super) fn begin(&self) {
        // A thread that has ended says so when it is joined.
        let _ = self.begin.send(());
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn join(self) -> Report {
        drop(self.begin);
        self.thread.join().unwrap_or_else(|_| {
            let mut report = Report::default();
            report
                .recorder
                .error("a thread of the load generator panicked".into());
            report
        })
    }
}

/// What a thread works on.
#[derive(Clone)]
pub(super) struct Site {
    pub bootstrap: String,
    pub names: Vec<Str>,
    pub control: Arc<Control>,
}

/// Starts a thread for these producers and waits until they are connected.
pub(super) fn start_producers(site: &Site, indexes: Vec<u32>) -> Result<Worker, KafkaError> {
    let site = site.clone();
    start(
        "naru-bench-produce",
        site,
        async move |handle, cluster, site, layout, begin| {
            let mut producers = Vec::new();
            for index in indexes {
                producers.push(
                    Producer::connect(index, &handle, &cluster, &site.control, &layout).await?,
                );
            }
            if !begin() {
                return Ok(Report::default());
            }
            let runs: Vec<_> = producers
                .iter()
                .map(|producer| {
                    let producer = Rc::clone(producer);
                    handle.spawn_task(async move { producer.run().await })
                })
                .collect();
            for run in runs {
                run.await;
            }
            let mut report = Report::default();
            for producer in producers {
                let (recorder, sent) = producer.finish();
                report.recorder.add(&recorder);
                report.sent.push((producer.index(), sent));
            }
            Ok(report)
        },
    )
}

/// Starts a thread for these consumers (the readers that each belongs to, and which of their
/// consumers it is) and waits until they are connected.
pub(super) fn start_consumers(
    site: &Site,
    members: Vec<(Arc<Readers>, u32)>,
) -> Result<Worker, KafkaError> {
    let site = site.clone();
    start(
        "naru-bench-consume",
        site,
        async move |handle, cluster, site, layout, begin| {
            let mut consumers = Vec::new();
            for (readers, number) in members {
                consumers.push(Consumer::new(
                    &handle,
                    &cluster,
                    &site.control,
                    &layout,
                    readers,
                    number,
                ));
            }
            if !begin() {
                return Ok(Report::default());
            }
            let runs: Vec<_> = consumers
                .into_iter()
                .map(|consumer| handle.spawn_task(consumer.run()))
                .collect();
            let mut report = Report::default();
            for run in runs {
                report.recorder.add(&run.await);
            }
            Ok(report)
        },
    )
}

/// Runs `work` on a thread and ring of its own. It calls what it is given once it is connected,
/// which blocks the thread until the run begins, and is false if it never does.
fn start<W>(name: &str, site: Site, work: W) -> Result<Worker, KafkaError>
where
    W: AsyncFnOnce(
            Handle,
            Rc<Cluster>,
            Site,
            Rc<Layout>,
            &dyn Fn() -> bool,
        ) -> Result<Report, KafkaError>
        + Send
        + 'static,
{
    let (begin, may_begin) = channel::<()>();
    let (tell, told) = channel::<Option<KafkaError>>();
    let body = move || {
        let begin = || tell.send(None).is_ok() && may_begin.recv().is_ok();
        run_thread(site, work, &begin).unwrap_or_else(|error| {
            let _ = tell.send(Some(error));
            Report::default()
        })
    };
    let broke = |reason: String| KafkaError::Broken {
        address: "the load generator".into(),
        reason,
    };
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body);
    let thread = thread.map_err(|error| broke(error.to_string()))?;
    connected(&told)
        .map_err(|error| error.unwrap_or_else(|| broke("a thread ended early".into())))?;
    Ok(Worker { begin, thread })
}

fn connected(told: &Receiver<Option<KafkaError>>) -> Result<(), Option<KafkaError>> {
    match told.recv() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(Some(error)),
        Err(_) => Err(None),
    }
}

fn run_thread<W>(site: Site, work: W, begin: &dyn Fn() -> bool) -> Result<Report, KafkaError>
where
    W: AsyncFnOnce(
        Handle,
        Rc<Cluster>,
        Site,
        Rc<Layout>,
        &dyn Fn() -> bool,
    ) -> Result<Report, KafkaError>,
{
    let runtime = new_runtime().map_err(|error| KafkaError::Broken {
        address: "the load generator's ring".into(),
        reason: error.to_string(),
    })?;
    let handle = runtime.handle();
    runtime.run(async {
        let cluster = Cluster::connect(&handle, &site.bootstrap).await?;
        let topics = cluster.topics(&site.names).await?;
        let layout = Rc::new(Layout::new(&topics));
        work(handle.clone(), cluster, site, layout, begin).await
    })
}
