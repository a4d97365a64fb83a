// Checks a broker with what registries of schemas ask of it: RegistryChecks BOOTSTRAP NAME APICURIO-JAR [CHECK]
//
// Apicurio Registry keeps its journal in Kafka and serves the REST interface of Confluent's Schema Registry. That one cannot
// be had from Maven Central: what it does to its compacted topic is done here step by step.

import java.io.IOException;
import java.net.*;
import java.net.http.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class RegistryChecks {
    static final int SUBJECTS = 20;
    static String bootstrap, name, jar;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        jar = args[2];
        Checks checks = new Checks().add("apicurio_registry_finds_its_schemas_again_after_it_was_killed", RegistryChecks::apicurio);
        if (!Broker.COMMAND.isEmpty()) checks.add("a_store_in_a_compacted_topic_is_read_back_whole", RegistryChecks::compactedStore);
        checks.runAll(args.length > 3 ? args[3] : "", 2);
    }

    static final HttpClient HTTP = HttpClient.newHttpClient();

    static String ask(int port, String method, String path, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/apis/ccompat/v7" + path))
            .header("Content-Type", "application/vnd.schemaregistry.v1+json").timeout(Duration.ofSeconds(60))
            .method(method, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body)).build();
        HttpResponse<String> response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        return response.statusCode() + " " + response.body();
    }

    static void apicurio() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        try (Program registry = new Program(name + "-apicurio", List.of("java", "-Xmx320m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Dapicurio.storage.kind=kafkasql", "-Dapicurio.kafkasql.bootstrap.servers=" + bootstrap,
            "-Dapicurio.kafkasql.topic=" + name + "-journal",
            "-Dapicurio.kafkasql.snapshots.topic=" + name + "-snapshots", "-Dapicurio.events.kafka.topic=" + name + "-events",
            "-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port=" + port, "-jar", jar))) {
            registry.start();
            awaitRegistry(registry, port);
            Map<String, String> latest = new TreeMap<>();
            for (int index = 0; index < SUBJECTS; index++) {
                for (String type : List.of("int", "long")) {
                    String subject = "/subjects/subject-" + index + "/versions";
                    String schema = "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"r" + index
                        + "\\\",\\\"fields\\\":[{\\\"name\\\":\\\"f\\\",\\\"type\\\":\\\"" + type + "\\\"}]}\"}";
                    String answer = ask(port, "POST", subject, schema);
                    Checks.require(answer.startsWith("200 {\"id\":"), registry.wrong(answer));
                    String stored = ask(port, "GET", subject + "/latest", null);
                    Checks.require(stored.startsWith("200 "), registry.wrong(stored));
                    latest.put("subject-" + index, stored);
                }
            }
            String deleted = ask(port, "DELETE", "/subjects/subject-0", null);
            Checks.require(deleted.startsWith("200 "), registry.wrong(deleted));
            registry.kill();
            registry.start();
            awaitRegistry(registry, port);
            // It answers before it has read its journal to the end, where the deletion is.
            registry.await("its schemas are not those that it had", () -> {
                for (Map.Entry<String, String> subject : latest.entrySet()) {
                    String answer = ask(port, "GET", "/subjects/" + subject.getKey() + "/versions/latest", null);
                    boolean gone = subject.getKey().equals("subject-0");
                    if (gone ? !answer.startsWith("404 ") : !answer.equals(subject.getValue())) return false;
                }
                return true;
            });
        }
    }

    static void awaitRegistry(Program registry, int port) throws Exception {
        registry.await("it does not answer", () -> {
            try {
                return ask(port, "GET", "/subjects", null).startsWith("200 ");
            } catch (IOException notYet) {
                return false;
            }
        });
    }

    /** One instance of a store: a map that is a compacted topic, as Confluent's Schema Registry has it. */
    static final class Store implements AutoCloseable {
        final Map<String, String> map = new TreeMap<>();
        private final TopicPartition place;
        private final KafkaProducer<String, String> producer;
        private final KafkaConsumer<String, String> consumer;

        /** Reads all there is, up to a record of its own. */
        Store(String server, String topic) throws Exception {
            place = new TopicPartition(topic, 0);
            // As the Schema Registry does: its own write is tried once, and it waits for the answer.
            producer = new KafkaProducer<>(Map.of("bootstrap.servers", server, "acks", "all", "retries", 0, "enable.idempotence", false),
                new StringSerializer(), new StringSerializer());
            consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", server, "enable.auto.commit", false, "auto.offset.reset", "earliest"),
                new StringDeserializer(), new StringDeserializer());
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            put("noop", null);
        }

        /** Writes, and goes on once it has read that. */
        void put(String key, String value) throws Exception {
            long offset = producer.send(new ProducerRecord<>(place.topic(), 0, key, value)).get().offset();
            long deadline = System.nanoTime() + Checks.LIMIT.toNanos();
            while (consumer.position(place) <= offset) {
                Checks.require(System.nanoTime() < deadline, "its own write at " + offset + " is not read at " + consumer.position(place));
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    if (record.value() == null) map.remove(record.key());
                    else map.put(record.key(), record.value());
                }
            }
        }

        @Override
        public void close() {
            producer.close();
            consumer.close();
        }
    }

    static void compactedStore() throws Exception {
        try (Broker broker = new Broker(name + "-own", Broker.COMMAND); Admin admin = Checks.admin(broker.bootstrap)) {
            AlterConfigOp backoff = new AlterConfigOp(new ConfigEntry("log.cleaner.backoff.ms", "500"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.BROKER, ""), List.of(backoff))).all().get();
            String topic = "_schemas";
            Checks.createTopic(admin, topic, 1,
                Map.of("cleanup.policy", "compact", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01"));
            // The registry asks for it at its start.
            Checks.requireEqual("compact", Checks.configs(admin, topic).get("cleanup.policy"), "the policy");
            Map<String, String> expected = new TreeMap<>();
            try (Store store = new Store(broker.bootstrap, topic)) {
                for (int round = 0; round < 10; round++) {
                    for (int key = 0; key < 50; key++) {
                        String value = (key + " of " + round + " ").repeat(1_000);
                        store.put("key " + key, key % 5 == 0 && round == 8 ? null : value);
                        if (key % 5 == 0 && round == 8) expected.remove("key " + key);
                        else expected.put("key " + key, value);
                        if (key % 5 == 0 && round == 9) {
                            store.put("key " + key, null);
                            expected.remove("key " + key);
                        }
                    }
                }
                Checks.requireEqual(List.copyOf(expected.values()), List.copyOf(store.map.values()), "what the store has read");
            }
            Checks.await("the topic is not compacted", () -> Checks.values(broker.bootstrap, topic).size() < 250);
            for (int start = 0; start < 2; start++) {
                try (Store store = new Store(broker.bootstrap, topic)) {
                    Checks.requireEqual(List.copyOf(expected.keySet()), List.copyOf(store.map.keySet()), "the keys of a new store");
                    Checks.requireEqual(List.copyOf(expected.values()), List.copyOf(store.map.values()), "their values");
                }
                broker.kill();
                broker.start();
            }
        }
    }
}
