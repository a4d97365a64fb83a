//! Files that were written once, by every version, and are read for ever.
//!
//! `golden/v1-*` were written by the first Naru, whose frames held rkyv archives; `golden/v2-*`
//! by the first with commands of a kind and a version each, `golden/v2-brokers-*` by the first with
//! features and configs of brokers, `golden/v2-resources-*` by the first with those of groups. A
//! file here is never written again: a new kind or version gets a directory of its own.

use naru_runtime::sim::OpKind;

use super::super::changes::Changes;
use super::*;

/// Every kind of command, in the groups in which they were written.
fn groups() -> Vec<Vec<Command>> {
    let listener = |name: &str, host: &str, port| BrokerListener {
        name: name.into(),
        host: host.into(),
        port,
    };
    let first = BrokerRegistration {
        node_id: 1,
        incarnation: Uuid::from_u128(0x11),
        listeners: vec![
            listener("PLAINTEXT", "ferry", 9092),
            listener("INTERNAL_LISTENER", "ferry.landing.example", 19092),
        ],
        rack: Some("eu-central-1a".into()),
    };
    let again = BrokerRegistration {
        incarnation: Uuid::from_u128(0x12),
        rack: None,
        ..first.clone()
    };
    let mut placed = Partition::new(vec![1, 2]);
    placed.isr = vec![1];
    let configs = [
        ("cleanup.policy", "compact,delete"),
        ("segment.bytes", "1048576"),
    ];
    vec![
        vec![Command::SetClusterId {
            cluster_id: "t9E8VJKgT26MNQ7k0Klh-w".into(),
        }],
        vec![Command::RegisterBroker(first), register(2, 0x21)],
        vec![
            create("orders", 0xa1, 3),
            Command::CreateTopic {
                name: "a-rather-long.topic_name".into(),
                topic_id: Uuid::from_u128(0xa2),
                partitions: vec![placed],
                configs: configs.map(|(k, v)| (k.into(), v.into())).into(),
            },
            create("short-lived", 0xa3, 1),
        ],
        vec![delete(0xa3), Command::AllocateProducerIds { count: 1000 }],
        vec![
            alter(0xa1, "flush.ms", Some("7"), false),
            alter(0xa1, "retention.ms", None, false),
            alter(0xa2, "retention.bytes", Some("123456789"), true),
            grow(0xa1, 3, 2),
        ],
        vec![Command::RegisterBroker(again)],
        vec![Command::AllocateProducerIds { count: 500 }],
    ]
}

/// The kinds of command that came later, in the groups in which they were written.
fn broker_groups() -> Vec<Vec<Command>> {
    vec![
        vec![
            finalize(-1, "metadata.version", 33),
            register(1, 0x11),
            register(2, 0x21),
        ],
        vec![finalize(1, "transaction.version", 2)],
        vec![
            set_broker(None, "log.retention.ms", Some("86400000"), false),
            set_broker(Some(1), "message.max.bytes", Some("2000000"), false),
            set_broker(Some(1), "log.cleaner.threads", Some("2"), false),
        ],
        vec![
            set_broker(Some(1), "log.cleanup.policy", Some("compact,delete"), true),
            set_broker(None, "min.insync.replicas", None, false),
            Command::UnregisterBroker { node_id: 2 },
        ],
        vec![finalize(4, "group.version", 1)],
    ]
}

/// Configs of groups and of clients' metrics, which came after that.
fn resource_groups() -> Vec<Vec<Command>> {
    let metrics = ConfigResource::ClientMetrics("all".into());
    vec![
        vec![
            set_resource(
                group("orders"),
                "consumer.session.timeout.ms",
                Some("50000"),
                false,
            ),
            set_resource(metrics.clone(), "metrics", Some("*"), true),
        ],
        vec![set_resource(metrics, "interval.ms", Some("10000"), false)],
        vec![set_resource(group("orders"), "a", None, false)],
    ]
}

/// After how many groups the snapshot was taken.
const GROUPS_IN_SNAPSHOT: usize = 5;

fn golden(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/tests");
    tests.join("golden").join(name)
}

/// A machine with the files of a golden directory.
fn machine_with(name: &str, seed: u64) -> Sim {
    let sim = machine(seed);
    sim.make_dir(&directory()).unwrap();
    for entry in std::fs::read_dir(golden(name)).unwrap() {
        let path = entry.unwrap().path();
        let to = directory().join(path.file_name().unwrap());
        sim.put(&to, std::fs::read(&path).unwrap().into()).unwrap();
    }
    sim
}

fn expected() -> ClusterImage {
    after_all(groups())
}

fn after_all(groups: Vec<Vec<Command>>) -> ClusterImage {
    let commands: Vec<Command> = groups.into_iter().flatten().collect();
    let (state, answers) = after(&commands);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    state.image()
}

/// What changed lately was not in snapshots of version 1.
fn without_changes(mut image: ClusterImage) -> ClusterImage {
    image.changes = std::sync::Arc::new(Changes::default());
    image
}

#[test]
fn every_version_reads_as_the_same_state() {
    for name in ["v1-log", "v1-snapshot", "v2-log", "v2-snapshot"] {
        let sim = machine_with(name, 1);
        let found = image(&open(&sim));
        assert_eq!(
            without_changes(found),
            without_changes(expected()),
            "{name}"
        );
    }
    for name in ["v2-brokers-log", "v2-brokers-snapshot"] {
        let sim = machine_with(name, 1);
        assert_eq!(image(&open(&sim)), after_all(broker_groups()), "{name}");
    }
    for name in ["v2-resources-log", "v2-resources-snapshot"] {
        let sim = machine_with(name, 1);
        assert_eq!(image(&open(&sim)), after_all(resource_groups()), "{name}");
    }
}

#[test]
fn an_old_directory_goes_on_in_today_s_version() {
    for name in ["v1-log", "v1-snapshot"] {
        let sim = machine_with(name, 1);
        let node = open(&sim);
        let files = sim.contents(&directory()).unwrap();
        assert_eq!(files.len(), 2, "a snapshot and a log of {name}");
        for (path, content) in files {
            assert_eq!(content[8..12], 2u32.to_le_bytes(), "{}", path.display());
        }
        propose(&sim, &node, &[create("later", 0xb1, 1)]).unwrap();
        assert_eq!(image(&open(&sim.power_cut(1))), image(&node));
    }
}

#[test]
fn a_crash_at_any_operation_of_the_first_start_loses_nothing_of_an_old_directory() {
    for name in ["v1-log", "v1-snapshot"] {
        for operation in 0.. {
            let sim = machine_with(name, operation);
            sim.crash_at(operation);
            let directory = directory();
            let opened = SingleNode::open_with(sim.env(), &directory, 1, NO_SNAPSHOT);
            if sim.run(opened).is_some() {
                assert!(
                    operation > 8,
                    "{operation} operations are no new log and snapshot"
                );
                break;
            }
            for seed in 0..6 {
                let found = image(&open(&sim.power_cut(seed)));
                assert_eq!(
                    without_changes(found),
                    without_changes(expected()),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn a_first_start_without_room_leaves_an_old_directory_as_it_is() {
    let sim = machine_with("v1-log", 1);
    sim.fail_from(OpKind::Write, 0, nix::libc::ENOSPC);
    assert!(open_with(&sim, NO_SNAPSHOT).is_err());
    sim.heal();
    assert_eq!(image(&open(&sim)), expected());
}

/// What is written today is what was written when this version was new, byte for byte: a change of
/// it is a new version.
#[test]
fn today_s_files_are_those_of_version_2() {
    check_both(&groups(), GROUPS_IN_SNAPSHOT, "v2");
    check_both(&broker_groups(), broker_groups().len() - 1, "v2-brokers");
    let resource_groups = resource_groups();
    check_both(&resource_groups, resource_groups.len() - 1, "v2-resources");
}

/// Writes the groups into a log, and into a snapshot with a log that goes on from it.
fn check_both(groups: &[Vec<Command>], in_snapshot: usize, name: &str) {
    let sim = machine(1);
    let node = open(&sim);
    for group in groups {
        propose(&sim, &node, group).unwrap();
    }
    check_files(&sim, &format!("{name}-log"));

    let sim = machine(2);
    let node = open(&sim);
    let (first, rest) = groups.split_at(in_snapshot);
    for group in &first[..in_snapshot - 1] {
        propose(&sim, &node, group).unwrap();
    }
    let node = open_with(&sim, 1).unwrap();
    propose(&sim, &node, &first[in_snapshot - 1]).unwrap();
    let node = open(&sim);
    for group in rest {
        propose(&sim, &node, group).unwrap();
    }
    check_files(&sim, &format!("{name}-snapshot"));
}

fn check_files(sim: &Sim, name: &str) {
    for (path, content) in sim.contents(&directory()).unwrap() {
        let golden = golden(name).join(path.file_name().unwrap());
        let expected = std::fs::read(&golden).unwrap_or_default();
        if expected != content {
            let kept = std::env::temp_dir()
                .join(name)
                .join(path.file_name().unwrap());
            std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
            std::fs::write(&kept, &content).unwrap();
            panic!(
                "{} is not what is written today ({})",
                golden.display(),
                kept.display()
            );
        }
    }
}
