//! Settings of KIP-848 groups (`group.consumer.*`).

use super::assignors::Assignor;

#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// `group.consumer.session.timeout.ms`
    pub session_timeout_ms: i64,
    /// `group.consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`
    pub members_max: usize,
    /// `group.consumer.assignors`; the first is for members that ask for none.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.assignment.interval.ms`: the shortest between two target assignments.
    pub assignment_interval_ms: i64,
    /// `group.consumer.regex.refresh.interval.ms`
    pub regex_refresh_interval_ms: i64,
    /// `group.consumer.migration.policy`
    pub migration_policy: MigrationPolicy,
}

/// Which groups may go from one protocol to the other while they have members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationPolicy {
    /// From the classic protocol, when a member of the new one joins.
    pub upgrade: bool,
    /// To the classic protocol, when the last member of the new one leaves.
    pub downgrade: bool,
}

impl MigrationPolicy {
    /// Kafka's names; bidirectional for one that is not known, which the config has refused.
    pub fn named(name: &str) -> Self {
        let (upgrade, downgrade) = match name {
            "disabled" => (false, false),
            "upgrade" => (true, false),
            "downgrade" => (false, true),
            _ => (true, true),
        };
        Self { upgrade, downgrade }
    }
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            members_max: i32::MAX as usize,
            assignors: vec![Assignor::Uniform, Assignor::Range],
            assignment_interval_ms: 1_000,
            regex_refresh_interval_ms: 600_000,
            migration_policy: MigrationPolicy {
                upgrade: true,
                downgrade: true,
            },
        }
    }
}

impl ConsumerConfig {
    /// Offers the assignors of these names; without any, all there are.
    pub fn with_assignors<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let named: Vec<Assignor> = names.into_iter().filter_map(Assignor::named).collect();
        if !named.is_empty() {
            self.assignors = named;
        }
        self
    }

    /// What members that ask for none get.
    pub(super) fn default_assignor(&self) -> Assignor {
        self.assignors.first().copied().unwrap_or(Assignor::Uniform)
    }

    pub(super) fn assignor(&self, name: &str) -> Option<Assignor> {
        Assignor::named(name).filter(|assignor| self.assignors.contains(assignor))
    }
}
