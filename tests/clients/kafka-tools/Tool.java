// Runs the main methods of Kafka's command-line tools within one JVM: starting one takes longer than most tools do.

import java.io.*;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.common.utils.Exit;

/** What one run of a tool printed, and how it ended. */
final class Tool {
    /** No tool takes this long; one that does has hung. */
    static final long LIMIT_S = 90;

    final String name, out, err;
    final int status;

    private Tool(String name, String out, String err, int status) {
        this.name = name;
        this.out = out;
        this.err = err;
        this.status = status;
    }

    /** Thrown by Exit.exit, which must not end the JVM that runs the other tools. */
    private static final class Exited extends Error {
        Exited(int status) {
            super("exit " + status, null, false, false);
        }
    }

    /** A tool that succeeds. */
    static Tool ok(String name, String... arguments) throws Exception {
        return run("", name, arguments).ended(0);
    }

    /** A tool that is given this on its standard input, and succeeds. */
    static Tool fed(String input, String name, String... arguments) throws Exception {
        return run(input, name, arguments).ended(0);
    }

    /** A tool that is to fail. */
    static Tool fails(String name, String... arguments) throws Exception {
        Tool tool = run("", name, arguments);
        if (tool.status == 0) throw tool.wrong("it succeeded");
        return tool;
    }

    /** A tool in a JVM of its own, for those that leave work to the JVM's end. */
    static Tool alone(String name, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("java", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
            "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"), "org.apache.kafka.tools." + name));
        command.addAll(List.of(arguments));
        Path out = Files.createTempFile("naru-tool", ".out");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
        try {
            boolean ended = process.waitFor(LIMIT_S, TimeUnit.SECONDS);
            Tool tool = new Tool(name, Files.readString(out), "", ended ? process.exitValue() : -1);
            if (!ended) throw tool.wrong("it did not end within " + LIMIT_S + " s");
            return tool.ended(0);
        } finally {
            process.destroyForcibly();
            Files.delete(out);
        }
    }

    /** Runs a tool until it says so: a broker may take what a controller was told a little later. */
    static Tool untilItSays(String text, String name, String... arguments) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (true) {
            Tool tool = ok(name, arguments);
            if ((tool.out + tool.err).contains(text)) return tool;
            if (System.nanoTime() > deadline) throw tool.wrong("it never said: " + text);
        }
    }

    static Tool run(String input, String name, String... arguments) throws Exception {
        Method main = Class.forName(name.startsWith("kafka.") ? name : "org.apache.kafka.tools." + name).getMethod("main", String[].class);
        PrintStream out = System.out, err = System.err;
        InputStream in = System.in;
        ByteArrayOutputStream printed = new ByteArrayOutputStream(), complained = new ByteArrayOutputStream();
        // The first exit counts: a tool may catch what it throws, and exit once more.
        CompletableFuture<Integer> exit = new CompletableFuture<>();
        Exit.Procedure procedure = (status, message) -> {
            exit.complete(status);
            throw new Exited(status);
        };
        Exit.setExitProcedure(procedure);
        Exit.setHaltProcedure(procedure);
        // What a tool leaves for the end of the JVM, it gets done at its own end: the console producer is closed there.
        List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());
        Exit.setShutdownHookAdder((hook, runnable) -> hooks.add(runnable));
        ExecutorService thread = Executors.newSingleThreadExecutor(body -> {
            Thread started = new Thread(body, name);
            started.setDaemon(true);
            return started;
        });
        try {
            System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(complained, true, StandardCharsets.UTF_8));
            int status = thread.submit(() -> {
                try {
                    main.invoke(null, (Object) arguments);
                } catch (InvocationTargetException thrown) {
                    if (!(thrown.getCause() instanceof Exited)) {
                        thrown.getCause().printStackTrace();
                        exit.complete(1);
                    }
                }
                int ended = exit.getNow(0);
                for (Runnable hook : List.copyOf(hooks)) hook.run();
                return ended;
            }).get(LIMIT_S, TimeUnit.SECONDS);
            return new Tool(name, text(printed), text(complained), status);
        } catch (TimeoutException hung) {
            throw new Tool(name, text(printed), text(complained), -1).wrong("it did not end within " + LIMIT_S + " s");
        } finally {
            thread.shutdownNow();
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
        }
    }

    private static String text(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private Tool ended(int expected) {
        if (status != expected) throw wrong("exit code " + status + " instead of " + expected);
        return this;
    }

    private AssertionError wrong(String what) {
        return new AssertionError(name + ": " + what + "\n--- it printed\n" + out + "--- and complained\n" + err);
    }

    /** The output has this somewhere. */
    Tool says(String... texts) {
        for (String text : texts) if (!(out + err).contains(text)) throw wrong("it does not say: " + text);
        return this;
    }

    Tool saysNot(String text) {
        if ((out + err).contains(text)) throw wrong("it says: " + text);
        return this;
    }

    /** A line of the output has these words, in this order, and others before and after each. */
    Tool line(Object... words) {
        next:
        for (String[] line : table()) {
            int at = 0;
            for (Object word : words) {
                while (at < line.length && !line[at].equals(word.toString())) at++;
                if (at++ >= line.length) continue next;
            }
            return this;
        }
        throw wrong("it has no line " + Arrays.toString(words));
    }

    List<String> lines() {
        return out.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
    }

    /** The lines of the output as words. */
    List<String[]> table() {
        return lines().stream().map(line -> line.split("[\\s]+")).toList();
    }

    Tool require(boolean holds, String what) {
        if (!holds) throw wrong(what);
        return this;
    }

    static String file(String content) throws IOException {
        Path path = Files.createTempFile("naru-tool", ".txt");
        path.toFile().deleteOnExit();
        Files.writeString(path, content);
        return path.toString();
    }
}
