//! Any interleaving of transactions, restarts, crashes and truncations.

use naru_record_batch::TransactionResult::{Abort, Commit};
use naru_runtime::Handle;
use naru_runtime::sim::Machine;
use proptest::prelude::*;

use super::super::simulate_machine;
use super::model::Kind;
use super::world::World;

const PRODUCERS: i64 = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A batch; a transaction that is open takes only its own.
    Send {
        producer_id: i64,
        in_transaction: bool,
    },
    End {
        producer_id: i64,
        commits: bool,
    },
    Commit,
    Restart,
    Kill,
    PowerCut,
    /// To so many hundredths of the log.
    Truncate(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let producer = 0..PRODUCERS;
    prop_oneof![
        10 => (producer.clone(), prop::bool::weighted(0.8)).prop_map(|(producer_id, is)| {
            Step::Send { producer_id, in_transaction: is }
        }),
        6 => (producer, any::<bool>()).prop_map(|(producer_id, commits)| {
            Step::End { producer_id, commits }
        }),
        3 => Just(Step::Commit),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        1 => (0i64..100).prop_map(Step::Truncate),
    ]
}

async fn live(machine: Machine, io: Handle, bumps_epochs: bool, steps: Vec<Step>) {
    let mut world = World::new(&io, bumps_epochs);
    for step in steps {
        world = match step {
            Step::Send {
                producer_id,
                in_transaction,
            } => {
                let is_open = world.model.sender(producer_id).is_open;
                let kind = match in_transaction || is_open {
                    true => Kind::Transactional,
                    false => Kind::Plain,
                };
                world.send(producer_id, kind);
                world
            }
            Step::End {
                producer_id,
                commits,
            } => {
                world.end(producer_id, if commits { Commit } else { Abort });
                world
            }
            Step::Commit => {
                world.commit().await;
                world
            }
            Step::Restart => world.restart().await,
            Step::Truncate(hundredths) => {
                let offset = world.model.end_offset() * hundredths / 100;
                world.truncate(offset).await
            }
            Step::Kill | Step::PowerCut => {
                let committed = world.partition.committed();
                let model = world.model.clone();
                match step {
                    Step::Kill => machine.kill(),
                    _ => machine.power_cut(),
                }
                drop(world);
                let again = World::restarted(&machine.thread(), model, bumps_epochs).await;
                assert!(
                    again.model.end_offset() >= committed,
                    "what was shown is lost"
                );
                again
            }
        };
        world.check().await;
    }
    world.commit().await;
    world.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn consumers_see_what_was_committed_and_nothing_else(
        seed in any::<u64>(),
        bumps_epochs in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        simulate_machine(seed, async move |machine, io| {
            live(machine, io, bumps_epochs, steps).await;
        });
    }
}
