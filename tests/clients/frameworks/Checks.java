// What the checks of Kafka's frameworks share: counting, waiting for events, topics and what is in them.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

/** Runs checks, each a line of output, all at the same time: most of what a framework does after a crash is to wait. */
final class Checks {
    interface Body {
        void run() throws Exception;
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    /** No event that a check waits for takes this long, not even on a machine that is busy with other things. */
    static final Duration LIMIT = Duration.ofSeconds(150);

    private final Map<String, Body> bodies = new LinkedHashMap<>();

    Checks add(String name, Body body) {
        bodies.put(name, body);
        return this;
    }

    /** Runs those with `part` in their names, `width` at a time, prints the closing line, and ends the JVM. */
    void runAll(String part, int width) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(width);
        List<Future<Boolean>> results = new ArrayList<>();
        for (Map.Entry<String, Body> body : bodies.entrySet()) {
            if (body.getKey().contains(part)) results.add(pool.submit(() -> check(body.getKey(), body.getValue())));
        }
        int passed = 0, failed = 0;
        for (Future<Boolean> result : results) {
            if (result.get()) passed++;
            else failed++;
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static boolean check(String name, Body body) {
        long begin = System.nanoTime();
        try {
            body.run();
            System.out.printf("ok    %s (%.1f s)%n", name, (System.nanoTime() - begin) / 1e9);
            return true;
        } catch (Throwable error) {
            System.out.printf("FAIL  %s (%.1f s): %s%n", name, (System.nanoTime() - begin) / 1e9, error);
            error.printStackTrace();
            return false;
        }
    }

    static void require(boolean holds, Object what) {
        if (!holds) throw new AssertionError(what);
    }

    /** The first difference, not all of them: there may be thousands. */
    static void requireEqual(List<String> expected, List<String> got, String what) {
        int same = 0;
        while (same < Math.min(expected.size(), got.size()) && expected.get(same).equals(got.get(same))) same++;
        if (same == expected.size() && same == got.size()) return;
        throw new AssertionError(what + ": " + got.size() + " instead of " + expected.size() + ", at " + same + " "
            + got.subList(Math.max(0, same - 1), Math.min(got.size(), same + 3)) + " instead of "
            + expected.subList(Math.max(0, same - 1), Math.min(expected.size(), same + 3)));
    }

    static void requireEqual(Object expected, Object got, String what) {
        if (!Objects.equals(expected, got)) throw new AssertionError(what + ": " + got + " instead of " + expected);
    }

    /** Asks until it holds: what the frameworks do, they do in their own time, and no client is told. */
    static void await(Supplier<String> what, Condition condition) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) throw new AssertionError("never within " + LIMIT.toSeconds() + " s: " + what.get());
            Thread.sleep(100);
        }
    }

    static void await(String what, Condition condition) throws Exception {
        await(() -> what, condition);
    }

    static Admin admin(String bootstrap) {
        return Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    static void createTopic(Admin admin, String topic, int partitions, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
    }

    static Map<String, String> configs(Admin admin, String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Map<String, String> values = new TreeMap<>();
        for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            values.put(entry.name(), entry.value());
        }
        return values;
    }

    static KafkaProducer<String, String> producer(String bootstrap) {
        // One that outlasts a broker that is killed and comes back.
        return new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", 5, "delivery.timeout.ms", 150_000,
            "max.block.ms", 150_000), new StringSerializer(), new StringSerializer());
    }

    static List<TopicPartition> partitions(Admin admin, String topic) throws Exception {
        int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        List<TopicPartition> partitions = new ArrayList<>();
        for (int index = 0; index < count; index++) partitions.add(new TopicPartition(topic, index));
        return partitions;
    }

    static long offsets(Admin admin, String topic, OffsetSpec spec) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (TopicPartition partition : partitions(admin, topic)) asked.put(partition, spec);
        long sum = 0;
        for (ListOffsetsResult.ListOffsetsResultInfo info : admin.listOffsets(asked).all().get().values()) sum += info.offset();
        return sum;
    }

    /** The sum of the end offsets of a topic's partitions. */
    static long end(Admin admin, String topic) throws Exception {
        return offsets(admin, topic, OffsetSpec.latest());
    }

    static long beginning(Admin admin, String topic) throws Exception {
        return offsets(admin, topic, OffsetSpec.earliest());
    }

    /** All committed records of a topic up to the ends that its partitions have now. */
    static <V> List<ConsumerRecord<String, V>> read(String bootstrap, String topic, Deserializer<V> values) throws Exception {
        Map<String, Object> map = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset",
            "earliest", "enable.auto.commit", false, "client.id", "checks");
        List<ConsumerRecord<String, V>> records = new ArrayList<>();
        try (Admin admin = admin(bootstrap);
             KafkaConsumer<String, V> consumer = new KafkaConsumer<>(map, new StringDeserializer(), values)) {
            List<TopicPartition> places = partitions(admin, topic);
            consumer.assign(places);
            consumer.seekToBeginning(places);
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            long deadline = System.nanoTime() + LIMIT.toNanos();
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                require(System.nanoTime() < deadline, topic + " cannot be read to " + ends + ", only " + records.size() + " records");
                for (ConsumerRecord<String, V> record : consumer.poll(Duration.ofMillis(200))) records.add(record);
            }
        }
        return records;
    }

    static List<String> values(String bootstrap, String topic) throws Exception {
        return read(bootstrap, topic, new StringDeserializer()).stream().map(ConsumerRecord::value).toList();
    }
}
