//! The names of the broker keys of Kafka 4.4, so that a key that Naru does not act on can be told
//! from one that nobody knows.

use crate::config::keys;

/// One name a line, sorted: what `KafkaConfig` of 4.4.0 defines.
const BROKER_KEYS: &str = include_str!("kafka_broker_keys.txt");

/// Keys under these prefixes are for a listener or a plug-in; Kafka takes whatever follows.
const OPEN_PREFIXES: [&str; 3] = ["listener.name.", "rsm.config.", "rlmm.config."];

/// How alike (0 to 1) a known name must be to be worth suggesting.
const SUGGESTION_SIMILARITY_MIN: f64 = 0.75;

pub(in crate::config) fn is_kafka_broker_key(name: &str) -> bool {
    BROKER_KEYS.lines().any(|known| known == name)
        || OPEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The broker key most like `name`, of Naru's and Kafka's.
pub(in crate::config) fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(
        name,
        keys::all().map(|key| key.name).chain(BROKER_KEYS.lines()),
    )
}

/// The candidate most like `name`, if any is like it at all.
pub(in crate::config) fn nearest_of(
    name: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    candidates
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(similarity, _)| *similarity >= SUGGESTION_SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_whole() {
        let names: Vec<&str> = BROKER_KEYS.lines().collect();
        assert_eq!(names.len(), 379);
        assert!(names.is_sorted());
    }

    #[test]
    fn every_key_that_is_not_naru_s_is_kafka_s() {
        for key in keys::all() {
            let naru = key.name.starts_with("naru.");
            assert_ne!(naru, is_kafka_broker_key(key.name), "{}", key.name);
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        assert_eq!(nearest("mesage.max.bytes"), Some("message.max.bytes"));
        assert_eq!(nearest("naru.shard"), Some("naru.shards"));
        assert_eq!(nearest("min.insync.replica"), Some("min.insync.replicas"));
        assert_eq!(nearest("colour"), None);
    }
}
