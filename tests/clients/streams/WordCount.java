// The application that is checked: WordCount BOOTSTRAP NAME STATE-DIRECTORY GUARANTEE PROTOCOL
//
// Counts the words of topic NAME-in by a repartition topic, a store and a windowed store with their changelogs. It caches
// nothing, so that each word becomes one record of NAME-out and one of NAME-windowed with its new count.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.*;

public class WordCount {
    public static void main(String[] args) throws Exception {
        String name = args[1];
        Properties config = new Properties();
        config.put("bootstrap.servers", args[0]);
        config.put("application.id", name);
        config.put("state.dir", args[2]);
        config.put("processing.guarantee", args[3]);
        if (!args[4].equals("classic")) config.put("group.protocol", args[4]);
        config.put("num.stream.threads", 2);
        config.put("commit.interval.ms", 200);
        config.put("statestore.cache.max.bytes", 0);
        // Records of the repartition topics are deleted once they are counted; 30 s otherwise.
        config.put("repartition.purge.interval.ms", 1_000);
        config.put("default.key.serde", Serdes.StringSerde.class);
        config.put("default.value.serde", Serdes.StringSerde.class);
        // A member that was killed is missed after this time, and its transaction aborted.
        if (args[4].equals("classic")) {
            config.put("consumer.session.timeout.ms", 6_000);
            config.put("consumer.heartbeat.interval.ms", 1_000);
        }
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("producer.transaction.timeout.ms", 6_000);
        // Small segments, so that the changelogs are compacted while they are used.
        config.put("topic.segment.bytes", 1 << 20);
        config.put("topic.min.cleanable.dirty.ratio", "0.01");

        StreamsBuilder builder = new StreamsBuilder();
        KGroupedStream<String, String> words = builder.<String, String>stream(name + "-in")
            .flatMapValues(line -> Arrays.asList(line.split(" "))).groupBy((key, word) -> word, Grouped.as("words"));
        words.count(Materialized.as("counts")).toStream().to(name + "-out", Produced.with(Serdes.String(), Serdes.Long()));
        words.windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofDays(1))).count(Materialized.as("windows"))
            .toStream((window, count) -> window.key()).to(name + "-windowed", Produced.with(Serdes.String(), Serdes.Long()));

        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            System.out.println("state " + now);
            if (now == KafkaStreams.State.ERROR) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean closed = streams.close(Duration.ofSeconds(60));
            System.out.println(closed ? "closed" : "not closed");
        }));
        streams.start();
        ended.await();
        System.exit(3);
    }
}
