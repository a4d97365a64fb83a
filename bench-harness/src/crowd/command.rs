//! The command: how many of each, and the result as text and JSON.

use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::measure::Crowd;
use crate::sides::{Measured, SidesArgs, SidesError};
use crate::workload::{ByteSize, Span};

/// What many partitions and connections cost, and how soon they are served again after kill -9
///
/// Each broker is started anew in each round: makes its topics, takes a batch into every partition,
/// holds its connections, is left alone for a while, answers a produce on every connection, is
/// killed, and is started again. What was acknowledged before the crash has to be there after it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Partitions, over all topics
    #[arg(long, default_value_t = 10_000)]
    pub partitions: u32,
    /// Topics that share them
    #[arg(long, default_value_t = 10)]
    pub topics: u32,
    /// Connections that are held at the same time
    #[arg(long, default_value_t = 10_000)]
    pub connections: u32,
    /// How much each partition takes before anything is measured, as one batch
    #[arg(long, default_value = "4KiB")]
    pub fill: ByteSize,
    /// How long the broker is left alone, twice: with its connections, and after their produces
    #[arg(long, default_value = "40s")]
    pub idle: Span,
    /// How long it may take to serve all partitions after it was killed
    #[arg(long, default_value = "120s")]
    pub start_max: Span,
    #[command(flatten)]
    pub sides: SidesArgs,
}

/// Succeeds unless connections were refused, or records were lost.
pub fn execute(args: Args) -> Result<ExitCode, SidesError> {
    raise_open_files(args.connections)?;
    let place = args.sides.place.dir()?;
    let sides = args.sides.brokers.iter();
    let mut measured = Measured::new(sides.map(|side| (side.name.clone(), 0)));
    // A broker is new in every round, so nothing is left to warm up.
    measured.run(&args.sides, 0, |index| {
        crate::load::settle(args.sides.settle.0);
        Crowd::measure(&args, &args.sides.brokers[index].broker, &place)
    })?;
    measured.finish(&args.sides)
}

/// Each connection is a socket of this process, too.
fn raise_open_files(connections: u32) -> Result<(), SidesError> {
    /// What it holds beside them.
    const OTHERS: u64 = 64;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|error| SidesError::io("open files")(error.into()))?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        .map_err(|error| SidesError::io("open files")(error.into()))?;
    match hard >= u64::from(connections) + OTHERS {
        true => Ok(()),
        false => Err(SidesError::Unfit(format!(
            "{connections} connections need as many files, and {hard} are allowed (ulimit -Hn)"
        ))),
    }
}
