// Kafka Connect's workers as processes, their connectors and what their REST interface says.

import java.io.IOException;
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.util.*;

/** One worker, standalone or of a group. */
final class Connect implements AutoCloseable {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    final Program program;
    private final int port;

    /** `files` are the connectors of a standalone worker. */
    private Connect(String name, String main, Map<String, String> config, List<Path> files) throws Exception {
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        Map<String, String> worker = new LinkedHashMap<>(config);
        worker.put("listeners", "http://127.0.0.1:" + port);
        worker.put("key.converter", "org.apache.kafka.connect.storage.StringConverter");
        worker.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
        worker.put("offset.flush.interval.ms", "500");
        worker.put("plugin.discovery", "service_load");
        List<String> arguments = new ArrayList<>(List.of(properties(name + "-worker", worker).toString()));
        files.forEach(file -> arguments.add(file.toString()));
        program = Program.java(name, "org.apache.kafka.connect.cli." + main, arguments.toArray(String[]::new));
    }

    static Connect standalone(String name, String bootstrap, List<Map<String, String>> connectors) throws Exception {
        Path offsets = Program.directory(name + "-state").resolve("offsets");
        List<Path> files = new ArrayList<>();
        for (Map<String, String> connector : connectors) files.add(properties(connector.get("name"), connector));
        return new Connect(name, "ConnectStandalone",
            Map.of("bootstrap.servers", bootstrap, "offset.storage.file.filename", offsets.toString()), files);
    }

    /** Workers with the same `group` share its connectors; what a source reads goes through transactions. */
    static Connect distributed(String name, String bootstrap, String group) throws Exception {
        Map<String, String> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group));
        for (String topic : List.of("config", "offset", "status")) {
            config.put(topic + ".storage.topic", group + "-" + topic);
            config.put(topic + ".storage.replication.factor", "1");
        }
        config.put("offset.storage.partitions", "3");
        config.put("exactly.once.source.support", "enabled");
        config.put("consumer.isolation.level", "read_committed");
        config.put("session.timeout.ms", "6000");
        config.put("heartbeat.interval.ms", "1000");
        config.put("scheduled.rebalance.max.delay.ms", "2000");
        return new Connect(name, "ConnectDistributed", config, List.of());
    }

    static Map<String, String> source(String name, Path file, String topic) {
        return Map.of("name", name, "connector.class", "FileStreamSource", "tasks.max", "1", "file", file.toString(), "topic", topic,
            "topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1");
    }

    static Map<String, String> sink(String name, Path file, String topic) {
        return Map.of("name", name, "connector.class", "FileStreamSink", "tasks.max", "1", "file", file.toString(), "topics", topic);
    }

    private static Path properties(String name, Map<String, String> values) throws IOException {
        Path file = Program.directory("properties").resolve(name + ".properties");
        return Files.write(file, values.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue()).toList());
    }

    Connect start() throws Exception {
        program.start();
        return this;
    }

    String worker() {
        return "127.0.0.1:" + port;
    }

    /** What its REST interface answers; 0 while it is not there. */
    HttpResponse<String> ask(String method, String path, Map<String, String> body) throws Exception {
        StringJoiner json = new StringJoiner(",", "{", "}");
        if (body != null) body.forEach((key, value) -> json.add("\"" + key + "\":\"" + value + "\""));
        return HTTP.send(HttpRequest.newBuilder(URI.create("http://" + worker() + path)).header("Content-Type", "application/json")
            .method(method, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(json.toString()))
            .build(), HttpResponse.BodyHandlers.ofString());
    }

    /** Asks until it answers so: while the group rebalances, Connect answers 409. */
    String awaitAnswer(int status, String method, String path, Map<String, String> body, String text) throws Exception {
        String[] last = {""};
        Checks.await(() -> program.wrong(method + " " + path + " is answered with " + last[0]), () -> {
            Checks.require(program.runs(), program.wrong("it has ended"));
            try {
                HttpResponse<String> response = ask(method, path, body);
                last[0] = response.statusCode() + " " + response.body();
                return response.statusCode() == status && response.body().contains(text);
            } catch (IOException notYet) {
                last[0] = notYet.toString();
                return false;
            }
        });
        return last[0];
    }

    @Override
    public void close() {
        program.close();
    }
}
