// Checks a broker with Kafka Streams: StreamsChecks BOOTSTRAP NAME [CHECK] [long]
//
// The application counts words in a process of its own that is killed in the middle. With exactly-once, each word's counts
// must come out as 1, 2, 3 and so on, whatever was killed.

import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.utils.AppInfoParser;

public class StreamsChecks {
    static final String EXACTLY_ONCE = "exactly_once_v2", AT_LEAST_ONCE = "at_least_once";
    static String bootstrap, name;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        boolean recent = !AppInfoParser.getVersion().startsWith("3."), all = args.length > 3;
        Checks checks = new Checks();
        checks.add("exactly_once_counts_are_right_though_the_application_is_killed", () -> killed("eos", EXACTLY_ONCE));
        if (recent || all) {
            checks.add("at_least_once_misses_no_word_though_the_application_is_killed", () -> killed("alo", AT_LEAST_ONCE));
        }
        if (recent) checks.add("the_streams_protocol_is_served_or_refused", StreamsChecks::streamsProtocol);
        if (!Broker.COMMAND.isEmpty() && (recent || all)) {
            checks.add("exactly_once_counts_are_right_though_the_broker_is_killed", () -> brokerKilled(EXACTLY_ONCE));
            if (all) checks.add("at_least_once_misses_no_word_though_the_broker_is_killed", () -> brokerKilled(AT_LEAST_ONCE));
        }
        checks.runAll(args.length > 2 ? args[2] : "", 2);
    }

    /** One application, its topics, and what went into it. */
    static final class Story implements AutoCloseable {
        final String server, id, guarantee, protocol;
        final Admin admin;
        final Path state;
        final Map<String, Integer> counts = new TreeMap<>();
        final long timestamp = System.currentTimeMillis();
        Program application;

        Story(String server, String label, String guarantee, String protocol) throws Exception {
            this.server = server;
            this.id = name + "-" + label;
            this.guarantee = guarantee;
            this.protocol = protocol;
            admin = Checks.admin(server);
            state = Program.directory(id + "-state");
            Checks.createTopic(admin, id + "-in", 2, Map.of());
            Checks.createTopic(admin, id + "-out", 2, Map.of());
            Checks.createTopic(admin, id + "-windowed", 2, Map.of());
            application = Program.java(id, "WordCount", server, id, state.toString(), guarantee, protocol).start();
        }

        /** Lines of ten words out of 20; each word is `length` bytes long. */
        void produce(int lines, int length) {
            try (KafkaProducer<String, String> producer = Checks.producer(server)) {
                for (int line = 0; line < lines; line++) {
                    StringJoiner words = new StringJoiner(" ");
                    for (int index = 0; index < 10; index++) {
                        String word = "word-" + ThreadLocalRandom.current().nextInt(20);
                        word += "x".repeat(Math.max(0, length - word.length()));
                        words.add(word);
                        counts.merge(word, 1, Integer::sum);
                    }
                    producer.send(new ProducerRecord<>(id + "-in", line % 2, timestamp, null, words.toString()));
                }
            }
        }

        int words() {
            return counts.values().stream().mapToInt(Integer::intValue).sum();
        }

        /** Waits until the application has written as many counts; markers of transactions count as well. */
        void awaitCounts(int least) throws Exception {
            application.await(least + " counts", () -> Checks.end(admin, id + "-out") >= least);
        }

        void killAndForget() throws Exception {
            application.kill();
            Program.delete(state);
            application.start();
        }

        /** All that went in was counted: the group has committed the end. */
        void awaitAllCounted() throws Exception {
            application.await("the end of the input is not committed", () -> {
                Map<TopicPartition, OffsetAndMetadata> committed =
                    admin.listConsumerGroupOffsets(id).partitionsToOffsetAndMetadata().get();
                for (String topic : List.of(id + "-in", id + "-words-repartition")) {
                    for (TopicPartition place : Checks.partitions(admin, topic)) {
                        OffsetAndMetadata offset = committed.get(place);
                        long end = admin.listOffsets(Map.of(place, OffsetSpec.latest())).partitionResult(place).get().offset();
                        // After the last record of a transaction comes its marker, which no consumer gets.
                        long least = topic.endsWith("-in") || !guarantee.equals(EXACTLY_ONCE) ? end : end - 1;
                        if (end > 0 && (offset == null || offset.offset() < least)) return false;
                    }
                }
                return true;
            });
            Checks.requireEqual(143, application.stop(), "the exit code after SIGTERM");
            Checks.require(application.log().contains("\nclosed"), application.wrong("Streams did not close"));
        }

        /** Each word's counts as they came out. */
        Map<String, List<Long>> counted(String topic) throws Exception {
            Map<String, List<Long>> counted = new TreeMap<>();
            for (ConsumerRecord<String, Long> record : Checks.read(server, topic, new LongDeserializer())) {
                counted.computeIfAbsent(record.key(), word -> new ArrayList<>()).add(record.value());
            }
            return counted;
        }

        void requireRight() throws Exception {
            for (String topic : List.of(id + "-out", id + "-windowed")) {
                Map<String, List<Long>> counted = counted(topic);
                Checks.requireEqual(counts.keySet(), counted.keySet(), "the words of " + topic);
                counts.forEach((word, count) -> {
                    List<Long> got = counted.get(word);
                    if (guarantee.equals(AT_LEAST_ONCE)) {
                        Checks.require(Collections.max(got) >= count, topic + ": " + Collections.max(got) + " instead of " + count);
                        return;
                    }
                    Checks.requireEqual(IntStream.rangeClosed(1, count).mapToObj(index -> "" + index).toList(),
                        got.stream().map(String::valueOf).toList(), topic + ": the counts of " + word);
                });
            }
        }

        /** What Streams asks of its internal topics is what they have. */
        void requireInternalTopics() throws Exception {
            Checks.requireEqual("compact", Checks.configs(admin, id + "-counts-changelog").get("cleanup.policy"), "a store's changelog");
            Map<String, String> windows = Checks.configs(admin, id + "-windows-changelog");
            Checks.requireEqual(Set.of("compact", "delete"), Set.of(windows.get("cleanup.policy").split(",")),
                "a windowed store's changelog");
            Checks.requireEqual("172800000", windows.get("retention.ms"), "a windowed store's changelog");
            Map<String, String> repartition = Checks.configs(admin, id + "-words-repartition");
            Checks.requireEqual("delete", repartition.get("cleanup.policy"), "a repartition topic");
            Checks.requireEqual("-1", repartition.get("retention.ms"), "a repartition topic");
        }

        @Override
        public void close() {
            application.close();
            admin.close();
        }
    }

    static void killed(String label, String guarantee) throws Exception {
        try (Story story = new Story(bootstrap, label, guarantee, "classic")) {
            story.produce(100, 0);
            story.awaitCounts(500);
            story.produce(500, 0);
            // In the middle of the second half, with transactions under way.
            story.awaitCounts(2_000);
            story.killAndForget();
            story.produce(100, 0);
            story.application.await("the repartition topic is not purged",
                () -> Checks.beginning(story.admin, story.id + "-words-repartition") > 0);
            story.awaitAllCounted();
            story.requireRight();
            story.requireInternalTopics();
        }
    }

    /** With compaction of the changelog, and a restore from what it leaves. */
    static void brokerKilled(String guarantee) throws Exception {
        String label = "broker-" + guarantee;
        try (Broker broker = new Broker(name + "-" + label + "-own", Broker.COMMAND);
             Admin admin = Checks.admin(broker.bootstrap)) {
            AlterConfigOp backoff = new AlterConfigOp(new ConfigEntry("log.cleaner.backoff.ms", "500"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.BROKER, ""), List.of(backoff))).all().get();
            try (Story story = new Story(broker.bootstrap, label, guarantee, "classic")) {
                story.produce(1_000, 300);
                story.awaitCounts(3_000);
                broker.kill();
                broker.start();
                story.produce(1_000, 300);
                story.awaitCounts(14_000);
                broker.kill();
                broker.start();
                String changelog = story.id + "-counts-changelog";
                story.application.await("the changelog is not compacted", () -> {
                    long offsets = Checks.end(admin, changelog) - Checks.beginning(admin, changelog);
                    return offsets > 10_000 && Checks.read(broker.bootstrap, changelog, new LongDeserializer()).size() < offsets / 2;
                });
                story.killAndForget();
                story.produce(100, 300);
                story.awaitAllCounted();
                story.requireRight();
            }
        }
    }

    /**
     * Streams groups (KIP-1071). A broker that has them counts the words; one that does not says so in ApiVersions, and the
     * application ends with that reason at once.
     */
    static void streamsProtocol() throws Exception {
        boolean served;
        try (Admin admin = Checks.admin(bootstrap)) {
            var feature = admin.describeFeatures().featureMetadata().get().finalizedFeatures().get("streams.version");
            served = feature != null && feature.maxVersionLevel() > 0;
        }
        try (Story story = new Story(bootstrap, "kip1071", EXACTLY_ONCE, "streams")) {
            story.produce(10, 0);
            if (served) {
                story.awaitAllCounted();
                story.requireRight();
            } else {
                Checks.requireEqual(3, story.application.exit(), "the exit code of an application that has failed");
                Checks.require(story.application.log().contains("UnsupportedVersionException"),
                    story.application.wrong("it names another reason"));
                Checks.requireEqual(0L, Checks.end(story.admin, story.id + "-out"), "counts");
            }
        }
    }
}
