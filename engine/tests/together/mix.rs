//! What goes on in one story, and on what kind of machine: both follow from the seed.

use super::dice::Dice;

/// What may go on beside producers and readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Retention by size and by age.
    Retention,
    /// DeleteRecords.
    DeleteRecords,
    /// A follower that drops what its leader does not have.
    Truncation,
    /// The topic is deleted and made again under the same name.
    Recreation,
    /// The log is closed and opened again in the same process.
    Reopening,
    /// Readers that look for a time.
    ByTime,
    /// The disk is full, and has room again.
    FullDisk,
    /// Operations fail, once or for a while.
    Faults,
    /// Readers and producers who go away.
    HangingUp,
    /// Records have keys, and those that newer ones supersede go.
    Compaction,
}

pub const ALL: [Feature; 10] = [
    Feature::Retention,
    Feature::DeleteRecords,
    Feature::Truncation,
    Feature::Recreation,
    Feature::Reopening,
    Feature::ByTime,
    Feature::FullDisk,
    Feature::Faults,
    Feature::HangingUp,
    Feature::Compaction,
];

#[derive(Clone, Debug)]
pub struct Mix {
    features: Vec<Feature>,
    pub producers: u64,
    pub cold_readers: u64,
    pub tail_readers: u64,
    pub segment_bytes: u64,
    pub batch_bytes_max: u64,
    /// Memory for tails and extents, in bytes.
    pub tail_bytes: usize,
    /// What the owner does in one life.
    pub owner_steps: u64,
    pub tears_within_sectors: bool,
    /// What a cleaning may hold of keys and offsets, in bytes.
    pub cleaner_bytes: usize,
}

impl Mix {
    /// Of the features that are `allowed`, each is there with three of four seeds, and with
    /// one of eight all are.
    pub fn of(dice: &mut Dice, allowed: &[Feature]) -> Self {
        let takes_all = dice.one_in(8);
        let mut features = allowed.to_vec();
        features.retain(|_| dice.below(4) > 0 || takes_all);
        let (segment_bytes, batch_bytes_max) = match dice.below(16) {
            0 => (3 << 20, 300_000),
            1..4 => (256 << 10, 60_000),
            4..10 => (64 << 10, 9_000),
            _ => (16 << 10, 5_000),
        };
        Self {
            features,
            producers: 1 + dice.below(3),
            cold_readers: dice.below(4),
            tail_readers: dice.below(3),
            segment_bytes,
            batch_bytes_max,
            tail_bytes: dice.pick(&[64 << 20, 1 << 20, 16 << 10]),
            owner_steps: 5 + dice.below(25),
            tears_within_sectors: dice.one_in(4),
            cleaner_bytes: dice.pick(&[1 << 20, 8 << 10, 200]),
        }
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    pub fn name(&self) -> String {
        format!("{:?}", self.features)
    }
}
