//! The command: what a transaction is, how many producers have them, and the result.

use std::process::ExitCode;

use super::load::run;
use crate::brokers::RunningBroker;
use crate::load::settle;
use crate::sides::{Measured, SidesArgs, SidesError};
use crate::workload::{ByteSize, Span};

/// What a transaction is, and who has them.
#[derive(Clone, Debug, clap::Args)]
pub struct Shape {
    /// Producers, each with a transactional id and one transaction at a time
    #[arg(long, default_value_t = 16)]
    pub producers: u32,
    /// Transactions a second, over all producers: an open loop, in which latencies count from when
    /// a transaction was to begin [default: each begins when the one before it has ended]
    #[arg(long)]
    pub rate: Option<f64>,
    /// Records of a transaction
    #[arg(long, default_value_t = 10)]
    pub records: u32,
    /// The size of a record
    #[arg(long, default_value = "1KiB")]
    pub size: ByteSize,
    /// Partitions that a transaction's records go to
    #[arg(long, default_value_t = 2)]
    pub spread: u32,
    /// Partitions of the topic
    #[arg(long, default_value_t = 8)]
    pub partitions: u32,
    /// The share of transactions that are aborted
    #[arg(long, default_value_t = 0.0)]
    pub aborts: f64,
}

/// Transactions a second, what each costs the broker, and how long commits take
///
/// The brokers are all started at the beginning, and stopped (SIGSTOP) while another is measured.
/// After each run everything is read back as a consumer of committed records would.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub shape: Shape,
    #[arg(long, default_value = "2s")]
    pub warm_up: Span,
    #[arg(long, default_value = "5s")]
    pub duration: Span,
    #[command(flatten)]
    pub sides: SidesArgs,
}

/// Succeeds unless a request was refused, or what is read back is not what was committed.
pub fn execute(args: Args) -> Result<ExitCode, SidesError> {
    let shape = &args.shape;
    let fits = shape.producers > 0 && shape.spread > 0 && shape.spread <= shape.partitions;
    if !fits || shape.records < shape.spread {
        let reason = "there are fewer partitions, records or producers than are asked to be used";
        return Err(SidesError::Unfit(reason.into()));
    }
    let place = args.sides.place.dir()?;
    let brokers = args.sides.brokers.iter();
    let started = brokers.map(|side| side.broker.start(&place));
    let brokers: Vec<RunningBroker> = started.collect::<Result<_, _>>()?;
    let sides = args.sides.brokers.iter();
    let mut measured = Measured::new(sides.map(|side| (side.name.clone(), 0)));
    let mut number = 0;
    measured.run(&args.sides, 1, |index| {
        brokers.iter().for_each(RunningBroker::pause);
        brokers[index].resume();
        settle(args.sides.settle.0);
        number += 1;
        run(&args, brokers[index].bootstrap(), number)
    })?;
    measured.finish(&args.sides)
}
