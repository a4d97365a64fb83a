//! Consumer groups: their states and members, and how far they are behind.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::lag::GroupLag;

/// A group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GroupInfo {
    pub group_id: String,
    /// Kafka's name: Empty, Stable, and PreparingRebalance or CompletingRebalance of a group of the
    /// classic protocol, Assigning or Reconciling of one of the consumer protocol.
    pub state: &'static str,
    /// `consumer` for consumers; other users of the protocol have their own.
    pub protocol_type: String,
}

/// A group and its members.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GroupDetail {
    #[serde(flatten)]
    pub group: GroupInfo,
    /// The assignor: in a group of the classic protocol the one that its members have agreed on,
    /// empty unless the group is stable.
    pub protocol: String,
    pub members: Vec<MemberInfo>,
}

/// A member of a group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberInfo {
    pub member_id: String,
    /// Of a static member.
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
}

pub async fn list(call: Call) -> Result<Paged<GroupInfo>, Problem> {
    let page = call.page()?;
    let (after, wanted) = (page.after, page.limit + 1);
    let found = call.broker.ask(async move |shard| {
        let mut found = Vec::new();
        for slot in shard.coordinators.all() {
            let listed = slot.groups.borrow().list();
            let is_after = |id: &str| after.as_deref().is_none_or(|after| id > after);
            found.extend(listed.into_iter().filter(|group| is_after(&group.group_id)));
            shard.io.yield_now().await;
        }
        found.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        found.truncate(wanted);
        found
    });
    let mut listed: Vec<_> = found.await?.into_iter().flatten().collect();
    listed.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    listed.truncate(wanted);
    let listed = listed.into_iter().map(|group| GroupInfo {
        group_id: group.group_id,
        state: group.state,
        protocol_type: group.protocol_type,
    });
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |g: &GroupInfo| {
        g.group_id.clone()
    }))
}

pub async fn show(call: Call) -> Result<GroupDetail, Problem> {
    let group_id = call.segment(0).to_owned();
    let asked = group_id.clone();
    let found = call.broker.ask(async move |shard| {
        let slots = shard.coordinators.all();
        let mut found = slots
            .iter()
            .filter_map(|slot| slot.groups.borrow().overview(&asked));
        found.next()
    });
    let found = found.await?.into_iter().flatten().next();
    let found = found.ok_or_else(|| Problem::not_found(format!("there is no group {group_id}")))?;
    let members = found.members.into_iter().map(|member| MemberInfo {
        member_id: member.member_id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
    });
    Ok(GroupDetail {
        members: members.collect(),
        protocol: found.protocol,
        group: GroupInfo {
            group_id,
            state: found.state,
            protocol_type: found.protocol_type,
        },
    })
}

pub async fn lag(call: Call) -> Result<GroupLag, Problem> {
    let group_id = call.segment(0).to_owned();
    let asked = vec![group_id.clone()];
    let found = call.broker.ask(async move |shard| shard.lag(&asked).await);
    let found = found.await?.into_iter().flatten().next();
    found.ok_or_else(|| Problem::not_found(format!("there is no group {group_id}")))
}
