//! The groups of a partition, from its log: offsets and members, and what markers said of
//! transactions.

use std::rc::Rc;

use naru_record_batch::{BatchHeader, EndTransactionMarker, HEADER_BYTES, Records};
use naru_runtime::Handle;

use super::read_back::{LoadError, read_back};
use super::slots::outcome;
use super::{Reply, Slot};
use crate::config::{GroupSettings, Groups};
use crate::group::{ConsumerConfig, Coordinator, GroupConfig, MigrationPolicy, Now};
use crate::partition::Partition;

/// What a coordinator was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub bytes: u64,
    pub records: u64,
}

/// What groups are told: all of them by the broker, and some by settings of their own.
pub fn group_config(
    groups: &Groups,
    own: impl IntoIterator<Item = (String, GroupSettings)>,
) -> GroupConfig {
    let consumer = consumer_config(groups);
    let own = own.into_iter().map(|(group_id, settings)| {
        let config = ConsumerConfig {
            session_timeout_ms: i64::from(settings.session_timeout_ms),
            heartbeat_interval_ms: ms(settings.heartbeat_interval_ms),
            assignment_interval_ms: i64::from(settings.assignment_interval_ms),
            ..consumer.clone()
        };
        (group_id, config)
    });
    let own = Rc::new(own.collect());
    GroupConfig {
        session_timeout_ms_min: ms(groups.session_timeout_ms_min),
        session_timeout_ms_max: ms(groups.session_timeout_ms_max),
        initial_rebalance_delay_ms: ms(groups.initial_rebalance_delay_ms),
        members_max: groups.members_max as usize,
        offsets_retention_ms: i64::from(groups.offsets_retention_minutes) * 60_000,
        offset_metadata_bytes_max: groups.offset_metadata_bytes_max as usize,
        consumer,
        own,
    }
}

fn ms(ms: u32) -> i32 {
    i32::try_from(ms).unwrap_or(i32::MAX)
}

fn consumer_config(groups: &Groups) -> ConsumerConfig {
    let config = ConsumerConfig {
        session_timeout_ms: i64::from(groups.consumer_session_timeout_ms),
        heartbeat_interval_ms: ms(groups.consumer_heartbeat_interval_ms),
        members_max: groups.consumer_members_max as usize,
        assignment_interval_ms: i64::from(groups.consumer_assignment_interval_ms),
        regex_refresh_interval_ms: i64::from(groups.consumer_regex_refresh_interval_ms),
        migration_policy: MigrationPolicy::named(&groups.consumer_migration_policy),
        ..ConsumerConfig::default()
    };
    config.with_assignors(groups.consumer_assignors.iter().map(String::as_str))
}

impl Slot {
    /// A coordinator for a partition that has no records yet.
    pub fn empty(io: &Handle, config: GroupConfig, partition: Rc<Partition>) -> Self {
        let io = io.clone();
        let new_suffix = Box::new(move || {
            let random = io.random_u128().to_be_bytes();
            uuid::Builder::from_random_bytes(random)
                .into_uuid()
                .to_string()
        });
        let coordinator: Coordinator<Reply> = Coordinator::new(config, new_suffix);
        Self {
            groups: coordinator.into(),
            partition,
        }
    }

    /// A coordinator for what its partition holds. A record that cannot be understood is
    /// left out, with a line in the log; a log that cannot be read has no coordinator, or
    /// its groups would seem to have committed nothing.
    pub async fn load(
        io: &Handle,
        config: GroupConfig,
        partition: Rc<Partition>,
        now: impl Fn() -> Now,
    ) -> Result<(Self, Loaded), LoadError> {
        let slot = Self::empty(io, config, Rc::clone(&partition));
        let mut loaded = Loaded::default();
        read_back(io, &partition, |header, batch| {
            slot.replay(header, batch, &mut loaded);
        })
        .await?;
        slot.groups.borrow_mut().loaded(now());
        Ok((slot, loaded))
    }

    /// A batch that compaction has emptied has no records.
    pub(super) fn replay(&self, header: &BatchHeader, batch: &[u8], loaded: &mut Loaded) {
        loaded.bytes += batch.len() as u64;
        let attributes = header.attributes;
        if attributes.is_control() {
            // Whose transaction it is stands in the header, also where compaction has taken the
            // record: then nothing of the transaction is left either.
            if let Some(marker) = EndTransactionMarker::parse(header, batch) {
                let outcome = outcome(marker.result);
                let mut groups = self.groups.borrow_mut();
                groups.replay_marker(header.base_offset, header.producer_id, outcome);
            }
            return;
        }
        let producer_id = attributes.is_transactional().then_some(header.producer_id);
        // The batches are the coordinator's own, and not compressed.
        let records = batch.get(HEADER_BYTES..).unwrap_or_default();
        for record in Records::new(records) {
            loaded.records += 1;
            let replayed = match &record {
                Ok(record) => {
                    let offset = header.base_offset + i64::from(record.offset_delta);
                    let key = record.key.unwrap_or_default();
                    let mut groups = self.groups.borrow_mut();
                    let replayed = groups.replay(offset, producer_id, key, record.value);
                    replayed.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = replayed {
                let partition = &self.partition;
                tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
            }
        }
    }
}
