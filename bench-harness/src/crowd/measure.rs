//! One broker with its crowd, from its first start until it serves all again after a crash.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use naru_wire::api::produce::ProduceResponse;

use super::caller::Caller;
use super::command::Args;
use super::topics::{PRODUCE_VERSION, Topics, batch};
use crate::brokers::{BrokerUnderTest, LocalBroker};
use crate::kafka::{Admin, KafkaError, address_of};
use crate::measure::Process;
use crate::outcome::{Better, Usage};
use crate::sides::{Sample, SidesError, figure};

/// How long a broker may take to answer a new connection, and to answer a produce.
const OPEN_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

const LOOK_INTERVAL: Duration = Duration::from_millis(5);

pub(super) struct Crowd<'a> {
    args: &'a Args,
    broker: LocalBroker,
    process: Process,
    address: SocketAddr,
    sample: Sample,
}

impl<'a> Crowd<'a> {
    pub(super) fn measure(
        args: &'a Args,
        broker: &BrokerUnderTest,
        place: &Path,
    ) -> Result<Sample, SidesError> {
        let BrokerUnderTest::Command(command) = broker else {
            return Err(SidesError::Unfit(
                "a broker to be killed has a command".into(),
            ));
        };
        let broker = LocalBroker::start(command, place)?;
        let address = address_of(broker.bootstrap())?;
        let crowd = Self {
            process: process(address)?,
            args,
            broker,
            address,
            sample: Sample::default(),
        };
        crowd.run()
    }

    fn run(mut self) -> Result<Sample, SidesError> {
        let admin = Admin::connect(self.broker.bootstrap())?;
        self.memory("at its start")?;

        let begun = Instant::now();
        let mut topics = Topics::create(&admin, self.args.topics, self.args.partitions)?;
        self.seconds("topics made", begun);
        self.memory("with partitions")?;

        let begun = Instant::now();
        let mut caller = Caller::open(self.address, OPEN_TIME_MAX)?;
        caller.patience(ANSWER_TIME_MAX)?;
        topics.fill(&mut caller, self.args.fill.0 as usize)?;
        drop(caller);
        self.seconds("every partition filled", begun);
        self.memory("with filled partitions")?;

        let begun = Instant::now();
        let mut callers = self.connect();
        self.seconds("connections made", begun);
        self.lower("connections held", "", callers.len() as f64);
        self.memory("with connections")?;
        self.rest("with connections")?;

        let begun = Instant::now();
        self.produce_on_all(&mut callers, &mut topics)?;
        self.seconds("a produce on every connection", begun);
        self.memory("after these produces")?;
        self.rest("after these produces")?;

        self.crash(&admin, &topics)?;
        drop(callers);
        Ok(self.sample)
    }

    /// As many connections as the broker answers: the first that it does not is the last.
    fn connect(&mut self) -> Vec<Caller> {
        let mut callers = Vec::with_capacity(self.args.connections as usize);
        for number in 1..=self.args.connections {
            match Caller::open(self.address, OPEN_TIME_MAX) {
                Ok(caller) => callers.push(caller),
                Err(error) => {
                    let wanted = self.args.connections;
                    let fault = format!("connection {number} of {wanted} is not served: {error}");
                    self.sample.faults.push(fault);
                    break;
                }
            }
        }
        callers
    }

    /// Sends a produce over every connection, then takes all answers: together they reach every
    /// partition.
    fn produce_on_all(
        &mut self,
        callers: &mut [Caller],
        topics: &mut Topics,
    ) -> Result<(), KafkaError> {
        let batch = batch(self.args.fill.0 as usize);
        for (number, caller) in callers.iter_mut().enumerate() {
            let request = topics.request(&[number % topics.partitions()], &batch);
            caller.patience(ANSWER_TIME_MAX)?;
            caller.send(&request, PRODUCE_VERSION)?;
        }
        for caller in callers {
            let answer: ProduceResponse = caller.receive(PRODUCE_VERSION)?;
            topics.count(&answer)?;
        }
        Ok(())
    }

    /// Leaves the broker alone, and says what it used meanwhile.
    fn rest(&mut self, when: &str) -> Result<(), SidesError> {
        let (begun, before) = (Instant::now(), self.snapshot()?);
        sleep(self.args.idle.0);
        let (after, seconds) = (self.snapshot()?, begun.elapsed().as_secs_f64());
        let used = Usage::between(&before, &after);
        let busy_ms = used.cpu_s() * 1000.0 / seconds.max(1e-9);
        self.lower(&format!("CPU when idle {when}"), "ms/s", busy_ms);
        self.memory(&format!("idle {when}"))
    }

    /// Kills the broker, starts it again, and waits until every partition has answered.
    fn crash(&mut self, admin: &Admin, topics: &Topics) -> Result<(), SidesError> {
        let killed = Instant::now();
        self.broker.crash_and_start()?;
        self.seconds("killed until it is gone", killed);
        let begun = Instant::now();
        let mut caller = loop {
            match Caller::open(self.address, OPEN_TIME_MAX) {
                Ok(caller) => break caller,
                Err(error) => self.wait(begun, &error)?,
            }
        };
        self.seconds("start after a kill, to the first answer", begun);
        caller.patience(ANSWER_TIME_MAX)?;
        let request = topics.request(&[0], &batch(self.args.fill.0 as usize));
        loop {
            let answer = caller.call(&request, PRODUCE_VERSION)?;
            let partitions = answer.responses.iter().flat_map(|t| &t.partition_responses);
            let codes = partitions.map(|partition| partition.error_code);
            match codes.into_iter().find(|code| !code.is_none()) {
                None => break,
                Some(code) => {
                    let error = KafkaError::check(code, || "produce".into(), None);
                    self.wait(begun, &error.expect_err("it is an error"))?;
                }
            }
        }
        self.seconds("start after a kill, to the first produce", begun);
        let lost = loop {
            match topics.lost(admin) {
                Ok(lost) => break lost,
                Err(error) => self.wait(begun, &error)?,
            }
        };
        self.seconds("start after a kill, to all partitions", begun);
        self.process = process(self.address)?;
        let used = self.snapshot()?.cpu_s();
        self.lower("CPU of that start", "s", used);
        self.memory("after that start")?;
        if lost > 0 {
            let fault = format!("{lost} acknowledged records are gone after the crash");
            self.sample.faults.push(fault);
        }
        Ok(())
    }

    /// Goes on waiting for a start, unless it takes too long.
    fn wait(&mut self, begun: Instant, error: &KafkaError) -> Result<(), SidesError> {
        self.broker.check()?;
        if begun.elapsed() > self.args.start_max.0 {
            let seconds = self.args.start_max;
            let reason = format!("not all partitions are served {seconds} after a crash: {error}");
            return Err(SidesError::Unfit(reason));
        }
        sleep(LOOK_INTERVAL);
        Ok(())
    }

    fn snapshot(&self) -> Result<Usage, SidesError> {
        self.process
            .snapshot()
            .map_err(SidesError::io("the broker"))
    }

    fn memory(&mut self, when: &str) -> Result<(), SidesError> {
        let usage = self.snapshot()?;
        let files = self.process.open_files();
        let files = files.map_err(SidesError::io("the broker's files"))?;
        self.lower(
            &format!("memory {when}"),
            "MB",
            usage.rss_bytes as f64 / 1e6,
        );
        self.lower(&format!("files {when}"), "", files as f64);
        Ok(())
    }

    fn seconds(&mut self, name: &str, begun: Instant) {
        self.lower(name, "s", begun.elapsed().as_secs_f64());
    }

    fn lower(&mut self, name: &str, unit: &str, value: f64) {
        let figure = figure(name, unit, Better::Lower, value);
        self.sample.figures.push(figure);
    }
}

/// The broker's process, which a script may have started.
fn process(address: SocketAddr) -> Result<Process, SidesError> {
    Process::listening_on(address)
        .ok_or_else(|| SidesError::Unfit(format!("no process of this machine is at {address}")))
}
