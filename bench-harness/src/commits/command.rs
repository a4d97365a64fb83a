//! The command: how many groups there are, who commits, and the result.

use std::process::ExitCode;

use super::load::{create_groups, run};
use crate::brokers::RunningBroker;
use crate::load::settle;
use crate::sides::{Measured, SidesArgs, SidesError};
use crate::workload::Span;

/// What a commit costs, beside few groups and beside many
///
/// Each broker is started once for each number of groups, and all that are not measured are stopped
/// (SIGSTOP). A commit is one offset of one partition in one group, taken at random. A broker with
/// more groups is held against itself with the fewest.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many groups there are; may be repeated [default: 10 and 10000]
    #[arg(long = "groups", value_name = "N")]
    groups: Vec<u32>,
    /// Commits under way at the same time, each on a connection of its own
    #[arg(long, default_value_t = 16)]
    pub clients: u32,
    #[arg(long, default_value = "1s")]
    pub warm_up: Span,
    #[arg(long, default_value = "4s")]
    pub duration: Span,
    #[command(flatten)]
    pub sides: SidesArgs,
}

/// Succeeds unless a commit was refused.
pub fn execute(args: Args) -> Result<ExitCode, SidesError> {
    let mut groups = match args.groups.is_empty() {
        true => vec![10, 10_000],
        false => args.groups.clone(),
    };
    groups.sort_unstable();
    if args.clients == 0 || groups.first() == Some(&0) {
        let reason = "commits need a client and a group";
        return Err(SidesError::Unfit(reason.into()));
    }
    let place = args.sides.place.dir()?;
    let (mut names, mut brokers) = (Vec::new(), Vec::new());
    for side in &args.sides.brokers {
        let fewest = names.len();
        for count in &groups {
            brokers
                .iter()
                .for_each(|(broker, _): &(RunningBroker, u32)| broker.pause());
            let broker = side.broker.start(&place)?;
            create_groups(broker.bootstrap(), *count)?;
            names.push((format!("{} {count}", side.name), fewest));
            brokers.push((broker, *count));
        }
    }
    let mut measured = Measured::new(names);
    measured.run(&args.sides, 1, |index| {
        brokers.iter().for_each(|(broker, _)| broker.pause());
        let (broker, groups) = &brokers[index];
        broker.resume();
        settle(args.sides.settle.0);
        run(&args, broker.bootstrap(), *groups)
    })?;
    measured.finish(&args.sides)
}
