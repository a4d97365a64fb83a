//! The partitions of a topic: who leads, and what this broker has of them.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::cluster::Topic;
use crate::partition::{PartitionId, PartitionReport, Role};

/// A partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartitionInfo {
    pub partition: i32,
    /// The node that leads it; -1 where none can.
    pub leader: i32,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    /// What this broker is to it.
    pub role: RoleName,
    /// What this broker has of it; null where it serves nothing of it.
    pub log: Option<LogInfo>,
}

/// What a broker is to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    Leader,
    Follower,
    /// It has the partition and does not serve it: its data is damaged, or its disk has failed.
    Offline,
}

/// The log of a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogInfo {
    /// The first offset that can be read.
    pub start_offset: i64,
    /// The offset of the next record.
    pub end_offset: i64,
    /// All below it is committed, and may be consumed.
    pub high_watermark: i64,
    /// All below it belongs to no open transaction: how far read_committed reads.
    pub last_stable_offset: i64,
    /// All below it survives a power cut.
    pub flushed_offset: i64,
    /// All below it survives the death of the process.
    pub written_offset: i64,
    pub segments: usize,
    pub size_bytes: u64,
    /// What recovery would read if the process died now.
    pub recovery_debt_bytes: u64,
}

/// A segment of a log: one file of record batches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SegmentInfo {
    /// Its first offset, which names its file.
    pub base_offset: i64,
    pub size_bytes: u64,
}

pub async fn list(call: Call) -> Result<Paged<PartitionInfo>, Problem> {
    let page = call.page()?;
    let topic = call.topic()?;
    let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let after = page.number_after()?;
    let from = after.map_or(0, |after| {
        after.saturating_add(1).clamp(0, i64::from(count)) as i32
    });
    let to = count.min(from.saturating_add(page.limit as i32));
    let reports = call.broker.partitions(&topic, from..to).await?;
    let listed = (from..to).map(|index| info(&topic, index, reports.get(&index)));
    Ok(Paged {
        items: listed.collect(),
        next: (to < count).then(|| (to - 1).to_string()),
    })
}

pub async fn show(call: Call) -> Result<PartitionInfo, Problem> {
    let (topic, index) = call.partition()?;
    let reports = call.broker.partitions(&topic, index..index + 1).await?;
    Ok(info(&topic, index, reports.get(&index)))
}

pub async fn segments(call: Call) -> Result<Paged<SegmentInfo>, Problem> {
    let page = call.page()?;
    let after = page.number_after()?;
    let (topic, index) = call.partition()?;
    let id = PartitionId {
        topic_id: topic.id,
        index,
    };
    let listed = call.broker.segments(id).await?;
    let listed = listed
        .into_iter()
        .filter(|(base, _)| after.is_none_or(|after| *base > after));
    let listed = listed.take(page.limit + 1);
    let listed = listed.map(|(base_offset, size_bytes)| SegmentInfo {
        base_offset,
        size_bytes,
    });
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |s: &SegmentInfo| {
        s.base_offset.to_string()
    }))
}

/// `report` is `None` for a partition that this broker does not have, and holds `None` for one
/// that it does not serve.
fn info(topic: &Topic, index: i32, report: Option<&Option<PartitionReport>>) -> PartitionInfo {
    let placed = topic.partition(index);
    let role = match report {
        None => RoleName::Follower,
        Some(None) => RoleName::Offline,
        Some(Some(report)) => match report.standing.role {
            Role::Leader => RoleName::Leader,
            Role::Follower => RoleName::Follower,
            Role::Offline => RoleName::Offline,
        },
    };
    PartitionInfo {
        partition: index,
        leader: placed.map_or(-1, |placed| placed.leader),
        leader_epoch: placed.map_or(-1, |placed| placed.leader_epoch),
        replicas: placed.map_or_else(Vec::new, |placed| placed.replicas.clone()),
        isr: placed.map_or_else(Vec::new, |placed| placed.isr.clone()),
        role,
        log: report.and_then(Option::as_ref).map(LogInfo::of),
    }
}

impl LogInfo {
    pub fn of(report: &PartitionReport) -> Self {
        Self {
            start_offset: report.start_offset,
            end_offset: report.end_offset,
            high_watermark: report.high_watermark,
            last_stable_offset: report.last_stable_offset,
            flushed_offset: report.flushed_offset,
            written_offset: report.written_offset,
            segments: report.segments,
            size_bytes: report.size_bytes,
            recovery_debt_bytes: report.recovery_debt_bytes,
        }
    }
}

impl Call {
    /// The partition that the first two names of the path name.
    fn partition(&self) -> Result<(Arc<Topic>, i32), Problem> {
        let topic = self.topic()?;
        let index = self.segment(1).parse().ok();
        let index = index.filter(|index| topic.partition(*index).is_some());
        let missing = || {
            let detail = format!("{} has no partition {}", topic.name, self.segment(1));
            Problem::not_found(detail)
        };
        let index = index.ok_or_else(missing)?;
        Ok((topic, index))
    }
}
