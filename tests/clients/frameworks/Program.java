// A process that a check starts, stops, and kills.

import java.io.IOException;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.TimeUnit;

/** A process of its own with its output in a file; it is gone when the checks are. */
final class Program implements AutoCloseable {
    private static final Path WORK = Path.of(System.getProperty("checks.work"));

    final String name;
    private final List<String> command;
    private final Path log;
    private Process process;

    Program(String name, List<String> command) {
        this.name = name;
        this.command = command;
        this.log = WORK.resolve(name + ".log");
        Runtime.getRuntime().addShutdownHook(new Thread(this::kill));
    }

    /** A class of Java with what this JVM has on its class path. */
    static Program java(String name, String main, String... arguments) {
        List<String> command = new ArrayList<>(List.of("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"),
            "-Dlog.level=" + System.getProperty("program.log.level", "warn"), "-cp", System.getProperty("java.class.path"), main));
        command.addAll(List.of(arguments));
        return new Program(name, command);
    }

    Program start() throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
        return this;
    }

    boolean runs() {
        return process.isAlive();
    }

    /** SIGKILL, and it is gone. */
    void kill() {
        if (process == null) return;
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** SIGTERM; the exit code. */
    int stop() throws Exception {
        Checks.require(process.isAlive(), wrong("it has ended by itself with " + (process.isAlive() ? "" : process.exitValue())));
        process.destroy();
        return exit();
    }

    /** The exit code of a program that ends by itself. */
    int exit() throws Exception {
        Checks.require(process.waitFor(Checks.LIMIT.toSeconds(), TimeUnit.SECONDS), wrong("it does not end"));
        return process.exitValue();
    }

    /** Waits for something that this program is to bring about; fails at once when it has ended. */
    void await(String what, Checks.Condition condition) throws Exception {
        Checks.await(() -> wrong(what), () -> {
            Checks.require(runs(), wrong("it ended before: " + what));
            return condition.holds();
        });
    }

    String log() throws IOException {
        return Files.exists(log) ? Files.readString(log) : "";
    }

    String wrong(String what) {
        try {
            List<String> lines = log().lines().toList();
            return name + ": " + what + "\n--- the end of its output\n"
                + String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
        } catch (IOException error) {
            return name + ": " + what + " (" + error + ")";
        }
    }

    static Path directory(String name) throws IOException {
        return Files.createDirectories(WORK.resolve(name));
    }

    static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) return;
        try (var paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
        }
    }

    @Override
    public void close() {
        kill();
    }
}
