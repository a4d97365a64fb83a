//! Anything in any order, with crashes anywhere: what was answered holds, and nothing is stuck.

use std::collections::HashMap;

use proptest::prelude::*;

use super::world::{ID, TIMEOUT_MS};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Init {
        recovers: bool,
    },
    /// By the producer that was told last, or by an older one.
    Add {
        age: usize,
        partition: i32,
    },
    End {
        age: usize,
        commits: bool,
    },
    /// Until nothing is under way.
    Await,
    Flush,
    WriteMarker,
    Pass {
        ms: i64,
    },
    Fill {
        is_full: bool,
    },
    Restart {
        power_cut: bool,
    },
    ChangeVersion {
        level: i16,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let age = prop_oneof![4 => Just(0usize), 1 => 1..4usize];
    let ms = prop_oneof![Just(10_000i64), Just(i64::from(TIMEOUT_MS))];
    prop_oneof![
        2 => any::<bool>().prop_map(|recovers| Step::Init { recovers }),
        5 => (age.clone(), 0..3i32).prop_map(|(age, partition)| Step::Add { age, partition }),
        5 => (age, any::<bool>()).prop_map(|(age, commits)| Step::End { age, commits }),
        2 => Just(Step::Await),
        8 => Just(Step::Flush),
        8 => Just(Step::WriteMarker),
        1 => ms.prop_map(|ms| Step::Pass { ms }),
        1 => any::<bool>().prop_map(|is_full| Step::Fill { is_full }),
        2 => any::<bool>().prop_map(|power_cut| Step::Restart { power_cut }),
        1 => (0..3i16).prop_map(|level| Step::ChangeVersion { level }),
    ]
}

/// A request under way.
enum Asked {
    Init,
    Await,
    Add(ProducerIdAndEpoch, TopicPartition),
    End(ProducerIdAndEpoch, bool),
}

/// What the clients know.
#[derive(Default)]
struct Told {
    /// Who they were told to be, newest last.
    producers: Vec<ProducerIdAndEpoch>,
    /// By the number of the answer.
    asked: Vec<(usize, Asked)>,
    /// Decisions of version 2 that were answered, by the epoch that the markers have.
    decided: HashMap<(i64, i16), bool>,
}

impl Told {
    fn take_answers(&mut self, world: &World) -> Result<(), TestCaseError> {
        let mut left = Vec::new();
        for (number, asked) in std::mem::take(&mut self.asked) {
            match (world.answers[number], asked) {
                (None, asked) => left.push((number, asked)),
                (Some(Err(_)), _) => {}
                (Some(Ok(told)), asked) => self.take(world, told, asked)?,
            }
        }
        self.asked = left;
        Ok(())
    }

    fn take(
        &mut self,
        world: &World,
        told: ProducerIdAndEpoch,
        asked: Asked,
    ) -> Result<(), TestCaseError> {
        // Whoever waits is no producer, and sees also the epoch that only fences.
        let is_told_to_producer = !matches!(asked, Asked::Await);
        prop_assert!(
            !is_told_to_producer || told.producer_epoch < i16::MAX,
            "{:?} was told",
            told
        );
        match asked {
            Asked::Init => self.producers.push(told),
            Asked::Await => prop_assert_eq!(told, world.metadata().identity()),
            Asked::End(producer, commits) => {
                if told != producer {
                    let marker = (producer.producer_id, producer.producer_epoch + 1);
                    let earlier = self.decided.insert(marker, commits);
                    prop_assert!(
                        earlier.is_none_or(|earlier| earlier == commits),
                        "{:?} was told both",
                        producer
                    );
                }
                if self.producers.last() != Some(&told) {
                    self.producers.push(told);
                }
            }
            Asked::Add(producer, partition) => {
                // If its transaction is still open, the partition is in it.
                let metadata = world.metadata();
                let is_open =
                    metadata.identity() == producer && metadata.state == TransactionState::Ongoing;
                prop_assert!(!is_open || metadata.partitions.contains(&partition));
            }
        }
        Ok(())
    }

    fn producer(&self, age: usize) -> Option<ProducerIdAndEpoch> {
        let at = self.producers.len().checked_sub(age + 1)?;
        self.producers.get(at).copied()
    }

    /// All markers of an epoch say the same, and what was answered.
    fn check_markers(&self, world: &World) -> Result<(), TestCaseError> {
        let mut by_epoch = self.decided.clone();
        for (partition, producer, commits) in &world.written {
            let key = (producer.producer_id, producer.producer_epoch);
            let earlier = by_epoch.insert(key, *commits);
            prop_assert!(
                earlier.is_none_or(|earlier| earlier == *commits),
                "{:?}: {:?} has both ends",
                partition,
                producer
            );
        }
        Ok(())
    }
}

fn take_step(world: &mut World, told: &mut Told, step: Step) {
    match step {
        Step::Init { recovers } => {
            let expected = told.producer(0).filter(|_| recovers);
            told.asked.push((world.start_init(expected), Asked::Init));
        }
        Step::Add { age, partition } => {
            if let Some(producer) = told.producer(age) {
                let partition = of("t", partition);
                let number = world.start_add(producer, std::slice::from_ref(&partition));
                told.asked.push((number, Asked::Add(producer, partition)));
            }
        }
        Step::End { age, commits } => {
            if let Some(producer) = told.producer(age) {
                let number = world.start_end(producer, commits);
                told.asked.push((number, Asked::End(producer, commits)));
            }
        }
        Step::Await => told.asked.push((world.start_await(), Asked::Await)),
        Step::Flush => drop(world.flush()),
        Step::WriteMarker => drop(world.write_marker()),
        Step::Pass { ms } => {
            world.pass(ms);
            world.tick();
        }
        Step::Fill { is_full } => world.is_full = is_full,
        Step::Restart { power_cut } => {
            // Answers that have not come by now never come.
            told.asked.clear();
            world.restart(power_cut);
        }
        Step::ChangeVersion { level } => world.version = TransactionVersion::from_level(level),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_answered_holds_and_nothing_is_stuck(
        starts_at in prop_oneof![Just(None), (i16::MAX - 4..i16::MAX).prop_map(Some)],
        changes_version: bool,
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(TransactionVersion::V2);
        let mut told = Told::default();
        if let Some(epoch) = starts_at {
            world.put_ongoing(epoch);
            told.producers.push(producer(7, epoch));
        }
        for step in steps {
            if matches!(step, Step::ChangeVersion { .. }) && !changes_version {
                continue;
            }
            take_step(&mut world, &mut told, step);
            told.take_answers(&world)?;
            if !changes_version {
                told.check_markers(&world)?;
            }
        }

        // The disk has room again, time passes, and everything comes to rest.
        world.is_full = false;
        for ms in [0, i64::from(TIMEOUT_MS)] {
            world.settle();
            world.pass(ms);
            world.tick();
            world.settle();
        }
        if let Some(entry) = world.coordinator.ids.get(ID) {
            prop_assert!(entry.metadata.state.is_at_rest(), "stuck: {:?}", entry.metadata);
            prop_assert!(!entry.is_pending);
        }
        prop_assert!(world.coordinator.deadlines.is_empty());
        prop_assert!(world.coordinator.waiting.is_empty());
        prop_assert!(world.coordinator.unsettled.is_empty());

        // A new producer gets an epoch that nobody was told before.
        let next = world.init();
        prop_assert!(next.is_ok_and(|next| !told.producers.contains(&next)), "{:?}", next);
        // The log says what the coordinator says.
        let stored = world.stored();
        prop_assert_eq!(stored[ID].identity(), world.metadata().identity());
        prop_assert_eq!(stored[ID].state, world.state());
    }
}
