// A broker that belongs to one check, to be killed, or to be the other side of a mirror.

import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;

/** Started by a command in which PORT and DIR stand for its port and its directory. */
final class Broker implements AutoCloseable {
    /** How to start the broker that is checked; none when only its address is known. */
    static final String COMMAND = System.getenv().getOrDefault("NARU_CHECK_BROKER", "");

    final String bootstrap;
    private final Program program;

    Broker(String name, String command) throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        Path directory = Program.directory(name + "-data");
        bootstrap = "127.0.0.1:" + port;
        program = new Program(name, Arrays.stream(command.split(" "))
            .map(word -> word.replace("PORT", "" + port).replace("DIR", directory.toString())).toList());
        start();
    }

    void start() throws Exception {
        program.start();
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 5_000, "request.timeout.ms", 2_000);
        try (Admin admin = Admin.create(config)) {
            program.await("it does not answer", () -> {
                try {
                    return !admin.describeCluster().nodes().get(5, TimeUnit.SECONDS).isEmpty();
                } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException notYet) {
                    return false;
                }
            });
        }
    }

    void kill() {
        program.kill();
    }

    @Override
    public void close() {
        program.kill();
    }
}
