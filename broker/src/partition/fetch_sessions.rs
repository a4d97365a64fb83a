//! Incremental fetch sessions (KIP-227): a consumer names its partitions once, and then
//! only what changes; answers leave out what has nothing new.
//!
//! Sessions belong to the shard whose connection began them. A client that comes back by
//! another shard is told that its session is not known, and begins a new one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

/// A request that begins a session, or does without one.
const INITIAL_EPOCH: i32 = 0;
/// A request that ends its session.
const FINAL_EPOCH: i32 = -1;

/// A session may be replaced when nobody has used it for this long.
const EVICT_AFTER: Duration = Duration::from_secs(120);

/// Partitions that a session may have; with more it ends, and the client begins again.
const PARTITIONS_PER_SESSION_MAX: usize = 100_000;

/// A partition as a client wants it fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchTarget {
    pub topic: Str,
    pub topic_id: Uuid,
    pub index: i32,
    pub fetch_offset: i64,
    pub bytes_max: i32,
    pub current_leader_epoch: i32,
}

impl FetchTarget {
    fn key(&self) -> (Str, Uuid, i32) {
        (self.topic.clone(), self.topic_id, self.index)
    }

    fn is_same_partition(&self, topic: &Str, topic_id: Uuid, index: i32) -> bool {
        self.index == index && self.topic_id == topic_id && self.topic == *topic
    }
}

/// What a partition was answered last: only a change is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub high_watermark: i64,
    pub log_start_offset: i64,
}

/// What a request comes to.
#[derive(Debug, PartialEq)]
pub struct FetchPlan {
    /// 0 without a session.
    pub session_id: i32,
    /// The epoch that the session's next request has: another one by now means that
    /// somebody else went on with it.
    pub next_epoch: i32,
    /// The answer leaves out what has nothing new.
    pub is_incremental: bool,
    pub targets: Vec<FetchTarget>,
}

/// What a request says about its session.
#[derive(Clone, Debug, Default)]
pub struct SessionRequest {
    pub session_id: i32,
    pub epoch: i32,
    pub targets: Vec<FetchTarget>,
    pub forgotten: Vec<(Str, Uuid, i32)>,
    pub uses_topic_ids: bool,
}

struct Session {
    next_epoch: i32,
    uses_topic_ids: bool,
    partitions: Vec<(FetchTarget, Option<Told>)>,
    used: Instant,
}

pub struct FetchSessions {
    sessions: HashMap<i32, Session>,
    sessions_max: usize,
}

impl FetchSessions {
    pub fn new(sessions_max: usize) -> Self {
        Self {
            sessions: HashMap::new(),
            sessions_max,
        }
    }

    /// Takes a request; `random` is where a new session's id comes from.
    pub fn begin(
        &mut self,
        now: Instant,
        request: SessionRequest,
        random: impl FnMut() -> i32,
    ) -> Result<FetchPlan, ErrorCode> {
        if matches!(request.epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            self.sessions.remove(&request.session_id);
            let session_id = if request.epoch == INITIAL_EPOCH {
                self.open(now, &request, random)
            } else {
                0
            };
            return Ok(FetchPlan {
                session_id,
                next_epoch: INITIAL_EPOCH + 1,
                is_incremental: false,
                targets: request.targets,
            });
        }
        let session = self
            .sessions
            .get_mut(&request.session_id)
            .ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.next_epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        session.next_epoch = request.epoch.checked_add(1).unwrap_or(1);
        session.used = now;
        for (topic, topic_id, index) in &request.forgotten {
            let partitions = &mut session.partitions;
            partitions.retain(|(known, _)| !known.is_same_partition(topic, *topic_id, *index));
        }
        session.update(request.targets);
        if session.partitions.len() > PARTITIONS_PER_SESSION_MAX {
            self.sessions.remove(&request.session_id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        Ok(FetchPlan {
            session_id: request.session_id,
            next_epoch: session.next_epoch,
            is_incremental: true,
            targets: session.partitions.iter().map(|(t, _)| t.clone()).collect(),
        })
    }

    /// Opens a session if there is room; its id, or 0.
    fn open(
        &mut self,
        now: Instant,
        request: &SessionRequest,
        mut random: impl FnMut() -> i32,
    ) -> i32 {
        if request.targets.is_empty() {
            return 0;
        }
        if self.sessions.len() >= self.sessions_max {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
            match oldest.map(|(id, session)| (*id, now.duration_since(session.used))) {
                Some((id, idle)) if idle >= EVICT_AFTER => self.sessions.remove(&id),
                _ => return 0,
            };
        }
        let mut id = random() & i32::MAX;
        while id == 0 || self.sessions.contains_key(&id) {
            id = random() & i32::MAX;
        }
        let targets = request.targets.iter().map(|target| {
            // The frame that the name came in is let go.
            let topic = target.topic.detach();
            let target = FetchTarget {
                topic,
                ..target.clone()
            };
            (target, None)
        });
        let session = Session {
            next_epoch: 1,
            uses_topic_ids: request.uses_topic_ids,
            partitions: targets.collect(),
            used: now,
        };
        self.sessions.insert(id, session);
        id
    }

    /// Says what each target of a plan was found to be, in the plan's order: whether it has
    /// records or an error, and its offsets. Returns which belong into the answer.
    pub fn finish(&mut self, plan: &FetchPlan, found: &[(bool, Told)]) -> Vec<bool> {
        let session = self.sessions.get_mut(&plan.session_id);
        let session = session.filter(|session| {
            session.next_epoch == plan.next_epoch && session.partitions.len() == found.len()
        });
        let Some(session) = session else {
            return vec![true; found.len()];
        };
        let mut included = Vec::with_capacity(found.len());
        let (mut waiting, mut served) = (Vec::with_capacity(found.len()), Vec::new());
        let partitions = std::mem::take(&mut session.partitions);
        for ((has_news, told), (target, last)) in found.iter().zip(partitions) {
            included.push(!plan.is_incremental || *has_news || last != Some(*told));
            let order = if *has_news { &mut served } else { &mut waiting };
            order.push((target, Some(*told)));
        }
        // Who was served goes behind the others, so that all get their turn.
        waiting.append(&mut served);
        session.partitions = waiting;
        included
    }
}

impl Session {
    fn update(&mut self, targets: Vec<FetchTarget>) {
        let mut known: HashMap<(Str, Uuid, i32), usize> = HashMap::new();
        if !targets.is_empty() {
            let partitions = self.partitions.iter().enumerate();
            known.extend(partitions.map(|(at, (target, _))| (target.key(), at)));
        }
        for target in targets {
            let entry = known.get(&target.key()).copied();
            match entry.and_then(|at| self.partitions.get_mut(at)) {
                Some((known, _)) => {
                    known.fetch_offset = target.fetch_offset;
                    known.bytes_max = target.bytes_max;
                    known.current_leader_epoch = target.current_leader_epoch;
                }
                None => {
                    let topic = target.topic.detach();
                    self.partitions
                        .push((FetchTarget { topic, ..target }, None));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(index: i32, fetch_offset: i64) -> FetchTarget {
        FetchTarget {
            topic: Str::from("t"),
            topic_id: Uuid::nil(),
            index,
            fetch_offset,
            bytes_max: 1,
            current_leader_epoch: -1,
        }
    }

    fn request(session_id: i32, epoch: i32, targets: Vec<FetchTarget>) -> SessionRequest {
        SessionRequest {
            session_id,
            epoch,
            targets,
            ..SessionRequest::default()
        }
    }

    const NOTHING: (bool, Told) = (
        false,
        Told {
            high_watermark: 5,
            log_start_offset: 0,
        },
    );

    fn begun() -> (FetchSessions, i32, Instant) {
        let now = Instant::now();
        let mut sessions = FetchSessions::new(1);
        let plan = sessions.begin(now, request(0, 0, vec![target(0, 0), target(1, 0)]), || 7);
        let plan = plan.expect("a new session");
        assert_eq!((plan.session_id, plan.is_incremental), (7, false));
        assert_eq!(sessions.finish(&plan, &[NOTHING, NOTHING]), [true, true]);
        (sessions, plan.session_id, now)
    }

    #[test]
    fn an_incremental_answer_leaves_out_what_has_not_changed() {
        let (mut sessions, id, now) = begun();
        let plan = sessions
            .begin(now, request(id, 1, vec![]), || 0)
            .expect("known");
        assert_eq!(plan.targets.len(), 2);
        let moved = Told {
            high_watermark: 6,
            log_start_offset: 0,
        };
        assert_eq!(
            sessions.finish(&plan, &[NOTHING, (false, moved)]),
            [false, true]
        );
        let plan = sessions.begin(now, request(id, 2, vec![target(0, 9)]), || 0);
        let plan = plan.expect("known");
        assert_eq!(plan.targets[0].fetch_offset, 9);
        assert_eq!(
            sessions.finish(&plan, &[(true, NOTHING.1), (false, moved)]),
            [true, false]
        );
        let plan = sessions
            .begin(now, request(id, 3, vec![]), || 0)
            .expect("known");
        assert_eq!(
            plan.targets[0].index, 1,
            "who was served goes behind the others"
        );
    }

    #[test]
    fn a_forgotten_partition_is_not_fetched_again() {
        let (mut sessions, id, now) = begun();
        let mut forget = request(id, 1, vec![]);
        forget.forgotten = vec![(Str::from("t"), Uuid::nil(), 0)];
        let plan = sessions.begin(now, forget, || 0).expect("known");
        assert_eq!(plan.targets, [target(1, 0)]);
    }

    #[test]
    fn a_wrong_epoch_and_an_unknown_session_are_refused() {
        let (mut sessions, id, now) = begun();
        let refused = |r: Result<FetchPlan, ErrorCode>| r.expect_err("refused");
        let wrong = sessions.begin(now, request(id, 2, vec![]), || 0);
        assert_eq!(refused(wrong), ErrorCode::InvalidFetchSessionEpoch);
        let unknown = sessions.begin(now, request(id + 1, 1, vec![]), || 0);
        assert_eq!(refused(unknown), ErrorCode::FetchSessionIdNotFound);
        let mut by_id = request(id, 1, vec![]);
        by_id.uses_topic_ids = true;
        assert_eq!(
            refused(sessions.begin(now, by_id, || 0)),
            ErrorCode::FetchSessionTopicIdError
        );
    }

    #[test]
    fn a_full_cache_gives_way_only_to_age() {
        let (mut sessions, _, now) = begun();
        let plan = sessions.begin(now, request(0, 0, vec![target(0, 0)]), || 8);
        assert_eq!(plan.expect("served").session_id, 0);
        let later = now + EVICT_AFTER;
        let plan = sessions.begin(later, request(0, 0, vec![target(0, 0)]), || 8);
        assert_eq!(plan.expect("served").session_id, 8);
    }

    #[test]
    fn the_final_epoch_ends_a_session() {
        let (mut sessions, id, now) = begun();
        let plan = sessions.begin(now, request(id, -1, vec![target(0, 0)]), || 0);
        assert_eq!(plan.expect("served").session_id, 0);
        assert!(sessions.begin(now, request(id, 1, vec![]), || 0).is_err());
    }
}
