//! Stories of operators and their configuration files.

use super::*;
use proptest::prelude::*;

fn machine() -> Machine {
    Machine {
        cores: 4,
        memory_bytes: 8 << 30,
        hostname: "ferry".into(),
    }
}

fn load(text: &str, set: &[(&str, &str)]) -> Result<(BrokerConfig, Vec<Warning>), ConfigError> {
    let set: Vec<(String, String)> = set
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    BrokerConfig::from_entries(&properties::parse(text).unwrap(), &set, &machine())
}

fn refused(text: &str) -> String {
    load(text, &[]).unwrap_err().to_string()
}

fn topic(overrides: &[(&str, &str)], broker: &str) -> TopicConfig {
    let overrides = topic::check(overrides.iter().copied()).unwrap();
    TopicConfig::effective(&overrides, &load(broker, &[]).unwrap().0).unwrap()
}

#[test]
fn without_a_file_the_defaults_suit_the_machine() {
    let (config, warnings) = load("", &[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.naru.shards, 4);
    assert_eq!(config.naru.memory.0, 2 << 30);
    assert_eq!(config.node_id, 1);
    assert_eq!(config.limits.message_bytes_max, 1_048_588);
    let listener = &config.listeners[0];
    assert_eq!(
        (listener.bind_host.as_str(), listener.bind_port),
        ("127.0.0.1", 9092)
    );
    assert_eq!(listener.advertised_host, "127.0.0.1");
}

#[test]
fn the_command_line_beats_the_file_and_each_value_knows_where_it_came_from() {
    let text = "num.partitions=3\n\nmessage.max.bytes=2000000\n";
    let (config, _) = load(text, &[("num.partitions", "6")]).unwrap();
    assert_eq!(config.topics.partitions, 6);
    let source = |name| config.setting(name).unwrap().source;
    assert_eq!(source("num.partitions"), Source::CommandLine);
    assert_eq!(source("message.max.bytes"), Source::File(3));
    assert_eq!(source("log.segment.bytes"), Source::Default);
}

#[test]
fn a_stock_kafka_server_properties_starts_with_warnings_only() {
    let text = "process.roles=broker,controller\nnode.id=1\n\
        controller.quorum.bootstrap.servers=localhost:9093\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
        controller.listener.names=CONTROLLER\n\
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n\
        num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n\
        log.dirs=/var/lib/data\nnum.partitions=1\nlog.retention.hours=168\n";
    let (config, warnings) = load(text, &[]).unwrap();
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].advertised_host, "localhost");
    assert_eq!(config.data_dir.to_str(), Some("/var/lib/data"));
    assert_eq!(warnings.len(), 5, "{warnings:?}");
    assert!(warnings[0].to_string().contains("process.roles (line 1"));
}

#[test]
fn a_slip_of_the_finger_is_an_error_that_names_the_key_it_meant() {
    assert_eq!(
        refused("\nmin.insync.replica=2"),
        "unknown key min.insync.replica (line 2 of the file): did you mean min.insync.replicas?"
    );
    assert_eq!(
        refused("colour=red"),
        "unknown key colour (line 1 of the file)"
    );
}

#[test]
fn a_value_out_of_range_names_key_value_and_limit() {
    assert_eq!(
        refused("log.segment.bytes=1000"),
        "log.segment.bytes=1000 (line 1 of the file): must be at least 1048576"
    );
    assert!(refused("num.partitions=many").contains("must be a whole number"));
    assert!(refused("num.partitions=3000000000").contains("from -2147483648 to 2147483647"));
    assert!(refused("naru.validate.records=some").contains("full, header"));
    assert!(refused("auto.create.topics.enable=yes").contains("true or false"));
    assert!(refused("naru.memory=64m").contains("socket.request.max.bytes=104857600"));
    assert!(refused("log.retention.ms=0").contains("use -1"));
    assert!(refused("log.dirs=/a,/b").contains("takes one"));
    assert!(refused("node.id=1\nbroker.id=2").contains("remove broker.id"));
}

#[test]
fn a_listener_that_clients_could_not_use_is_refused() {
    assert!(refused("listeners=SSL://:9093").contains("only PLAINTEXT is served"));
    assert!(refused("listeners=INSIDE://:9093").contains("add INSIDE:PLAINTEXT"));
    assert!(refused("listeners=localhost:9092").contains("NAME://host:port"));
    assert!(refused("listeners=PLAINTEXT://[::1:9092").contains("NAME://host:port"));
    assert!(refused("advertised.listeners=PLAINTEXT://0.0.0.0:9092").contains("cannot connect"));
    assert!(refused("advertised.listeners=OTHER://a:1").contains("not in listeners"));
    let (config, _) = load("listeners=PLAINTEXT://[::1]:0", &[]).unwrap();
    assert_eq!(config.listeners[0].bind_host, "::1");
    assert_eq!(config.listeners[0].advertised_port, 0);
}

#[test]
fn the_smaller_unit_of_retention_beats_the_larger() {
    let hours = "log.retention.hours=2\n";
    let minutes = "log.retention.hours=2\nlog.retention.minutes=5\n";
    let ms = "log.retention.hours=2\nlog.retention.minutes=5\nlog.retention.ms=7\n";
    assert_eq!(topic(&[], hours).retention_ms, Limit::of(7_200_000));
    assert_eq!(topic(&[], minutes).retention_ms, Limit::of(300_000));
    assert_eq!(topic(&[], ms).retention_ms, Limit::of(7));
    assert_eq!(
        topic(&[("retention.ms", "9")], ms).retention_ms,
        Limit::of(9)
    );
    assert_eq!(
        topic(&[], "log.retention.hours=-1").retention_ms,
        Limit::NONE
    );
    assert_eq!(topic(&[], "").retention_ms, Limit::of(604_800_000));
}

#[test]
fn a_topic_takes_every_key_of_kafka_s_and_no_other() {
    let stored = topic::check([
        ("flush.messages", " 10 "),
        ("cleanup.policy", "compact, delete"),
    ]);
    let stored = stored.unwrap();
    assert_eq!(stored["flush.messages"], "10");
    assert_eq!(stored["cleanup.policy"], "compact,delete");
    let error = topic::check([("retention.m", "1")])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "unknown topic config retention.m: did you mean retention.ms?"
    );
    let error = topic::check([("segment.bytes", "1")])
        .unwrap_err()
        .to_string();
    assert_eq!(error, "segment.bytes=1: must be at least 1048576");
    assert!(topic::check([("min.cleanable.dirty.ratio", "1.5")]).is_err());
}

#[test]
fn every_default_passes_its_own_row() {
    let rows = keys::kept().chain(topic::TOPIC_KEYS.iter().map(|row| &row.key));
    for key in rows {
        if let Some(text) = key.default.text(&machine()) {
            assert_eq!(key.normalise(&text).as_ref(), Ok(&text), "{}", key.name);
        }
    }
}

proptest! {
    #[test]
    fn no_value_makes_the_loader_panic(at in 0usize..100, value in "\\PC{0,24}|-?[0-9]{1,20}[kmg]?") {
        let keys: Vec<_> = keys::all().collect();
        let name = keys[at % keys.len()].name;
        let _ = load("", &[(name, &value)]);
        let _ = topic::check([(name, value.as_str())]);
    }
}

#[test]
fn the_admin_listener_is_off_unless_set_and_a_port_alone_is_for_this_machine() {
    let (config, _) = load("", &[]).unwrap();
    assert_eq!(config.admin_listener, None);
    let (config, warnings) = load("naru.admin.listener=9644", &[]).unwrap();
    let admin = config.admin_listener.unwrap();
    assert_eq!((admin.host.as_str(), admin.port), ("127.0.0.1", 9644));
    assert_eq!(warnings, []);
    let (config, warnings) = load("naru.admin.listener=[::]:0", &[]).unwrap();
    assert_eq!(config.admin_listener.unwrap().host, "::");
    assert!(warnings[0].0.contains("behind a firewall"));
    assert!(refused("naru.admin.listener=:9644").contains("0.0.0.0"));
    assert!(refused("naru.admin.listener=http://a:1").contains("neither"));
    assert!(refused("naru.admin.listener=a").contains("neither"));
}

#[test]
fn what_is_so_in_any_case_is_shown_and_set_by_nobody() {
    let text = "offsets.topic.replication.factor=3\ntransaction.state.log.min.isr=1\n";
    let (config, warnings) = load(text, &[]).unwrap();
    let shown = |name| config.setting(name).unwrap().value.clone();
    assert_eq!(
        shown("offsets.topic.replication.factor").as_deref(),
        Some("1")
    );
    assert_eq!(shown("delete.topic.enable").as_deref(), Some("true"));
    let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let wanted = "offsets.topic.replication.factor (line 1 of the file) is a key of Kafka's that \
                  Naru does not act on: it is \"1\" here";
    assert_eq!(told, [wanted]);
    let refused = super::check("delete.topic.enable", "false", &config).unwrap_err();
    let wanted = "Cannot update these configs dynamically: [delete.topic.enable]";
    assert_eq!(refused.to_string(), wanted);
}
