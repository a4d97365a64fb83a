// Checks a broker with MirrorMaker 2, from Apache Kafka to the broker and back: MirrorChecks BOOTSTRAP NAME KAFKA [CHECK]
//
// KAFKA is a command with PORT and DIR that starts an Apache Kafka, the other side.

import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

public class MirrorChecks {
    static final int PARTITIONS = 3, RECORDS = 3_000;
    static String bootstrap, name;
    static Broker kafka;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        kafka = new Broker(name + "-kafka", args[2]);
        // The mirror keeps its own topics by these names, and goes on with what it finds in them: no two runs may share them.
        String one = name + "-kafka", other = name + "-broker";
        new Checks()
            .add("mirrored_from_kafka_to_the_broker_with_configs_and_groups",
                () -> mirror("in", one, kafka.bootstrap, other, bootstrap))
            .add("mirrored_from_the_broker_to_kafka_with_configs_and_groups",
                () -> mirror("out", other, bootstrap, one, kafka.bootstrap))
            .runAll(args.length > 3 ? args[3] : "", 2);
    }

    static void mirror(String label, String from, String source, String to, String target) throws Exception {
        String topic = name + "-" + label, group = topic + "-group", mirrored = from + "." + topic;
        Path config = Program.directory("mirrors").resolve(topic + ".properties");
        Files.write(config, List.of("clusters=" + from + "," + to,
            from + ".bootstrap.servers=" + source, to + ".bootstrap.servers=" + target,
            from + "->" + to + ".enabled=true", to + "->" + from + ".enabled=false", to + "->" + from + ".emit.heartbeats.enabled=false",
            // By the names of this check, for other things lie on the broker as well.
            "topics=" + topic, "groups=" + group, "replication.factor=1", "checkpoints.topic.replication.factor=1",
            "heartbeats.topic.replication.factor=1", "offset-syncs.topic.replication.factor=1", "offset.storage.replication.factor=1",
            "status.storage.replication.factor=1", "config.storage.replication.factor=1", "refresh.topics.interval.seconds=2",
            "refresh.groups.interval.seconds=2", "sync.topic.configs.interval.seconds=2", "emit.checkpoints.interval.seconds=1",
            "emit.heartbeats.interval.seconds=1", "sync.group.offsets.enabled=true", "sync.group.offsets.interval.seconds=1",
            "offset.lag.max=10", "offset.flush.interval.ms=1000", to + ".exactly.once.source.support=enabled", "tasks.max=1",
            // A mirror that was killed is missed after the first, and replaced after the second; 10 s and 5 minutes otherwise.
            to + ".session.timeout.ms=6000", to + ".heartbeat.interval.ms=1000", to + ".scheduled.rebalance.max.delay.ms=1000",
            "plugin.discovery=service_load"));
        try (Program maker = Program.java(topic + "-maker", "org.apache.kafka.connect.mirror.MirrorMaker", config.toString());
             Admin here = Checks.admin(source);
             Admin there = Checks.admin(target)) {
            Checks.createTopic(here, topic, PARTITIONS, Map.of("cleanup.policy", "compact,delete", "retention.ms", "987654321"));
            produce(source, topic, 0, RECORDS);
            consume(source, topic, group, RECORDS / 2);
            maker.start();
            maker.await("the records are not mirrored", () -> exists(there, mirrored) && committed(target, mirrored) >= RECORDS);

            // Killed with records under way, and started again.
            produce(source, topic, RECORDS, 2 * RECORDS);
            maker.kill();
            produce(source, topic, 2 * RECORDS, 3 * RECORDS);
            maker.start();
            maker.await("the mirror does not go on after it was killed", () -> committed(target, mirrored) >= 3 * RECORDS);
            for (int partition = 0; partition < PARTITIONS; partition++) {
                Checks.requireEqual(records(source, topic, partition), records(target, mirrored, partition), mirrored + "-" + partition);
            }

            Map<String, String> configs = Checks.configs(there, mirrored);
            Checks.requireEqual("987654321", configs.get("retention.ms"), "the retention of the mirrored topic");
            Checks.requireEqual(Set.of("compact", "delete"), Set.of(configs.get("cleanup.policy").split(",")), "its policy");
            here.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic),
                List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "123456789"), AlterConfigOp.OpType.SET)))).all().get();
            maker.await("a changed config is not mirrored", () -> Checks.configs(there, mirrored).get("retention.ms").equals("123456789"));
            here.createPartitions(Map.of(topic, NewPartitions.increaseTo(PARTITIONS + 1))).all().get();
            maker.await("a new partition is not mirrored", () -> Checks.partitions(there, mirrored).size() == PARTITIONS + 1);

            // The group's offsets: in the checkpoints, and committed over there for a group that moves.
            consume(source, topic, group, RECORDS);
            Map<String, Object> client = Map.of("bootstrap.servers", target);
            maker.await("the offsets are not translated", () -> {
                var offsets = RemoteClusterUtils.translateOffsets(client, from, group, Duration.ofSeconds(30));
                return right(here, group, offsets, mirrored, source, target);
            });
            maker.await("the translated offsets are not committed", () -> {
                var offsets = there.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
                return right(here, group, offsets, mirrored, source, target);
            });
            maker.await("there are no heartbeats of the source",
                () -> exists(there, "heartbeats") && Checks.values(target, "heartbeats").size() > 0);
            for (String internal : List.of(from + ".checkpoints.internal", "mm2-configs." + from + ".internal",
                "mm2-offsets." + from + ".internal")) {
                Checks.requireEqual("compact", Checks.configs(there, internal).get("cleanup.policy"), internal);
            }
            Checks.requireEqual("compact", Checks.configs(here, "mm2-offset-syncs." + to + ".internal").get("cleanup.policy"), "the offset syncs");
            Checks.requireEqual(143, maker.stop(), "the exit code after SIGTERM");
        }
    }

    static void produce(String server, String topic, int from, int to) {
        try (KafkaProducer<String, String> producer = Checks.producer(server)) {
            for (int index = from; index < to; index++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(topic, index % PARTITIONS,
                    System.currentTimeMillis(), "key " + index, "value " + index);
                record.headers().add("header", ("" + index).getBytes());
                producer.send(record);
            }
        }
    }

    /** Consumes at least so many records in all, as a group that then stops. */
    static void consume(String server, String topic, String group, int count) {
        Map<String, Object> config = Map.of("bootstrap.servers", server, "group.id", group, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "max.poll.records", 100);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            for (int got = 0; got < count;) got += consumer.poll(Duration.ofMillis(200)).count();
            consumer.commitSync();
        }
    }

    static boolean exists(Admin admin, String topic) throws Exception {
        return admin.listTopics().names().get().contains(topic);
    }

    static int committed(String server, String topic) throws Exception {
        return Checks.values(server, topic).size();
    }

    /** All of a partition's records, with what a mirror must keep. */
    static List<String> records(String server, String topic, int partition) throws Exception {
        List<String> records = new ArrayList<>();
        for (ConsumerRecord<String, String> record : Checks.read(server, topic, new StringDeserializer())) {
            if (record.partition() != partition) continue;
            records.add(record.key() + "=" + record.value() + "@" + record.timestamp() + " "
                + new String(record.headers().lastHeader("header").value()));
        }
        return records;
    }

    /** How many records of a partition are at this offset and after it. */
    static long left(String server, TopicPartition place, long offset) throws Exception {
        return Checks.read(server, place.topic(), new StringDeserializer()).stream()
            .filter(record -> record.partition() == place.partition() && record.offset() >= offset).count();
    }

    /** A group that goes on over there misses no record, and does not begin anew. */
    static boolean right(Admin here, String group, Map<TopicPartition, OffsetAndMetadata> translated, String mirrored,
            String source, String target) throws Exception {
        var committed = here.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        for (Map.Entry<TopicPartition, OffsetAndMetadata> own : committed.entrySet()) {
            if (own.getValue().offset() == 0) continue;
            TopicPartition place = new TopicPartition(mirrored, own.getKey().partition());
            OffsetAndMetadata other = translated.get(place);
            if (other == null || other.offset() == 0) return false;
            long expected = left(source, own.getKey(), own.getValue().offset());
            long got = left(target, place, other.offset());
            Checks.require(got >= expected, own + " is translated to " + other + ": " + got + " are left instead of " + expected);
        }
        return true;
    }
}
