//! Incremental fetch sessions (KIP-227): a consumer names its partitions once, and then
//! only what changes; answers leave out what has nothing new.
//!
//! Sessions belong to the shard whose connection began them. A client that comes back by
//! another shard is told that its session is not known, and begins a new one.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
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
#[derive(Debug, PartialEq)]
pub struct FetchTarget {
    pub topic: Str,
    pub topic_id: Uuid,
    pub index: i32,
    wants: Cell<Wants>,
    told: Cell<Option<Told>>,
}

/// What changes of a target from fetch to fetch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wants {
    pub fetch_offset: i64,
    pub bytes_max: i32,
    pub current_leader_epoch: i32,
}

/// A partition as requests name it: before version 13 by name, then by id.
type Key = (Str, Uuid, i32);

impl FetchTarget {
    pub fn new(topic: Str, topic_id: Uuid, index: i32, wants: Wants) -> Self {
        Self {
            topic,
            topic_id,
            index,
            wants: Cell::new(wants),
            told: Cell::new(None),
        }
    }

    pub fn wants(&self) -> Wants {
        self.wants.get()
    }

    fn key(&self) -> Key {
        (self.topic.clone(), self.topic_id, self.index)
    }

    /// Lets go of the frame that the name came in.
    fn detached(self) -> Self {
        let topic = self.topic.detach();
        Self { topic, ..self }
    }
}

/// What a partition was answered last: only a change is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub high_watermark: i64,
    pub log_start_offset: i64,
}

/// Targets that a session and the fetches under way have together: none is copied for a fetch.
type Targets = Rc<Vec<Rc<FetchTarget>>>;

/// What a request comes to.
#[derive(Debug, PartialEq)]
pub struct FetchPlan {
    /// 0 without a session.
    pub session_id: i32,
    /// The epoch that the session's next request has: another one by now means that
    /// somebody else went on with it.
    next_epoch: i32,
    /// The answer leaves out what has nothing new.
    is_incremental: bool,
    targets: Targets,
    /// Where this fetch begins: all get their turn.
    first: usize,
}

impl FetchPlan {
    /// A fetch without a session.
    pub fn alone(targets: Vec<FetchTarget>) -> Self {
        Self {
            session_id: 0,
            next_epoch: 0,
            is_incremental: false,
            targets: Rc::new(targets.into_iter().map(Rc::new).collect()),
            first: 0,
        }
    }

    /// What is to be read, in the order in which it is answered.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &FetchTarget> {
        let count = self.targets.len();
        (0..count).map(move |at| &*self.targets[(self.first + at) % count])
    }
}

/// What a request says about its session.
#[derive(Debug, Default)]
pub struct SessionRequest {
    pub session_id: i32,
    pub epoch: i32,
    pub targets: Vec<FetchTarget>,
    pub forgotten: Vec<Key>,
    pub uses_topic_ids: bool,
}

struct Session {
    next_epoch: i32,
    uses_topic_ids: bool,
    targets: Targets,
    /// Where each partition is in `targets`.
    places: HashMap<Key, usize>,
    /// The target that the next fetch begins with.
    first: usize,
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
            let id = match request.epoch {
                INITIAL_EPOCH if !request.targets.is_empty() => self.new_id(now, random),
                _ => None,
            };
            let Some(id) = id else {
                return Ok(FetchPlan::alone(request.targets));
            };
            let session = Session::new(now, request);
            let plan = session.plan(id, false);
            self.sessions.insert(id, session);
            return Ok(plan);
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
        for key in &request.forgotten {
            session.forget(key);
        }
        session.update(request.targets);
        if session.targets.len() > PARTITIONS_PER_SESSION_MAX {
            self.sessions.remove(&request.session_id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        Ok(session.plan(request.session_id, true))
    }

    /// An id for a session, if there is room for one.
    fn new_id(&mut self, now: Instant, mut random: impl FnMut() -> i32) -> Option<i32> {
        if self.sessions.len() >= self.sessions_max {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
            match oldest.map(|(id, session)| (*id, now.duration_since(session.used))) {
                Some((id, idle)) if idle >= EVICT_AFTER => self.sessions.remove(&id),
                _ => return None,
            };
        }
        let mut id = random() & i32::MAX;
        while id == 0 || self.sessions.contains_key(&id) {
            id = random() & i32::MAX;
        }
        Some(id)
    }

    /// Says what each target of a plan was found to be, in the plan's order: whether it has
    /// records or an error, and its offsets. Returns which belong into the answer.
    pub fn finish(
        &mut self,
        plan: &FetchPlan,
        found: impl ExactSizeIterator<Item = (bool, Told)>,
    ) -> Vec<bool> {
        let session = self.sessions.get_mut(&plan.session_id);
        let Some(session) = session.filter(|session| session.next_epoch == plan.next_epoch) else {
            return vec![true; found.len()];
        };
        let mut included = Vec::with_capacity(found.len());
        let mut after_served = None;
        for (at, (target, (has_news, told))) in plan.targets().zip(found).enumerate() {
            let is_change = target.told.replace(Some(told)) != Some(told);
            included.push(!plan.is_incremental || has_news || is_change);
            if has_news {
                after_served = Some(plan.first + at + 1);
            }
        }
        // The next fetch begins after those that were served, so that all get their turn.
        if let Some(first) = after_served {
            session.first = first % session.targets.len().max(1);
        }
        included
    }
}

impl Session {
    fn new(now: Instant, request: SessionRequest) -> Self {
        let mut session = Self {
            next_epoch: INITIAL_EPOCH + 1,
            uses_topic_ids: request.uses_topic_ids,
            targets: Targets::default(),
            places: HashMap::with_capacity(request.targets.len()),
            first: 0,
            used: now,
        };
        session.update(request.targets);
        session
    }

    fn plan(&self, session_id: i32, is_incremental: bool) -> FetchPlan {
        FetchPlan {
            session_id,
            next_epoch: self.next_epoch,
            is_incremental,
            targets: Rc::clone(&self.targets),
            first: self.first,
        }
    }

    fn update(&mut self, targets: Vec<FetchTarget>) {
        for target in targets {
            let key = target.key();
            match self.places.get(&key).and_then(|at| self.targets.get(*at)) {
                Some(known) => known.wants.set(target.wants()),
                None => {
                    let target = Rc::new(target.detached());
                    self.places.insert(target.key(), self.targets.len());
                    // Copied only if a fetch of the session is under way, which is none's way.
                    Rc::make_mut(&mut self.targets).push(target);
                }
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        let Some(at) = self.places.remove(key) else {
            return;
        };
        let targets = Rc::make_mut(&mut self.targets);
        targets.swap_remove(at);
        if let Some(moved) = targets.get(at) {
            self.places.insert(moved.key(), at);
        }
        if self.first >= targets.len() {
            self.first = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(index: i32, fetch_offset: i64) -> FetchTarget {
        let wants = Wants {
            fetch_offset,
            bytes_max: 1,
            current_leader_epoch: -1,
        };
        FetchTarget::new(Str::from("t"), Uuid::nil(), index, wants)
    }

    fn request(session_id: i32, epoch: i32, targets: Vec<FetchTarget>) -> SessionRequest {
        SessionRequest {
            session_id,
            epoch,
            targets,
            ..SessionRequest::default()
        }
    }

    fn finish<const N: usize>(
        sessions: &mut FetchSessions,
        plan: &FetchPlan,
        found: [(bool, Told); N],
    ) -> Vec<bool> {
        sessions.finish(plan, found.into_iter())
    }

    fn at(plan: &FetchPlan, place: usize) -> &FetchTarget {
        plan.targets().nth(place).expect("a target")
    }

    fn indexes(plan: &FetchPlan) -> Vec<i32> {
        plan.targets().map(|target| target.index).collect()
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
        assert_eq!(
            finish(&mut sessions, &plan, [NOTHING, NOTHING]),
            [true, true]
        );
        (sessions, plan.session_id, now)
    }

    #[test]
    fn an_incremental_answer_leaves_out_what_has_not_changed() {
        let (mut sessions, id, now) = begun();
        let plan = sessions
            .begin(now, request(id, 1, vec![]), || 0)
            .expect("known");
        assert_eq!(plan.targets().len(), 2);
        let moved = Told {
            high_watermark: 6,
            log_start_offset: 0,
        };
        assert_eq!(
            finish(&mut sessions, &plan, [NOTHING, (false, moved)]),
            [false, true]
        );
        let plan = sessions.begin(now, request(id, 2, vec![target(0, 9)]), || 0);
        let plan = plan.expect("known");
        assert_eq!(at(&plan, 0).wants().fetch_offset, 9);
        assert_eq!(
            finish(&mut sessions, &plan, [(true, NOTHING.1), (false, moved)]),
            [true, false]
        );
        let plan = sessions
            .begin(now, request(id, 3, vec![]), || 0)
            .expect("known");
        assert_eq!(
            at(&plan, 0).index,
            1,
            "who was served comes after the others"
        );
    }

    #[test]
    fn a_forgotten_partition_is_not_fetched_again() {
        let (mut sessions, id, now) = begun();
        let mut forget = request(id, 1, vec![]);
        forget.forgotten = vec![(Str::from("t"), Uuid::nil(), 0)];
        let plan = sessions.begin(now, forget, || 0).expect("known");
        assert_eq!(indexes(&plan), [1]);
    }

    #[test]
    fn what_is_forgotten_and_fetched_again_is_found_where_it_is() {
        let (mut sessions, id, now) = begun();
        let mut epoch = 0;
        let mut next = |targets, forgotten: &[i32]| {
            epoch += 1;
            let mut request = request(id, epoch, targets);
            let key = |index: &i32| (Str::from("t"), Uuid::nil(), *index);
            request.forgotten = forgotten.iter().map(key).collect();
            sessions.begin(now, request, || 0).expect("known")
        };
        assert_eq!(
            indexes(&next(vec![target(2, 0), target(3, 0)], &[])),
            [0, 1, 2, 3]
        );
        assert_eq!(indexes(&next(vec![], &[1, 9])), [0, 3, 2]);
        let plan = next(vec![target(3, 30), target(2, 20), target(1, 10)], &[0]);
        let found: Vec<_> = plan
            .targets()
            .map(|t| (t.index, t.wants().fetch_offset))
            .collect();
        assert_eq!(found, [(2, 20), (3, 30), (1, 10)]);
    }

    #[test]
    fn all_get_their_turn() {
        let (mut sessions, id, now) = begun();
        let more = vec![target(2, 0), target(3, 0)];
        let mut plan = sessions
            .begin(now, request(id, 1, more), || 0)
            .expect("known");
        let mut order = Vec::new();
        for epoch in 2..10 {
            // Only the first of each fetch finds room in its answer.
            order.push(at(&plan, 0).index);
            let served = [(true, NOTHING.1), NOTHING, NOTHING, NOTHING];
            finish(&mut sessions, &plan, served);
            plan = sessions
                .begin(now, request(id, epoch, vec![]), || 0)
                .expect("known");
        }
        assert_eq!(order, [0, 1, 2, 3, 0, 1, 2, 3]);
    }

    #[test]
    fn a_fetch_shares_the_targets_of_its_session() {
        let (mut sessions, id, now) = begun();
        let plan = sessions.begin(now, request(id, 1, vec![target(1, 5)]), || 0);
        let plan = plan.expect("known");
        let session = &sessions.sessions[&id];
        assert!(Rc::ptr_eq(&plan.targets, &session.targets));
        // Another connection that goes on with the session takes nothing from it.
        let other = sessions.begin(now, request(id, 2, vec![target(2, 0)]), || 0);
        assert_eq!(indexes(&plan), [0, 1]);
        assert_eq!(indexes(&other.expect("known")), [0, 1, 2]);
        assert_eq!(
            finish(&mut sessions, &plan, [NOTHING, NOTHING]),
            [true, true]
        );
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
