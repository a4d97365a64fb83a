// Kafka's Java client against a broker: Check BOOTSTRAP NAME RECORDS
//
// Each check prints a line; the last line counts them. It compiles with the client of 2.8 and with every later one.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Check {
    interface Body {
        void run() throws Exception;
    }

    static String bootstrap, name;
    static int records, passed, failed;

    public static void main(String[] args) {
        bootstrap = args[0];
        name = args[1];
        records = Integer.parseInt(args[2]);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            check("idempotent_records_come_back_byte_for_byte_" + codec, () -> roundTrip(codec));
        }
        for (String assignor : List.of("Range", "RoundRobin", "Sticky", "CooperativeSticky")) {
            check("a_group_shares_a_topic_" + assignor, () -> group(assignor));
        }
        check("a_static_member_comes_back_to_its_partitions", Check::staticMember);
        check("offsets_are_found_by_time_and_at_both_ends", Check::offsets);
        check("a_record_too_large_is_refused_and_the_producer_goes_on", Check::tooLarge);
        check("topics_are_administered", Check::topics);
        check("topic_configs_are_altered", Check::alter);
        check("groups_and_configs_are_described", Check::describe);
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static void check(String what, Body body) {
        long begin = System.nanoTime();
        try {
            body.run();
            passed++;
            System.out.printf("ok    %s (%.1f s)%n", what, (System.nanoTime() - begin) / 1e9);
        } catch (Throwable error) {
            failed++;
            System.out.println("FAIL  " + what + ": " + error);
            error.printStackTrace();
        }
    }

    static void require(boolean holds, Object what) {
        if (!holds) throw new AssertionError(what);
    }

    static Map<String, Object> with(Object... pairs) {
        Map<String, Object> map = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        return map;
    }

    static KafkaProducer<String, byte[]> producer(Object... pairs) {
        return new KafkaProducer<>(with(pairs), new StringSerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<String, byte[]> consumer(Object... pairs) {
        Map<String, Object> map = with(pairs);
        map.putIfAbsent("auto.offset.reset", "earliest");
        map.putIfAbsent("enable.auto.commit", false);
        return new KafkaConsumer<>(map, new StringDeserializer(), new ByteArrayDeserializer());
    }

    static byte[] value(int i) {
        byte[] value = new byte[i % 700];
        for (int at = 0; at < value.length; at++) value[at] = (byte) (i * 31 + at);
        return value;
    }

    static void fill(String topic, int partitions, int count) throws Exception {
        try (Admin admin = Admin.create(with())) {
            // The records' timestamps are of 1970: retention would be right to take them away.
            NewTopic kept = new NewTopic(topic, partitions, (short) 1).configs(Map.of("retention.ms", "-1"));
            admin.createTopics(List.of(kept)).all().get();
        }
        try (KafkaProducer<String, byte[]> producer = producer("acks", "all")) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, i % partitions, (long) 1_000_000 + i, "key-" + i, value(i)));
            }
        }
    }

    static void roundTrip(String codec) throws Exception {
        String topic = name + "-" + codec;
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, byte[]> producer = producer("acks", "all", "compression.type", codec)) {
            for (int i = 0; i < records; i++) {
                ProducerRecord<String, byte[]> record = new ProducerRecord<>(topic, 0, 1_000_000L + i, i % 7 == 0 ? null : "key-" + i, value(i));
                record.headers().add(new RecordHeader("n", Integer.toString(i).getBytes()));
                sent.add(producer.send(record));
            }
        }
        for (int i = 0; i < records; i++) require(sent.get(i).get().offset() == i, "offset of " + i);
        try (KafkaConsumer<String, byte[]> consumer = consumer()) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            int next = 0;
            while (next < records) {
                for (ConsumerRecord<String, byte[]> record : poll(consumer)) {
                    require(record.offset() == next, "offset " + record.offset() + " where " + next + " was to come");
                    require(Objects.equals(record.key(), next % 7 == 0 ? null : "key-" + next), "key of " + next);
                    require(Arrays.equals(record.value(), value(next)), "value of " + next);
                    require(record.timestamp() == 1_000_000L + next, "timestamp of " + next);
                    require(new String(record.headers().lastHeader("n").value()).equals("" + next), "header of " + next);
                    next++;
                }
            }
        }
    }

    /** A poll that brought something; a broker that has nothing for a minute fails the check. */
    static ConsumerRecords<String, byte[]> poll(KafkaConsumer<String, byte[]> consumer) {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (System.nanoTime() < deadline) {
            ConsumerRecords<String, byte[]> polled = consumer.poll(Duration.ofMillis(200));
            if (!polled.isEmpty()) return polled;
        }
        throw new AssertionError("nothing came for a minute");
    }

    static KafkaConsumer<String, byte[]> member(String group, String topic, String assignor, Object... pairs) {
        List<Object> all = new ArrayList<>(List.of(pairs));
        all.addAll(List.of("group.id", group, "max.poll.records", 50,
            "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor"));
        KafkaConsumer<String, byte[]> consumer = consumer(all.toArray());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    /** Two members share a topic, one leaves, the other finishes; then the group goes on where it stopped. */
    static void group(String assignor) throws Exception {
        String topic = name + "-shared-" + assignor, group = name + "-group-" + assignor;
        int count = 2_000;
        fill(topic, 4, count);
        Map<String, Integer> seen = new HashMap<>();
        KafkaConsumer<String, byte[]> first = member(group, topic, assignor), second = member(group, topic, assignor);
        try {
            boolean bothHad = false;
            long deadline = System.nanoTime() + 60_000_000_000L;
            while (!bothHad) {
                require(System.nanoTime() < deadline, "the members did not share: " + first.assignment() + second.assignment());
                take(first, seen);
                take(second, seen);
                bothHad = first.assignment().size() == 2 && second.assignment().size() == 2;
            }
            second.close();
            while (seen.size() < count) {
                require(System.nanoTime() < deadline, "only " + seen.size() + " of " + count + " came");
                take(first, seen);
            }
        } finally {
            first.close();
            second.close();
        }
        require(seen.values().stream().allMatch(times -> times == 1), "records came more than once");
        try (KafkaProducer<String, byte[]> producer = producer()) {
            producer.send(new ProducerRecord<>(topic, 1, "after", new byte[] {1})).get();
        }
        try (KafkaConsumer<String, byte[]> again = member(group, topic, assignor)) {
            List<String> keys = new ArrayList<>();
            poll(again).forEach(record -> keys.add(record.key()));
            require(keys.equals(List.of("after")), "a stopped group went on with " + keys);
        }
    }

    static void take(KafkaConsumer<String, byte[]> consumer, Map<String, Integer> seen) {
        ConsumerRecords<String, byte[]> polled = consumer.poll(Duration.ofMillis(100));
        if (polled.isEmpty()) return;
        try {
            consumer.commitSync();
        } catch (RebalanceInProgressException | CommitFailedException lost) {
            // What was not committed comes again, to whoever gets the partition.
            for (TopicPartition partition : polled.partitions()) {
                if (consumer.assignment().contains(partition)) consumer.seek(partition, polled.records(partition).get(0).offset());
            }
            return;
        }
        polled.forEach(record -> seen.merge(record.key(), 1, Integer::sum));
    }

    static void staticMember() throws Exception {
        String topic = name + "-static", group = name + "-static-group";
        fill(topic, 2, 10);
        Set<TopicPartition> before;
        String id;
        try (KafkaConsumer<String, byte[]> consumer = member(group, topic, "Range", "group.instance.id", "one")) {
            poll(consumer);
            before = Set.copyOf(consumer.assignment());
            id = consumer.groupMetadata().memberId();
            require(consumer.groupMetadata().generationId() == 1, "generation " + consumer.groupMetadata().generationId());
        }
        try (KafkaConsumer<String, byte[]> consumer = member(group, topic, "Range", "group.instance.id", "one")) {
            poll(consumer);
            require(consumer.assignment().equals(before), "other partitions: " + consumer.assignment());
            require(!consumer.groupMetadata().memberId().equals(id), "the same member id");
            require(consumer.groupMetadata().generationId() == 1, "it rebalanced: generation " + consumer.groupMetadata().generationId());
        }
    }

    static void offsets() throws Exception {
        String topic = name + "-offsets";
        fill(topic, 1, 100);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, byte[]> consumer = consumer()) {
            require(consumer.beginningOffsets(List.of(partition)).get(partition) == 0, "beginning");
            require(consumer.endOffsets(List.of(partition)).get(partition) == 100, "end");
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, 1_000_042L)).get(partition);
            require(found.offset() == 42 && found.timestamp() == 1_000_042L, found);
            require(consumer.offsetsForTimes(Map.of(partition, 2_000_000L)).get(partition) == null, "a time to come");
            consumer.assign(List.of(partition));
            consumer.seek(partition, 99);
            consumer.pause(List.of(partition));
            require(consumer.poll(Duration.ofMillis(300)).isEmpty(), "a paused partition");
            consumer.resume(List.of(partition));
            require(poll(consumer).iterator().next().offset() == 99, "after the seek");
        }
        try (Admin admin = Admin.create(with())) {
            // Older clients cannot ask for the largest timestamp itself.
            OffsetSpec newest = hasMethod(OffsetSpec.class, "maxTimestamp")
                ? (OffsetSpec) OffsetSpec.class.getMethod("maxTimestamp").invoke(null)
                : OffsetSpec.forTimestamp(1_000_099L);
            var max = admin.listOffsets(Map.of(partition, newest)).partitionResult(partition).get();
            require(max.offset() == 99 && max.timestamp() == 1_000_099L, max);
        }
    }

    static void tooLarge() throws Exception {
        String topic = name + "-large";
        try (KafkaProducer<String, byte[]> producer = producer("max.request.size", 10_000_000, "buffer.memory", 40_000_000L)) {
            Throwable cause = null;
            try {
                producer.send(new ProducerRecord<>(topic, new byte[2_000_000])).get();
            } catch (ExecutionException error) {
                cause = error.getCause();
            }
            require(cause instanceof RecordTooLargeException, "a record of 2 MB: " + cause);
            require(producer.send(new ProducerRecord<>(topic, new byte[900_000])).get().offset() == 0, "the next one");
        }
    }

    static Throwable refused(Future<?> future) throws InterruptedException {
        try {
            future.get();
            return null;
        } catch (ExecutionException error) {
            return error.getCause();
        }
    }

    static void topics() throws Exception {
        String topic = name + "-admin";
        try (Admin admin = Admin.create(with())) {
            NewTopic wanted = new NewTopic(topic, 3, (short) 1);
            admin.createTopics(List.of(wanted), new CreateTopicsOptions().validateOnly(true)).all().get();
            require(!admin.listTopics().names().get().contains(topic), "validate-only made it");
            admin.createTopics(List.of(wanted)).all().get();
            require(refused(admin.createTopics(List.of(wanted)).all()) instanceof TopicExistsException, "a second one");
            require(refused(admin.createTopics(List.of(new NewTopic("a b", 1, (short) 1))).all()) instanceof InvalidTopicException, "a bad name");
            require(refused(admin.createTopics(List.of(new NewTopic(name + "-p", 0, (short) 1))).all()) instanceof InvalidPartitionsException, "no partitions");
            require(refused(admin.createTopics(List.of(new NewTopic(name + "-r", 1, (short) 3))).all()) instanceof InvalidReplicationFactorException, "three replicas");
            require(refused(admin.createTopics(List.of(new NewTopic(name + "-c", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all()) instanceof InvalidConfigurationException, "a bad config");
            require(described(admin, topic).partitions().size() == 3, "partitions");
            admin.deleteTopics(List.of(topic)).all().get();
            require(!admin.listTopics().names().get().contains(topic), "it is still there");
            require(refused(admin.deleteTopics(List.of(topic)).all()) instanceof UnknownTopicOrPartitionException, "deleted twice");
        }
    }

    static AlterConfigOp op(String key, String value, AlterConfigOp.OpType type) {
        return new AlterConfigOp(new ConfigEntry(key, value), type);
    }

    static void alter() throws Exception {
        String topic = name + "-altered";
        fill(topic, 1, 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        AlterConfigOp larger = op("max.message.bytes", "3000000", AlterConfigOp.OpType.SET);
        try (Admin admin = Admin.create(with());
                KafkaProducer<String, byte[]> producer = producer("max.request.size", 10_000_000, "buffer.memory", 40_000_000L)) {
            ProducerRecord<String, byte[]> record = new ProducerRecord<>(topic, new byte[2_000_000]);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(larger)), new AlterConfigsOptions().validateOnly(true)).all().get();
            require(refused(producer.send(record)) instanceof RecordTooLargeException, "validate-only raised the limit");
            List<AlterConfigOp> half = List.of(larger, op("retention.ms", "soon", AlterConfigOp.OpType.SET));
            require(refused(admin.incrementalAlterConfigs(Map.of(resource, half)).all()) instanceof InvalidConfigurationException, "a bad config");
            require(refused(producer.send(record)) instanceof RecordTooLargeException, "half of a bad request was done");
            admin.incrementalAlterConfigs(Map.of(resource, List.of(larger, op("cleanup.policy", "compact", AlterConfigOp.OpType.APPEND)))).all().get();
            Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
            require(config.get("max.message.bytes").value().equals("3000000"), config);
            require(config.get("max.message.bytes").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config);
            require(config.get("cleanup.policy").value().equals("delete,compact"), config);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(op("cleanup.policy", "", AlterConfigOp.OpType.DELETE)))).all().get();
            require(producer.send(record).get().offset() == 1, "the larger record");
        }
    }

    /** No name for it is in every version of the client. */
    @SuppressWarnings("unchecked")
    static TopicDescription described(Admin admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(List.of(topic));
        String name = hasMethod(DescribeTopicsResult.class, "allTopicNames") ? "allTopicNames" : "all";
        KafkaFuture<Map<String, TopicDescription>> all = (KafkaFuture<Map<String, TopicDescription>>) DescribeTopicsResult.class.getMethod(name).invoke(result);
        return all.get().get(topic);
    }

    static boolean hasMethod(Class<?> of, String name) {
        return Arrays.stream(of.getMethods()).anyMatch(method -> method.getName().equals(name));
    }

    static void describe() throws Exception {
        String topic = name + "-described", group = name + "-described-group";
        fill(topic, 1, 5);
        try (Admin admin = Admin.create(with())) {
            DescribeClusterResult cluster = admin.describeCluster();
            require(cluster.nodes().get().size() == 1 && cluster.clusterId().get().length() == 22, "the cluster");
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
            require(config.get("max.message.bytes").value().equals("1048588"), config);
            try (KafkaConsumer<String, byte[]> consumer = member(group, topic, "Range")) {
                poll(consumer);
                consumer.commitSync();
                ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                require(described.members().size() == 1, described);
                require(refused(admin.deleteConsumerGroups(List.of(group)).all()) instanceof GroupNotEmptyException, "a group with a member");
            }
            require(admin.listConsumerGroups().all().get().stream().anyMatch(listed -> listed.groupId().equals(group)), "the list");
            long committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, 0)).offset();
            require(committed == 5, "committed " + committed);
            admin.deleteConsumerGroups(List.of(group)).all().get();
            require(refused(admin.deleteConsumerGroups(List.of(group)).all()) instanceof GroupIdNotFoundException, "deleted twice");
        }
    }
}
