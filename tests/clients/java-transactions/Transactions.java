// Transactions of Kafka's Java client against a broker: Transactions BOOTSTRAP NAME
//
// A client of 4.0 and later uses transaction.version 2 (KIP-890) if the broker has it. Each check prints a line; the last
// line counts them.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class Transactions {
    interface Body {
        void run() throws Exception;
    }

    static final Duration LIMIT = Duration.ofSeconds(60);
    static String bootstrap, name;
    static int passed, failed;
    static Admin admin;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        check("committed_transactions_are_seen_and_aborted_ones_are_not", Transactions::commitAndAbort);
        check("a_producer_that_was_replaced_is_fenced", Transactions::fencing);
        check("offsets_and_records_are_committed_together", Transactions::consumeTransformProduce);
        check("a_late_abort_after_nothing_goes_on", Transactions::emptyTransactions);
        check("an_open_transaction_is_listed_described_and_aborted", Transactions::admin);
        admin.close();
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

    static String topic(String label, int partitions) throws Exception {
        String topic = name + "-" + label;
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        return topic;
    }

    static KafkaProducer<String, String> producer(String id, Object... pairs) {
        Map<String, Object> map = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "transactional.id", id));
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        KafkaProducer<String, String> producer = new KafkaProducer<>(map, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    static KafkaConsumer<String, String> consumer(String group, String isolation) {
        Map<String, Object> map = Map.of("bootstrap.servers", bootstrap, "group.id", group, "isolation.level", isolation,
            "auto.offset.reset", "earliest", "enable.auto.commit", false);
        return new KafkaConsumer<>(map, new StringDeserializer(), new StringDeserializer());
    }

    /** The values of a partition up to the end that the isolation level has now. */
    static List<String> read(String topic, int partition, String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer("none", isolation)) {
            TopicPartition place = new TopicPartition(topic, partition);
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            long end = consumer.endOffsets(List.of(place)).get(place);
            List<String> values = new ArrayList<>();
            while (consumer.position(place) < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
            }
            return values;
        }
    }

    /** Markers follow the answer: reads until what is committed is as expected. */
    static void awaitCommitted(String topic, int partition, List<String> expected) {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        List<String> values;
        do {
            values = read(topic, partition, "read_committed");
            if (values.equals(expected)) return;
        } while (System.nanoTime() < deadline);
        throw new AssertionError(values + " instead of " + expected);
    }

    static void commitAndAbort() throws Exception {
        String topic = topic("ends", 2);
        List<String> expected = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(name + "-ends")) {
            for (int i = 0; i < 20; i++) {
                producer.beginTransaction();
                for (int partition = 0; partition < 2; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, null, "value-" + i));
                }
                if (i % 3 == 1) {
                    producer.flush();
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    expected.add("value-" + i);
                }
            }
        }
        awaitCommitted(topic, 0, expected);
        awaitCommitted(topic, 1, expected);
        require(read(topic, 0, "read_uncommitted").size() == 20, "what was aborted is there for others");
        TransactionDescription described = admin.describeTransactions(List.of(name + "-ends")).description(name + "-ends").get();
        boolean epochs = admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("transaction.version");
        require(!epochs || described.producerEpoch() >= 20, "each transaction has an epoch: " + described);
    }

    static void fencing() throws Exception {
        String topic = topic("fenced", 1);
        try (KafkaProducer<String, String> zombie = producer(name + "-fenced")) {
            zombie.beginTransaction();
            zombie.send(new ProducerRecord<>(topic, 0, null, "zombie")).get();
            try (KafkaProducer<String, String> next = producer(name + "-fenced")) {
                try {
                    zombie.send(new ProducerRecord<>(topic, 0, null, "zombie again"));
                    zombie.commitTransaction();
                    throw new AssertionError("the zombie commits");
                } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                    // As it should be.
                } catch (KafkaException expected) {
                    Throwable cause = expected.getCause();
                    require(cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException, expected);
                }
                next.beginTransaction();
                next.send(new ProducerRecord<>(topic, 0, null, "next"));
                next.commitTransaction();
            }
        }
        awaitCommitted(topic, 0, List.of("next"));
    }

    static void consumeTransformProduce() throws Exception {
        String in = topic("in", 1), out = topic("out", 1), group = name + "-transform";
        try (KafkaProducer<String, String> source = producer(name + "-source")) {
            source.beginTransaction();
            for (int i = 0; i < 100; i++) source.send(new ProducerRecord<>(in, 0, null, "" + i));
            source.commitTransaction();
        }
        // Every other attempt is aborted, and its records are read again.
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 100; i++) expected.add("done " + i);
        int done = 0;
        for (int attempt = 0; done < 100; attempt++) {
            try (KafkaConsumer<String, String> consumer = consumer(group, "read_committed");
                 KafkaProducer<String, String> producer = producer(name + "-transform")) {
                consumer.subscribe(List.of(in));
                List<ConsumerRecord<String, String>> batch = new ArrayList<>();
                while (batch.size() < 10) consumer.poll(Duration.ofMillis(200)).forEach(batch::add);
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<String, String> record : batch.subList(0, 10)) {
                    producer.send(new ProducerRecord<>(out, 0, null, "done " + record.value()));
                    offsets.put(new TopicPartition(in, 0), new OffsetAndMetadata(record.offset() + 1));
                }
                // An abort drops what was not sent yet.
                producer.flush();
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (attempt % 2 == 0) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    done += 10;
                }
            }
        }
        awaitCommitted(out, 0, expected);
        require(read(out, 0, "read_uncommitted").size() == 200, "each was tried twice");
    }

    static void emptyTransactions() throws Exception {
        String topic = topic("empty", 1);
        try (KafkaProducer<String, String> producer = producer(name + "-empty")) {
            for (int i = 0; i < 5; i++) {
                producer.beginTransaction();
                producer.abortTransaction();
                producer.beginTransaction();
                producer.commitTransaction();
            }
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "value"));
            producer.commitTransaction();
        }
        awaitCommitted(topic, 0, List.of("value"));
    }

    static void admin() throws Exception {
        String topic = topic("open", 1), id = name + "-open";
        TopicPartition place = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = producer(id)) {
            producer.beginTransaction();
            long offset = producer.send(new ProducerRecord<>(topic, 0, null, "open")).get().offset();
            boolean listed = admin.listTransactions(new ListTransactionsOptions().filterStates(List.of(TransactionState.ONGOING)))
                .all().get().stream().anyMatch(listing -> listing.transactionalId().equals(id));
            require(listed, "it is listed");
            TransactionDescription described = admin.describeTransactions(List.of(id)).description(id).get();
            require(described.state() == TransactionState.ONGOING && described.topicPartitions().equals(Set.of(place)), described);
            ProducerState state = admin.describeProducers(List.of(place)).partitionResult(place).get().activeProducers().get(0);
            require(state.currentTransactionStartOffset().equals(OptionalLong.of(offset)), state);
            try {
                admin.describeTransactions(List.of(id + "-none")).description(id + "-none").get();
                throw new AssertionError("an id that nobody has is described");
            } catch (ExecutionException expected) {
                require(expected.getCause() instanceof TransactionalIdNotFoundException, expected);
            }
            // As kafka-transactions abort does it: the partition is told, the coordinator is not.
            admin.abortTransaction(new AbortTransactionSpec(place, state.producerId(), (short) state.producerEpoch(),
                state.coordinatorEpoch().orElse(0))).all().get();
            long end = admin.listOffsets(Map.of(place, OffsetSpec.latest()), new ListOffsetsOptions(
                org.apache.kafka.common.IsolationLevel.READ_COMMITTED)).partitionResult(place).get().offset();
            require(end == offset + 2, "the last stable offset is " + end + ", not after the marker of " + offset);
        }
        require(read(topic, 0, "read_committed").isEmpty(), "it was aborted");
    }
}
