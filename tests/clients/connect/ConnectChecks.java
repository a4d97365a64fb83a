// Checks a broker with Kafka Connect and its file connectors: ConnectChecks BOOTSTRAP NAME [CHECK]

import java.nio.file.*;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.Admin;

public class ConnectChecks {
    static String bootstrap, name;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        new Checks().add("standalone_moves_each_line_once_over_a_restart", ConnectChecks::standalone)
            .add("a_group_of_workers_moves_each_line_once_though_one_is_killed", ConnectChecks::distributed)
            .runAll(args.length > 2 ? args[2] : "", 2);
    }

    /** A file that a source reads, and the lines that were written to it. */
    static final class Input {
        final Path file;
        final List<String> lines = new ArrayList<>();

        Input(String label) throws Exception {
            file = Program.directory(name + "-files").resolve(label);
        }

        void append(int count) throws Exception {
            List<String> more = IntStream.range(lines.size(), lines.size() + count).mapToObj(index -> "line " + index).toList();
            Files.write(file, more, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            lines.addAll(more);
        }
    }

    static List<String> lines(Path file) throws Exception {
        return Files.exists(file) ? Files.readAllLines(file) : List.of();
    }

    static void standalone() throws Exception {
        String topic = name + "-lines";
        Input input = new Input("standalone.in");
        Path output = input.file.resolveSibling("standalone.out");
        try (Connect connect = Connect.standalone(name + "-standalone", bootstrap,
            List.of(Connect.source(name + "-source", input.file, topic), Connect.sink(name + "-sink", output, topic)))) {
            input.append(500);
            connect.start();
            input.append(500);
            connect.program.await("the lines have not arrived", () -> lines(output).size() >= 1_000);
            Checks.requireEqual(143, connect.program.stop(), "the exit code after SIGTERM");
            input.append(1_000);
            connect.start();
            input.append(1_000);
            connect.program.await("the lines have not arrived after the restart", () -> lines(output).size() >= input.lines.size());
            Checks.requireEqual(143, connect.program.stop(), "the exit code after SIGTERM");
        }
        Checks.requireEqual(input.lines, Checks.values(bootstrap, topic), "the lines of the topic");
        Checks.requireEqual(input.lines, lines(output), "the lines of the sink's file");
    }

    static void distributed() throws Exception {
        String group = name + "-workers", topic = group + "-lines", source = group + "-source", sink = group + "-sink";
        Input input = new Input("distributed.in");
        Path output = input.file.resolveSibling("distributed.out");
        Map<String, Connect> workers = new HashMap<>();
        try (Connect one = Connect.distributed(group + "-1", bootstrap, group).start();
             Connect two = Connect.distributed(group + "-2", bootstrap, group).start();
             Admin admin = Checks.admin(bootstrap)) {
            for (Connect worker : List.of(one, two)) workers.put(worker.worker(), worker);
            input.append(500);
            one.awaitAnswer(200, "GET", "/connectors", null, "[");
            two.awaitAnswer(200, "GET", "/connectors", null, "[");
            one.awaitAnswer(201, "PUT", "/connectors/" + source + "/config", Connect.source(source, input.file, topic), source);
            two.awaitAnswer(201, "PUT", "/connectors/" + sink + "/config", Connect.sink(sink, output, topic), sink);
            one.program.await("the lines have not arrived", () -> lines(output).size() >= 500);

            // The worker with the source's task dies, with more to read.
            String status = one.awaitAnswer(200, "GET", "/connectors/" + source + "/status", null,
                "\"tasks\":[{\"id\":0,\"state\":\"RUNNING\"");
            String task = status.substring(status.indexOf("\"tasks\""));
            Connect victim = workers.get(workers.keySet().stream().filter(task::contains).findFirst().orElseThrow());
            Connect other = victim == one ? two : one;
            input.append(1_000);
            victim.program.kill();
            input.append(1_000);
            other.program.await("the other worker does not go on", () -> Set.copyOf(lines(output)).size() >= input.lines.size());

            // A sink's worker that dies writes lines again; the topic has each once, by the source's transactions.
            Checks.requireEqual(input.lines, Checks.values(bootstrap, topic), "the lines of the topic");
            Checks.requireEqual(new HashSet<>(input.lines), new HashSet<>(lines(output)), "the lines of the sink's file");

            // A deleted connector leaves tombstones in the compacted topics, and does not come back.
            other.awaitAnswer(204, "DELETE", "/connectors/" + sink, null, "");
            other.awaitAnswer(404, "GET", "/connectors/" + sink, null, "");
            Checks.requireEqual(143, other.program.stop(), "the exit code after SIGTERM");
            other.start();
            other.awaitAnswer(200, "GET", "/connectors", null, "[\"" + source + "\"]");
            input.append(500);
            other.program.await("the source does not go on after the restart",
                () -> Checks.values(bootstrap, topic).size() >= input.lines.size());
            Checks.requireEqual(143, other.program.stop(), "the exit code after SIGTERM");
            Checks.requireEqual(input.lines, Checks.values(bootstrap, topic), "the lines of the topic");
            for (String suffix : List.of("-config", "-offset", "-status")) {
                Checks.requireEqual("compact", Checks.configs(admin, group + suffix).get("cleanup.policy"), group + suffix);
            }
            Checks.requireEqual(1, Checks.partitions(admin, group + "-config").size(), "partitions of the config topic");
            Checks.requireEqual(3, Checks.partitions(admin, group + "-offset").size(), "partitions of the offset topic");
        }
    }
}
