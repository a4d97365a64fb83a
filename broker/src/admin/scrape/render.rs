//! From what the shards said to the text that a scraper reads.

use std::collections::BTreeMap;

use naru_runtime::pooled_bytes;

use super::gather::{Detail, Gathered, OfShard, TopicSums};
use super::process::Process;
use crate::admin::broker::Broker;
use crate::cluster::{ClusterImage, TopicRef};
use crate::memory::Shares;
use crate::metrics::families as f;
use crate::metrics::{Counted, Format, Text};
use crate::partition::PartitionReport;

/// Histograms of durations are in microseconds.
const MICROS: f64 = 1e-6;

pub fn text(broker: &Broker, gathered: &Gathered, format: Format) -> String {
    let shards = &gathered.shards;
    let mut text = Text::new(format);
    text.value(f::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1);
    let loading = shards.iter().map(|shard| shard.loading).sum();
    text.value(f::READY, &[], u8::from(broker.is_ready(loading)));
    traffic(&mut text, shards);
    threads(&mut text, shards);
    memory(&mut text, broker, shards);
    data(&mut text, broker, gathered);
    lags(&mut text, gathered);
    process(&mut text);
    text.finish()
}

fn traffic(text: &mut Text, shards: &[OfShard]) {
    let Some((first, others)) = shards.split_first() else {
        return;
    };
    let (mut counted, mut flushes): (Counted, _) = (first.counted.clone(), first.flushes.clone());
    for shard in others {
        counted.add(&shard.counted);
        flushes.add(&shard.flushes);
    }
    for (key, durations) in &counted.requests.durations {
        text.distribution(f::REQUEST_DURATION, &[key.name()], durations, MICROS);
    }
    for ((key, error), count) in &counted.requests.errors {
        let error = shouted(&format!("{error:?}"));
        text.value(f::REQUEST_ERRORS, &[key.name(), &error], count);
    }
    let sum = |of: fn(&OfShard) -> u64| shards.iter().map(of).sum::<u64>();
    text.value(f::RECEIVED, &[], sum(|shard| shard.received_bytes));
    text.value(f::SENT, &[], sum(|shard| shard.sent_bytes));
    for (index, shard) in shards.iter().enumerate() {
        text.value(f::CONNECTIONS, &[&index.to_string()], shard.connections);
    }
    text.value(f::ACCEPTED, &[], sum(|shard| shard.accepted));
    text.value(f::PRODUCED_RECORDS, &[], counted.records);
    text.distribution(f::PRODUCED_BATCH, &[], &counted.batch_bytes, 1.0);
    text.value(f::FETCHED, &[], counted.fetched_bytes);
    text.distribution(f::FLUSH_DURATION, &[], &flushes, MICROS);
}

fn threads(text: &mut Text, shards: &[OfShard]) {
    let named: Vec<(String, &OfShard)> = shards
        .iter()
        .enumerate()
        .map(|(index, shard)| (index.to_string(), shard))
        .collect();
    for (name, shard) in &named {
        text.value(f::SHARD_BUSY, &[name], shard.times.busy.as_secs_f64());
    }
    for (name, shard) in &named {
        text.value(f::SHARD_WAITING, &[name], shard.times.waiting.as_secs_f64());
    }
    for (name, shard) in &named {
        text.value(f::SHARD_TURNS, &[name], shard.times.turns);
    }
    for (name, shard) in &named {
        text.value(f::SHARD_QUEUED, &[name], shard.queued_jobs);
    }
}

fn memory(text: &mut Text, broker: &Broker, shards: &[OfShard]) {
    let whole = usize::try_from(broker.config.naru.memory.0).unwrap_or(usize::MAX);
    let whole = Shares::of(whole);
    let tails: usize = shards.iter().map(|shard| shard.tails_bytes).sum();
    let pots = broker.memory.pots();
    let pots = pots.map(|(name, pot)| (name, pot.limit_bytes(), pot.used_bytes()));
    let plain = [
        ("tails", whole.tails, tails),
        ("pool", whole.pool, pooled_bytes()),
    ];
    for (name, limit, _) in pots.iter().chain(&plain) {
        text.value(f::MEMORY_LIMIT, &[name], limit);
    }
    for (name, _, used) in pots.iter().chain(&plain) {
        text.value(f::MEMORY_USED, &[name], used);
    }
}

fn data(text: &mut Text, broker: &Broker, gathered: &Gathered) {
    let shards = &gathered.shards;
    let image = broker.image();
    text.value(f::TOPICS, &[], image.topics().len());
    for (at, role) in ["leader", "follower", "offline"].iter().enumerate() {
        let count: usize = shards.iter().map(|shard| shard.roles[at]).sum();
        text.value(f::PARTITIONS, &[role], count);
    }
    let mut groups = BTreeMap::<_, usize>::new();
    for (state, count) in shards.iter().flat_map(|shard| &shard.groups) {
        *groups.entry(*state).or_default() += count;
    }
    for (state, count) in groups {
        text.value(f::GROUPS, &[state], count);
    }
    let sum = |of: fn(&OfShard) -> u64| shards.iter().map(of).sum::<u64>();
    text.value(f::LOG_SIZE, &[], sum(|shard| shard.size_bytes));
    text.value(f::LOG_SEGMENTS, &[], sum(|shard| shard.segments as u64));
    text.value(
        f::LOG_RECOVERY_DEBT,
        &[],
        sum(|shard| shard.recovery_debt_bytes),
    );
    match *gathered.detail {
        Detail::Partitions => {
            partitions(text, &image, shards);
            text.value(f::TOPICS_LEFT_OUT, &[], 0);
        }
        Detail::Topics(_) => topics(text, &image, shards),
    }
}

/// Each partition, where they are few enough to be told of.
fn partitions(text: &mut Text, image: &ClusterImage, shards: &[OfShard]) {
    let reports = shards.iter().flat_map(|shard| &shard.partitions);
    // What was deleted meanwhile has no name any more.
    let named = reports.filter_map(|report| {
        let topic = image.topic(TopicRef::Id(report.id.topic_id))?;
        Some((topic.name.to_string(), report.id.index, *report))
    });
    let mut named: Vec<(String, i32, PartitionReport)> = named.collect();
    named.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let families = [
        (
            f::PARTITION_START,
            (|r| r.start_offset) as fn(&PartitionReport) -> i64,
        ),
        (f::PARTITION_END, |r| r.end_offset),
        (f::PARTITION_HIGH_WATERMARK, |r| r.high_watermark),
        (f::PARTITION_LAST_STABLE, |r| r.last_stable_offset),
        (f::PARTITION_SIZE, |r| {
            i64::try_from(r.size_bytes).unwrap_or(i64::MAX)
        }),
    ];
    for (family, value) in families {
        for (topic, index, report) in &named {
            text.value(family, &[topic, &index.to_string()], value(report));
        }
    }
}

/// Sums of topics, where there are too many partitions.
fn topics(text: &mut Text, image: &ClusterImage, shards: &[OfShard]) {
    let mut sums = BTreeMap::<_, TopicSums>::new();
    for (id, of_shard) in shards.iter().flat_map(|shard| &shard.topics) {
        let sums = sums.entry(*id).or_default();
        sums.size_bytes += of_shard.size_bytes;
        sums.committed_offsets += of_shard.committed_offsets;
    }
    let told = image
        .topics()
        .filter_map(|topic| Some((&*topic.name, sums.get(&topic.id)?)));
    let told: Vec<_> = told.collect();
    for (name, sums) in &told {
        text.value(f::TOPIC_SIZE, &[name], sums.size_bytes);
    }
    for (name, sums) in &told {
        text.value(f::TOPIC_COMMITTED, &[name], sums.committed_offsets);
    }
    let left_out = image.topics().len().saturating_sub(told.len());
    text.value(f::TOPICS_LEFT_OUT, &[], left_out);
}

/// How far groups are behind, of those that are told of.
fn lags(text: &mut Text, gathered: &Gathered) {
    for lag in &gathered.lags {
        for topic in &lag.topics {
            let labels = [&*lag.group_id, &*topic.topic];
            text.value(f::GROUP_LAG_RECORDS, &labels, topic.lag_records);
        }
    }
    for lag in &gathered.lags {
        if let Some(lag_ms) = lag.lag_ms {
            let seconds = lag_ms as f64 / 1_000.0;
            text.value(f::GROUP_LAG_SECONDS, &[&lag.group_id], seconds);
        }
    }
    text.value(f::GROUPS_LEFT_OUT, &[], gathered.groups_left_out);
}

fn process(text: &mut Text) {
    let process = Process::read();
    if let Some(seconds) = process.cpu_seconds {
        text.value(f::PROCESS_CPU, &[], seconds);
    }
    if let Some(bytes) = process.resident_bytes {
        text.value(f::PROCESS_RESIDENT, &[], bytes);
    }
    if let Some(count) = process.open_fds {
        text.value(f::PROCESS_FDS, &[], count);
    }
    if let Some(count) = process.fds_max {
        text.value(f::PROCESS_FDS_MAX, &[], count);
    }
    if let Some(seconds) = process.start_seconds {
        text.value(f::PROCESS_START, &[], seconds);
    }
}

/// `NotLeaderOrFollower` as Kafka writes it: `NOT_LEADER_OR_FOLLOWER`.
fn shouted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_kafka_s_names() {
        assert_eq!(shouted("NotLeaderOrFollower"), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(shouted("UnknownTopicId"), "UNKNOWN_TOPIC_ID");
    }
}
