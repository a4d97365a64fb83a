//! Layers: which one counts, what is told of the others, and what clients may set.

use super::*;

pub(super) fn machine() -> Machine {
    Machine {
        cores: 4,
        memory_bytes: 8 << 30,
        hostname: "ferry".into(),
    }
}

fn load(set: &[(&str, &str)]) -> BrokerConfig {
    let set: Vec<_> = set
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    BrokerConfig::from_entries(&[], &set, &machine()).unwrap().0
}

fn overrides(set: &[(&str, &str)]) -> BrokerOverrides {
    let set = set.iter();
    set.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Name, value, code of the source.
type Told = (&'static str, String, i8);

fn told(entry: &Entry) -> (Option<&str>, i8, Vec<Told>) {
    let synonyms = entry.synonyms.iter();
    let synonyms = synonyms.map(|one| (one.name, one.value.clone(), one.source.code()));
    (
        entry.value.as_deref(),
        entry.source.code(),
        synonyms.collect(),
    )
}

fn synonym(name: &'static str, value: &str, source: i8) -> Told {
    (name, value.to_owned(), source)
}

fn find<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
    entries.iter().find(|entry| entry.name == name).unwrap()
}

/// What Kafka 4.4.0 told of the same.
#[test]
fn the_broker_s_own_beats_all_brokers_beats_the_file_beats_the_default() {
    let file = load(&[("message.max.bytes", "3000000")]);
    let cluster = overrides(&[
        ("log.retention.ms", "2000"),
        ("message.max.bytes", "2000000"),
    ]);
    let own = overrides(&[
        ("log.retention.ms", "1000"),
        ("log.cleanup.policy", "compact"),
    ]);
    let layers = Layers {
        file: &file,
        cluster: &cluster,
        own: &own,
    };
    let now = layers.effective();
    assert_eq!(now.limits.message_bytes_max, 2_000_000);
    assert_eq!(now.log.retention_ms, Some(Limit::of(1000)));
    assert!(now.log.cleanup_policy.compact && !now.log.cleanup_policy.delete);

    let entries = layers.broker_entries(&now);
    let retention = [
        synonym("log.retention.ms", "1000", 2),
        synonym("log.retention.ms", "2000", 3),
        synonym("log.retention.hours", "168", 5),
    ];
    let own_retention = find(&entries, "log.retention.ms");
    assert_eq!(told(own_retention), (Some("1000"), 2, retention.to_vec()));
    assert!(!own_retention.read_only);
    let bytes = [
        synonym("message.max.bytes", "2000000", 3),
        synonym("message.max.bytes", "3000000", 4),
        synonym("message.max.bytes", "1048588", 5),
    ];
    let bytes = (Some("2000000"), 3, bytes.to_vec());
    assert_eq!(told(find(&entries, "message.max.bytes")), bytes);
    let node = find(&entries, "node.id");
    assert_eq!(told(node), (Some("1"), 5, vec![synonym("node.id", "1", 5)]));
    assert!(node.read_only);
    assert_eq!(told(find(&entries, "broker.rack")), (None, 5, vec![]));

    let cluster_entries = layers.cluster_entries();
    assert_eq!(cluster_entries.len(), 2);
    let shown = told(find(&cluster_entries, "message.max.bytes"));
    let alone = vec![synonym("message.max.bytes", "2000000", 3)];
    assert_eq!(shown, (Some("2000000"), 3, alone));
}

#[test]
fn a_topic_tells_of_its_own_value_and_of_all_that_it_inherits() {
    let file = load(&[]);
    let (cluster, own) = (overrides(&[("log.retention.ms", "2000")]), overrides(&[]));
    let layers = Layers {
        file: &file,
        cluster: &cluster,
        own: &own,
    };
    let now = layers.effective();
    let topic = topic::check([("retention.ms", "9"), ("flush.ms", "7")]).unwrap();
    let entries = layers.topic_entries(&topic, &now);
    assert_eq!(entries.len(), 37);
    let retention = [
        synonym("retention.ms", "9", 1),
        synonym("log.retention.ms", "2000", 3),
        synonym("log.retention.hours", "168", 5),
    ];
    let expected = (Some("9"), 1, retention.to_vec());
    assert_eq!(told(find(&entries, "retention.ms")), expected);
    let bytes = vec![synonym("message.max.bytes", "1048588", 5)];
    let expected = (Some("1048588"), 5, bytes);
    assert_eq!(told(find(&entries, "max.message.bytes")), expected);
    let expected = (Some("7"), 1, vec![synonym("flush.ms", "7", 1)]);
    assert_eq!(told(find(&entries, "flush.ms")), expected);
}

/// Kafka leaves out what stands before the first of the key's own name.
#[test]
fn a_value_that_comes_from_hours_alone_has_no_synonyms() {
    let file = load(&[("log.retention.hours", "1")]);
    let none = overrides(&[]);
    let layers = Layers {
        file: &file,
        cluster: &none,
        own: &none,
    };
    let entries = layers.topic_entries(&TopicOverrides::new(), &file);
    assert_eq!(
        told(find(&entries, "retention.ms")),
        (Some("3600000"), 5, vec![])
    );
    assert_eq!(
        told(find(&entries, "segment.ms")),
        (Some("604800000"), 5, vec![])
    );
}

#[test]
fn the_default_of_a_topic_key_is_the_default_of_its_broker_key() {
    let broker = load(&[]);
    let none = overrides(&[]);
    let layers = Layers {
        file: &broker,
        cluster: &none,
        own: &none,
    };
    for entry in layers.topic_entries(&TopicOverrides::new(), &broker) {
        let row = topic::find(entry.name).unwrap();
        let default = row.key.default.text(&machine());
        assert_eq!(entry.value, default, "{}", entry.name);
        assert_eq!(entry.source, ConfigSource::Default);
    }
}

#[test]
fn a_client_sets_what_may_change_and_hears_why_the_rest_may_not() {
    let now = load(&[]);
    for (key, value, stored) in [
        ("message.max.bytes", " 5 ", "5"),
        ("log.cleanup.policy", "compact, delete", "compact,delete"),
        ("num.io.threads", "16", "16"),
        ("num.io.threads", "4", "4"),
        ("leader.replication.throttled.rate", "1000", "1000"),
    ] {
        assert_eq!(check(key, value, &now).unwrap(), stored);
    }
    for (key, value, says) in [
        (
            "node.id",
            "1",
            "Cannot update these configs dynamically: [node.id]",
        ),
        (
            "log.retention.hours",
            "1",
            "dynamically: [log.retention.hours]",
        ),
        ("ssl.keystore.location", "/x", "does not act on"),
        ("max.connections.per.ip", "5", "does not act on"),
        ("mesage.max.bytes", "5", "did you mean message.max.bytes?"),
        (
            "message.max.bytes",
            "abc",
            "Invalid value abc for configuration message.max.bytes",
        ),
        ("message.max.bytes", "-5", "at least 0"),
        ("log.cleanup.policy", "foo", "foo is none of"),
        ("num.io.threads", "0", "at least 1"),
        (
            "num.io.threads",
            "17",
            "from half to double of what it is, 8",
        ),
        (
            "num.io.threads",
            "3",
            "from half to double of what it is, 8",
        ),
    ] {
        let refused = check(key, value, &now).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused_together() {
    let file = load(&[]);
    let none = overrides(&[]);
    let zero = overrides(&[("log.retention.ms", "0")]);
    let layers = Layers {
        file: &file,
        cluster: &none,
        own: &zero,
    };
    let refused = check_together(&layers).unwrap_err().to_string();
    assert!(refused.contains("log.retention.ms"), "{refused}");
}

/// A config that an older Naru took must not keep this one from starting.
#[test]
fn what_is_stored_and_no_longer_valid_is_left_out() {
    let file = load(&[]);
    let none = overrides(&[]);
    let own = overrides(&[
        ("gone.with.the.years", "1"),
        ("message.max.bytes", "many"),
        ("node.id", "7"),
        ("producer.id.expiration.ms", "5"),
    ]);
    let layers = Layers {
        file: &file,
        cluster: &none,
        own: &own,
    };
    let now = layers.effective();
    assert_eq!(now.log.producer_id_expiration_ms, 5);
    assert_eq!(now.limits.message_bytes_max, file.limits.message_bytes_max);
    assert_eq!(now.node_id, 1);
}
