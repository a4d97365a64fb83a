//! A run from its topics to its outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use naru_wire::Str;

use super::clock::{now_ns, unix_ms};
use super::consumer::Readers;
use super::control::Control;
use super::payload::STAMP_BYTES;
use super::progress::{Progress, State};
use super::recorder::Recorder;
use super::steady::Steady;
use super::threads::{Report, Site, Worker, start_consumers, start_producers};
use super::verify::judge_end;
use super::watch::Watch;
use super::window::{Sample, Window};
use crate::interrupt;
use crate::kafka::{Admin, KafkaError};
use crate::outcome::{Outcome, Phase, Schedule, Verification, WarmUp};
use crate::workload::{Acks, Reads, Workload};

/// How often the run looks at itself.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Consumers that read nothing for so long will not read the rest either.
const STALL_TIME_MAX: Duration = Duration::from_secs(30);

/// How long consumer groups may take to share out the partitions.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(60);

/// An open loop has slipped when more than this share of its records was late: then its p99 is its
/// own.
const SLIPPED_SHARE_MAX: f64 = 0.01;

/// Kafka's default of `max.message.bytes`.
const MESSAGE_BYTES_DEFAULT: u64 = 1_048_588;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(
        "values of {0} bytes cannot carry the {STAMP_BYTES} bytes that prove them: use --verify false, or use larger ones"
    )]
    TooSmallToVerify(u64),
    #[error("the process cannot be inspected: {0}")]
    Process(#[from] std::io::Error),
    #[error("interrupted")]
    Interrupted,
}

/// What is not part of the workload.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Use these topics, which exist, and leave them; without, new ones are made and removed.
    pub topics: Option<Vec<String>>,
    /// Leave the topics that were made for the run.
    pub keep_topics: bool,
}

/// Runs `workload` against the broker at `bootstrap`, on topics of its own.
pub fn run(
    bootstrap: &str,
    workload: &Workload,
    progress: &Progress,
) -> Result<Outcome, LoadError> {
    run_with(bootstrap, workload, &Options::default(), progress)
}

/// As [`run`], with options.
pub fn run_with(
    bootstrap: &str,
    workload: &Workload,
    options: &Options,
    progress: &Progress,
) -> Result<Outcome, LoadError> {
    if workload.verify && workload.consumers > 0 && workload.size.min() < STAMP_BYTES as u64 {
        return Err(LoadError::TooSmallToVerify(workload.size.min()));
    }
    let admin = Admin::connect(bootstrap)?;
    let run = fastrand::u32(..);
    let names = match &options.topics {
        Some(names) => names.clone(),
        None => (0..workload.topics)
            .map(|index| format!("naru-bench-{run:08x}-{index}"))
            .collect(),
    };
    if options.topics.is_none() {
        let configs = topic_configs(workload);
        for name in &names {
            admin.create_topic(
                name,
                workload.partitions as i32,
                workload.replication_factor,
                &configs,
            )?;
        }
    }
    let has_own_topics = options.topics.is_none();
    let outcome = Run::new(admin.clone(), workload, run, names.clone(), has_own_topics)
        .and_then(|run| run.go(progress));
    if options.topics.is_none() && !options.keep_topics {
        for name in &names {
            admin.delete_topic(name)?;
        }
    }
    outcome
}

/// What the topics are made with: what the workload says, and room for its largest batch.
fn topic_configs(workload: &Workload) -> Vec<(String, String)> {
    let given = workload.topic_config.iter();
    let mut configs: Vec<(String, String)> = given
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let largest = workload.batch_bytes_max();
    if largest > MESSAGE_BYTES_DEFAULT && !configs.iter().any(|(key, _)| key == "max.message.bytes")
    {
        configs.push(("max.message.bytes".into(), largest.to_string()));
    }
    configs
}

/// Both ends of the measured time.
struct Measured {
    from: Sample,
    /// `None`: bounded by a number of records.
    to: Option<Sample>,
    warm_up: Option<WarmUp>,
}

struct Run<'a> {
    admin: Admin,
    workload: &'a Workload,
    site: Site,
    names: Vec<String>,
    has_own_topics: bool,
    /// Where each partition ended when the run began.
    starts: Vec<i64>,
    readers: Vec<Arc<Readers>>,
    watch: Watch,
    started_ms: u64,
}

impl<'a> Run<'a> {
    fn new(
        admin: Admin,
        workload: &'a Workload,
        run: u32,
        names: Vec<String>,
        has_own_topics: bool,
    ) -> Result<Self, LoadError> {
        let starts = admin.end_offsets(&names)?;
        let sets = if workload.consumers == 0 {
            0
        } else {
            workload.groups.max(1)
        };
        let group =
            |number| (workload.groups > 0).then(|| format!("naru-bench-{run:08x}-group-{number}"));
        let readers =
            (0..sets).map(|number| Readers::new(workload.consumers, group(number), &starts));
        Ok(Self {
            watch: Watch::on(admin.bootstrap())?,
            site: Site {
                bootstrap: admin.bootstrap().to_owned(),
                names: names.iter().map(Str::from).collect(),
                control: Arc::new(Control::new(workload, run)),
            },
            admin,
            workload,
            names,
            has_own_topics,
            readers: readers.collect(),
            starts,
            started_ms: unix_ms() as u64,
        })
    }

    fn go(self, progress: &Progress) -> Result<Outcome, LoadError> {
        let is_tail = self.workload.reads == Reads::Tail;
        let consumers = if is_tail {
            self.start_consumers()?
        } else {
            Vec::new()
        };
        let producers = self.start_producers()?;
        let control = Arc::clone(&self.site.control);
        consumers.iter().for_each(Worker::begin);
        self.wait_until_settled(&consumers, progress)?;
        control.begin();
        let measured = self.measure(&producers, progress)?;
        let produced = sum(producers);
        let sent: u64 = produced
            .sent
            .iter()
            .flat_map(|(_, slots)| slots)
            .map(|s| s.count)
            .sum();
        let ends = self.ends(sent)?;
        // Set once; consumers see it and end.
        let _ = control.ends.set(ends);
        let mut consumed = self.wait_for(consumers, progress)?;
        let mut window = match measured.to {
            Some(to) => Window::between(&measured.from, &to),
            // Bounded by a number of records: all of them, until the last is through.
            None => Window::between(&measured.from, &self.watch.sample(&control)?)
                .ending(produced.recorder.last_ns, consumed.recorder.last_ns),
        };

        let mut cold = None;
        if !is_tail {
            let from = self.watch.begin(&control)?;
            let consumers = self.start_consumers()?;
            consumers.iter().for_each(Worker::begin);
            consumed = self.wait_for(consumers, progress)?;
            let read = Window::between(&from, &self.watch.sample(&control)?)
                .ending(u64::MAX, consumed.recorder.last_ns);
            window.consume = read.consume;
            cold = Some(read.usage);
        }
        Ok(self.outcome(
            &produced,
            &consumed.recorder,
            window,
            measured.warm_up,
            cold,
        ))
    }

    /// Warms up, and samples both ends of the measured time while the producers work.
    fn measure(&self, producers: &[Worker], progress: &Progress) -> Result<Measured, LoadError> {
        let control = &self.site.control;
        let mut steady = Steady::new(self.workload, control.begin_ns.load(Ordering::Acquire));
        let mut measured = Measured {
            // What a run has that ends before its warm-up.
            from: self.watch.begin(control)?,
            to: None,
            warm_up: None,
        };
        let mut is_warm = self.workload.warm_up.0.is_zero();
        let begun = Instant::now();
        producers.iter().for_each(Worker::begin);
        while !producers.iter().all(Worker::is_done) {
            let window_ends_ns = control.window_ends_ns();
            if !is_warm {
                measured.warm_up = steady.look(now_ns(), control.acked.now());
                if measured.warm_up.is_some() {
                    is_warm = true;
                    measured.from = self.watch.begin(control)?;
                    control.measure_from(measured.from.at_ns);
                }
            } else if measured.to.is_none() && window_ends_ns.is_some_and(|ns| now_ns() >= ns) {
                measured.to = Some(self.watch.sample(control)?);
                control.end();
            }
            let (phase, next_ns) = match is_warm {
                true => ("measuring", window_ends_ns.unwrap_or(u64::MAX)),
                false => ("warm-up", steady.next_look_ns()),
            };
            self.look(progress, phase, begun, next_ns)?;
        }
        Ok(measured)
    }

    fn outcome(
        &self,
        produced: &Report,
        consumed: &Recorder,
        window: Window,
        warm_up: Option<WarmUp>,
        cold: Option<Phase>,
    ) -> Outcome {
        let mut errors: BTreeMap<String, u64> = produced.recorder.errors.clone();
        for (error, count) in &consumed.errors {
            *errors.entry(error.clone()).or_default() += count;
        }
        let verification = self.verify(produced);
        if self.has_own_topics && verification.foreign > 0 {
            let what = "record of another run, in a topic that was made for this one";
            errors.insert(what.into(), verification.foreign);
        }
        Outcome {
            started_ms: self.started_ms,
            produce: window.produce,
            ack_latency: produced.recorder.latencies.summary(),
            consume: (!self.readers.is_empty()).then_some(window.consume),
            end_to_end_latency: consumed.latencies.summary(),
            schedule: self
                .workload
                .rate
                .map(|rate| schedule(rate, &produced.recorder)),
            client: window.usage.client,
            broker: window.usage.broker,
            consume_usage: cold,
            warm_up,
            busiest_thread: window.busiest_thread,
            verification,
            errors: errors.into_iter().collect(),
            ..Outcome::of(self.workload)
        }
    }

    fn start_producers(&self) -> Result<Vec<Worker>, KafkaError> {
        let threads = self.workload.threads.min(self.workload.producers);
        let indexes = |thread| {
            (thread..self.workload.producers)
                .step_by(threads as usize)
                .collect()
        };
        (0..threads)
            .map(|thread| start_producers(&self.site, indexes(thread)))
            .collect()
    }

    fn start_consumers(&self) -> Result<Vec<Worker>, KafkaError> {
        let members: Vec<(Arc<Readers>, u32)> = self
            .readers
            .iter()
            .flat_map(|readers| (0..readers.consumers).map(|number| (Arc::clone(readers), number)))
            .collect();
        let threads = (self.workload.threads as usize).min(members.len());
        let of = |thread: usize| {
            members
                .iter()
                .skip(thread)
                .step_by(threads)
                .cloned()
                .collect()
        };
        (0..threads)
            .map(|thread| start_consumers(&self.site, of(thread)))
            .collect()
    }

    /// Waits until the groups have shared out the partitions: what they do before that is no
    /// latency of a record.
    fn wait_until_settled(
        &self,
        consumers: &[Worker],
        progress: &Progress,
    ) -> Result<(), LoadError> {
        let begun = Instant::now();
        while !self.readers.iter().all(|readers| readers.is_settled())
            && !consumers.iter().any(Worker::is_done)
        {
            if begun.elapsed() > SETTLING_TIME_MAX {
                let seconds = SETTLING_TIME_MAX.as_secs();
                return Err(
                    KafkaError::TooLate("sharing out the partitions".into(), seconds).into(),
                );
            }
            self.look(progress, "groups settle", begun, u64::MAX)?;
        }
        Ok(())
    }

    /// Shows where the run is, and waits a little, but not beyond `next_ns`.
    fn look(
        &self,
        progress: &Progress,
        phase: &'static str,
        begun: Instant,
        next_ns: u64,
    ) -> Result<(), LoadError> {
        let control = &self.site.control;
        if interrupt::is_requested() {
            control.stop();
            return Err(LoadError::Interrupted);
        }
        let acked = control.acked.now();
        let done = match self.workload.records {
            Some(records) => acked.records as f64 / records.max(1) as f64,
            None => {
                let whole = self.workload.warm_up.0 + self.workload.duration.0;
                begun.elapsed().as_secs_f64() / whole.as_secs_f64().max(0.001)
            }
        };
        progress.show(State {
            phase,
            done: done.min(1.0),
            acked: acked.records,
            acked_bytes: acked.payload_bytes,
            consumed: control.consumed.now().records,
        });
        let until_next = Duration::from_nanos(next_ns.saturating_sub(now_ns()));
        std::thread::sleep(LOOK_INTERVAL.min(until_next));
        Ok(())
    }

    /// Where each partition ends. Without acknowledgements the broker may still be taking in what
    /// was sent.
    fn ends(&self, sent: u64) -> Result<Vec<i64>, LoadError> {
        let started: i64 = self.starts.iter().sum();
        let mut ends = self.admin.end_offsets(&self.names)?;
        let mut changed = Instant::now();
        while self.workload.acks == Acks::None
            && ends.iter().sum::<i64>() - started < sent as i64
            && changed.elapsed() < Duration::from_secs(3)
        {
            std::thread::sleep(LOOK_INTERVAL);
            let next = self.admin.end_offsets(&self.names)?;
            if next != ends {
                changed = Instant::now();
            }
            ends = next;
        }
        Ok(ends)
    }

    /// Waits until the consumers have read everything, or get no further.
    fn wait_for(&self, consumers: Vec<Worker>, progress: &Progress) -> Result<Report, LoadError> {
        let control = &self.site.control;
        let (mut consumed, mut moved) = (0, Instant::now());
        let mut has_stalled = false;
        while !consumers.iter().all(Worker::is_done) {
            self.look(progress, "reading the rest", Instant::now(), u64::MAX)?;
            let now = control.consumed.now().records;
            if now != consumed {
                (consumed, moved) = (now, Instant::now());
            }
            if moved.elapsed() > STALL_TIME_MAX && !has_stalled {
                has_stalled = true;
                control.stop();
            }
        }
        let mut report = sum(consumers);
        if has_stalled {
            let seconds = STALL_TIME_MAX.as_secs();
            report.recorder.error(format!(
                "consumers read nothing for {seconds} s, though there was more"
            ));
        }
        Ok(report)
    }

    /// Holds what was read, and where the partitions end, against what was acknowledged.
    fn verify(&self, produced: &Report) -> Verification {
        let sent_to = |slot: usize| {
            let producers = produced.sent.iter();
            producers.filter_map(move |(producer, slots)| Some((*producer, slots.get(slot)?)))
        };
        let mut whole = Verification {
            is_read_back: self.workload.verify && !self.readers.is_empty(),
            ..Verification::default()
        };
        if whole.is_read_back {
            for readers in &self.readers {
                for slot in 0..self.starts.len() {
                    whole.add(&readers.seen(slot).judge(sent_to(slot)));
                }
            }
        }
        // Without acknowledgements nothing was promised.
        let ends = self.site.control.ends.get();
        let ends = ends.filter(|_| self.workload.acks != Acks::None);
        for (slot, (end, start)) in ends.into_iter().flatten().zip(&self.starts).enumerate() {
            let grown = u64::try_from(end - start).unwrap_or(0);
            let judged = judge_end(grown, sent_to(slot).map(|(_, sent)| sent));
            whole.short += judged.short;
            // Others may write to a topic that is not the run's own.
            whole.surplus += judged.surplus * u64::from(self.has_own_topics);
        }
        whole
    }
}

impl Drop for Run<'_> {
    /// Threads that still run, because an error ended the run early, end too.
    fn drop(&mut self) {
        self.site.control.stop();
    }
}

fn sum(workers: Vec<Worker>) -> Report {
    let mut sum = Report::default();
    for worker in workers {
        let report = worker.join();
        sum.recorder.add(&report.recorder);
        sum.sent.extend(report.sent);
    }
    sum
}

fn schedule(rate: f64, recorder: &Recorder) -> Schedule {
    let slipped_share = recorder.slipped as f64 / recorder.made.max(1) as f64;
    Schedule {
        intended_records_per_second: rate,
        slip_us_max: recorder.slip_ns_max / 1000,
        slipped_share,
        unsent: recorder.unsent,
        has_slipped: slipped_share > SLIPPED_SHARE_MAX || recorder.unsent > 0,
    }
}
