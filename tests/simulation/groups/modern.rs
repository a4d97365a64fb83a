//! A member of the consumer protocol (KIP-848) that keeps its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use naru_wire::ErrorCode;
use naru_wire::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatTopicPartitions,
};

use super::accounts::Part;
use super::requests::{self, Who};
use super::scene::{BRIEF, GROUP, SESSION, Scene};
use crate::client::{Client, Lost, text};
use crate::world::TOPIC;

const PAUSE_MS_MAX: u64 = 150;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
const LEAVING: i32 = -1;
const LEAVING_FOR_NOW: i32 = -2;

struct Member {
    scene: Rc<Scene>,
    client: Client,
    number: u64,
    who: Who,
    instance: Option<String>,
    /// What it has, with the next offset of each.
    owned: BTreeMap<Part, i64>,
    /// What it was last told to have.
    told: BTreeSet<Part>,
    /// It says everything: it is new, or lost an answer.
    says_all: bool,
    /// Its session lasts at least until then.
    lives_until: Duration,
}

/// Lives as one member after the other until the run is done.
pub async fn member(scene: Rc<Scene>, instance: Option<String>) {
    while !scene.is_done() {
        let mut member = Member::new(&scene, instance.clone());
        member.live().await;
        scene.accounts.borrow_mut().gives_all_back(member.number);
        scene.world.pause(2_000).await;
    }
}

impl Member {
    fn new(scene: &Rc<Scene>, instance: Option<String>) -> Self {
        Self {
            client: Client::new(&scene.world.io),
            number: scene.accounts.borrow_mut().enter(),
            who: Who {
                member_id: uuid::Builder::from_random_bytes(
                    scene.world.io.random_u128().to_be_bytes(),
                )
                .into_uuid()
                .to_string(),
                epoch: 0,
            },
            scene: Rc::clone(scene),
            instance,
            owned: BTreeMap::new(),
            told: BTreeSet::new(),
            says_all: true,
            lives_until: Duration::ZERO,
        }
    }

    async fn live(&mut self) {
        loop {
            if self.scene.is_done() {
                return self.leave(LEAVING).await;
            }
            self.give_back().await;
            self.heartbeat().await;
            self.take().await;
            self.work().await;
            match self.scene.world.below(30) {
                // It crashes: nobody hears of it again.
                0 if !self.scene.world.is_over() => return,
                1 => return self.leave(LEAVING).await,
                2 if self.instance.is_some() => return self.leave(LEAVING_FOR_NOW).await,
                // It is slow, and may find that it is no member any more.
                3 => self.scene.world.pause(6_000).await,
                _ => self.scene.world.pause(PAUSE_MS_MAX).await,
            }
        }
    }

    /// Gives back what it is not to have, now or a little later.
    async fn give_back(&mut self) {
        if self.scene.now() >= self.lives_until {
            self.start_over();
        }
        if self.scene.world.below(4) == 0 {
            return;
        }
        let owned = self.owned.keys().copied();
        let gone: Vec<Part> = owned.filter(|part| !self.told.contains(part)).collect();
        for part in gone {
            self.commit(part).await;
            self.owned.remove(&part);
            let mut accounts = self.scene.accounts.borrow_mut();
            accounts.gives_back(part, self.number);
        }
    }

    /// It is no member, as far as it knows: it has nothing, and joins.
    fn start_over(&mut self) {
        let mut accounts = self.scene.accounts.borrow_mut();
        accounts.gives_all_back(self.number);
        self.owned.clear();
        self.told.clear();
        self.who.epoch = 0;
        self.says_all = true;
    }

    fn owned(&self) -> Vec<ConsumerGroupHeartbeatTopicPartitions> {
        let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        for part in self.owned.keys() {
            topics.entry(part.topic_id).or_default().push(part.index);
        }
        let topics = topics.into_iter();
        topics
            .map(
                |(topic_id, partitions)| ConsumerGroupHeartbeatTopicPartitions {
                    topic_id,
                    partitions,
                },
            )
            .collect()
    }

    async fn heartbeat(&mut self) {
        let all = self.says_all;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: text(GROUP),
            member_id: text(&self.who.member_id),
            member_epoch: self.who.epoch,
            instance_id: self.instance.as_deref().map(text),
            rebalance_timeout_ms: if all { REBALANCE_TIMEOUT_MS } else { -1 },
            subscribed_topic_names: all.then(|| vec![text(TOPIC), text(BRIEF)]),
            topic_partitions: Some(self.owned()),
            ..Default::default()
        };
        let asked_at = self.scene.now();
        self.says_all = true;
        let Ok(response) = self.client.call(&request, 1).await else {
            return;
        };
        match response.error_code {
            ErrorCode::None => {
                assert!(response.member_epoch >= self.who.epoch, "{response:?}");
                self.who.epoch = response.member_epoch;
                self.says_all = false;
                self.lives_until = asked_at + SESSION;
                let mut accounts = self.scene.accounts.borrow_mut();
                accounts.lives(self.number, self.lives_until);
                if let Some(assignment) = response.assignment {
                    let topics = assignment.topic_partitions.into_iter();
                    let parts = topics.flat_map(|topic| {
                        let topic_id = topic.topic_id;
                        let indexes = topic.partitions.into_iter();
                        indexes.map(move |index| Part { topic_id, index })
                    });
                    self.told = parts.collect();
                }
            }
            // The last: without its members of the consumer protocol the group is a classic one.
            ErrorCode::UnknownMemberId
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::GroupIdNotFound => {
                self.scene.accounts.borrow_mut().counts.fenced += 1;
                self.start_over();
            }
            ErrorCode::FencedInstanceId | ErrorCode::UnreleasedInstanceId => {
                self.start_over();
                self.scene.world.pause(3_000).await;
            }
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress => {
                self.scene.find_group(&mut self.client).await;
            }
            code => panic!("a heartbeat is refused: {code:?}"),
        }
    }

    /// Takes what is new, once it has given back what is not its any more.
    async fn take(&mut self) {
        let may_take = self.owned.keys().all(|part| self.told.contains(part));
        if !may_take || self.who.epoch == 0 {
            return;
        }
        let told: Vec<Part> = self.told.iter().copied().collect();
        for part in told {
            if self.owned.contains_key(&part) {
                continue;
            }
            let now = self.scene.now();
            if now >= self.lives_until {
                return;
            }
            let (epoch, until) = (self.who.epoch, self.lives_until);
            let least = {
                let mut accounts = self.scene.accounts.borrow_mut();
                accounts.takes(part, self.number, epoch, now, until);
                accounts.committed_min(part)
            };
            let found = requests::committed(&mut self.client, Some(&self.who), part).await;
            let accounts = &self.scene.accounts;
            match found {
                Ok(offset) => {
                    accounts.borrow().found(part, offset, least);
                    self.owned.insert(part, offset.max(0));
                }
                Err(_) => {
                    // It is asked for again after the next heartbeat.
                    accounts.borrow_mut().gives_back(part, self.number);
                }
            }
        }
    }

    async fn work(&mut self) {
        let parts: Vec<(Part, i64)> = self.owned.iter().map(|(part, at)| (*part, *at)).collect();
        for (part, position) in parts {
            if self.scene.now() >= self.lives_until {
                return;
            }
            let Ok(count) = requests::fetch(&mut self.client, part, position).await else {
                continue;
            };
            let offsets = position..position + count;
            self.scene.accounts.borrow_mut().processed(part, offsets);
            self.owned.insert(part, position + count);
            if count > 0 {
                self.commit(part).await;
            }
        }
    }

    async fn commit(&mut self, part: Part) {
        let offset = self.owned[&part];
        match requests::commit(&mut self.client, &self.who, part, offset).await {
            Ok(ErrorCode::None) => self.scene.accounts.borrow_mut().committed(part, offset),
            Ok(ErrorCode::StaleMemberEpoch) => self.scene.accounts.borrow_mut().counts.stale += 1,
            Ok(
                ErrorCode::UnknownMemberId
                | ErrorCode::FencedInstanceId
                | ErrorCode::UnknownTopicId
                | ErrorCode::UnknownTopicOrPartition
                | ErrorCode::GroupIdNotFound
                | ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::CoordinatorLoadInProgress,
            )
            | Err(Lost) => {}
            Ok(code) => panic!("a commit is refused: {code:?}"),
        }
    }

    async fn leave(&mut self, epoch: i32) {
        let parts: Vec<Part> = self.owned.keys().copied().collect();
        for part in parts {
            self.commit(part).await;
        }
        let request = ConsumerGroupHeartbeatRequest {
            group_id: text(GROUP),
            member_id: text(&self.who.member_id),
            member_epoch: epoch,
            instance_id: self.instance.as_deref().map(text),
            ..Default::default()
        };
        let number = self.number;
        self.scene.accounts.borrow_mut().gives_all_back(number);
        // Whether it is heard or not, its session ends.
        drop(self.client.call(&request, 1).await);
    }
}
