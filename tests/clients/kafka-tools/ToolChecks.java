// Kafka's command-line tools against a broker, one by one: ToolChecks BOOTSTRAP NAME
//
// Each check prints a line; the last line counts them. Where NARU_CHECK_DATA names the broker's data directory, the tool
// that reads segments looks there as well.

import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.function.Predicate;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class ToolChecks {
    interface Body {
        void run() throws Exception;
    }

    static final String GROUPS = "consumer.group.ConsumerGroupCommand", CONSOLE_CONSUMER = "consumer.ConsoleConsumer";
    static final String CONFIGS = "kafka.admin.ConfigCommand";
    /** KIP-848. */
    static final String[] CONSUMER = {"--command-property", "group.protocol=consumer"};

    static String bootstrap, name, only;
    static int passed, failed;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        name = args[1];
        only = args.length > 2 ? args[2] : "";
        check("topics_are_created_listed_and_described", ToolChecks::topics);
        check("the_console_writes_and_reads_records", ToolChecks::console);
        check("topic_configs_are_altered_and_described", ToolChecks::topicConfigs);
        check("offsets_are_told_of_both_ends_and_by_time", ToolChecks::offsets);
        check("a_group_is_listed_and_described", ToolChecks::group);
        check("a_group_of_the_consumer_protocol_is_described_with_its_members", ToolChecks::consumerGroup);
        check("a_group_is_reset_in_every_way", () -> reset("reset"));
        check("a_group_of_the_consumer_protocol_is_reset_in_every_way", () -> reset("reset-consumer", CONSUMER));
        check("offsets_of_a_group_are_deleted_and_then_the_group", () -> deleteOffsets("forgotten"));
        check("offsets_of_a_group_of_the_consumer_protocol_are_deleted_and_then_the_group",
            () -> deleteOffsets("forgotten-consumer", CONSUMER));
        check("records_are_deleted", ToolChecks::deleteRecords);
        check("the_log_directory_is_described", ToolChecks::logDirs);
        check("the_verifiable_producer_and_consumer_agree", ToolChecks::verifiable);
        check("producer_and_consumer_performance_count_the_same", ToolChecks::performance);
        check("end_to_end_latency_is_measured", ToolChecks::latency);
        check("a_message_copier_of_transactions_copies", ToolChecks::copier);
        check("transactions_are_listed_and_described", ToolChecks::transactions);
        check("versions_are_told", ToolChecks::versions);
        check("features_are_described", ToolChecks::features);
        check("the_quorum_is_described", ToolChecks::quorum);
        check("leaders_are_elected_without_need", ToolChecks::elections);
        check("partitions_are_reassigned_to_where_they_are", ToolChecks::reassignments);
        check("partitions_are_added", ToolChecks::partitions);
        check("broker_configs_are_described_and_altered", ToolChecks::brokerConfigs);
        check("quotas_and_users_are_described", ToolChecks::entities);
        check("access_control_is_said_to_be_off", ToolChecks::acls);
        check("the_cluster_has_an_id_and_its_brokers", ToolChecks::cluster);
        check("groups_of_all_kinds_are_listed", ToolChecks::groups);
        check("the_coordinators_records_are_read", ToolChecks::coordinatorRecords);
        check("a_client_of_all_kinds_is_compatible", ToolChecks::compatibility);
        if (System.getenv("NARU_CHECK_DATA") != null) check("segments_are_dumped", ToolChecks::dump);
        check("topics_are_deleted", ToolChecks::delete);
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static void check(String what, Body body) {
        if (!what.contains(only)) return;
        long begin = System.nanoTime();
        try {
            body.run();
            passed++;
            System.out.printf("ok    %s (%.1f s)%n", what, (System.nanoTime() - begin) / 1e9);
        } catch (Throwable error) {
            failed++;
            System.out.println("FAIL  " + what + ": " + error);
        }
    }

    static String[] at(String... arguments) {
        return Stream.concat(Stream.of("--bootstrap-server", bootstrap), Arrays.stream(arguments)).toArray(String[]::new);
    }

    static Tool topic(String... arguments) throws Exception {
        return Tool.ok("TopicCommand", at(arguments));
    }

    static void create(String topic, int partitions, String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--create", "--topic", topic, "--partitions", "" + partitions));
        arguments.addAll(List.of(more));
        topic(arguments.toArray(String[]::new)).says("Created topic " + topic);
    }

    /** Writes values to one partition at most: without a key, a batch goes where the others go. */
    static void write(String topic, Stream<?> values, String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--topic", topic));
        arguments.addAll(List.of(more));
        Tool.fed(values.map(value -> value + "\n").collect(Collectors.joining()), "ConsoleProducer", at(arguments.toArray(String[]::new)));
    }

    static Stream<Integer> numbers(int count) {
        return IntStream.range(0, count).boxed();
    }

    static Tool read(String topic, int count, String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--topic", topic, "--max-messages", "" + count, "--timeout-ms", "60000"));
        arguments.addAll(List.of(more));
        Tool tool = Tool.ok(CONSOLE_CONSUMER, at(arguments.toArray(String[]::new)));
        return tool.says("Processed a total of " + count + " messages");
    }

    static void topics() throws Exception {
        String topic = name + "-topics";
        create(topic, 3, "--config", "retention.ms=3600000");
        topic("--list").line(topic);
        topic("--describe", "--topic", topic)
            .says("PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=3600000")
            .line("Topic:", topic, "Partition:", "2", "Leader:", "1", "Replicas:", "1", "Isr:", "1");
        topic("--describe", "--topics-with-overrides").line("Topic:", topic);
        for (String none : List.of("--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions")) {
            topic("--describe", none).saysNot(topic);
        }
        topic("--create", "--topic", topic, "--partitions", "3", "--if-not-exists");
        Tool.fails("TopicCommand", at("--create", "--topic", topic)).says("already exists");
        Tool.fails("TopicCommand", at("--create", "--topic", topic + "!")).says(topic + "!");
        Tool.fails("TopicCommand", at("--create", "--topic", topic + "2", "--replication-factor", "2")).says("replication factor of 2");
        Tool.fails("TopicCommand", at("--describe", "--topic", topic + "-none")).says("does not exist");
    }

    static void console() throws Exception {
        String topic = name + "-console";
        create(topic, 1);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            write(topic, numbers(100).map(n -> codec + n), "--compression-codec", codec);
        }
        read(topic, 500, "--from-beginning").line("none0").line("zstd99");
        write(topic, Stream.of("h:v\tkey\tvalue"), "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true");
        read(topic, 1, "--partition", "0", "--offset", "500",
            "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.offset=true",
            "--formatter-property", "print.partition=true", "--formatter-property", "print.timestamp=true")
            .says("Partition:0", "Offset:500", "h:v", "CreateTime:").line("key", "value");
        read(topic, 501, "--from-beginning", "--isolation-level", "read_committed");
    }

    static void topicConfigs() throws Exception {
        String topic = name + "-configs";
        create(topic, 1);
        Tool.ok(CONFIGS, at("--alter", "--topic", topic, "--add-config", "retention.ms=1000000,cleanup.policy=[compact,delete]")).says("Completed updating config");
        Tool.ok(CONFIGS, at("--describe", "--topic", topic)).says("retention.ms=1000000", "cleanup.policy=compact,delete", "DYNAMIC_TOPIC_CONFIG");
        Tool.ok(CONFIGS, at("--describe", "--topic", topic, "--all")).says("max.message.bytes=1048588", "DEFAULT_CONFIG");
        Tool.ok(CONFIGS, at("--alter", "--topic", topic, "--delete-config", "retention.ms"));
        Tool.ok(CONFIGS, at("--describe", "--topic", topic)).saysNot("retention.ms=");
        Tool.fails(CONFIGS, at("--alter", "--topic", topic, "--add-config", "retention.mss=1")).says("InvalidConfigurationException");
    }

    static void offsets() throws Exception {
        String topic = name + "-offsets";
        create(topic, 2);
        write(topic, numbers(100));
        Predicate<Tool> hundred = told -> told.lines().stream().mapToLong(line -> Long.parseLong(line.split(":")[2])).sum() == 100;
        Tool latest = Tool.ok("GetOffsetShell", at("--topic", topic));
        latest.require(hundred.test(latest), "there are 100 records");
        Tool.ok("GetOffsetShell", at("--topic", topic, "--time", "-2")).line(topic + ":0:0").line(topic + ":1:0");
        Tool.ok("GetOffsetShell", at("--topic-partitions", topic + ":0", "--time", "earliest")).line(topic + ":0:0").saysNot(topic + ":1");
        Tool byTime = Tool.ok("GetOffsetShell", at("--topic", topic, "--time", "0"));
        byTime.line(byTime.lines().stream().filter(line -> line.endsWith(":0")).findFirst().orElse("a partition from 0 on"));
        Tool newest = Tool.ok("GetOffsetShell", at("--topic", topic, "--time", "max-timestamp"));
        newest.require(newest.lines().size() >= 1, "a partition has a newest record");
        Tool.ok("GetOffsetShell", at("--exclude-internal-topics")).says(topic).saysNot("__consumer_offsets");
    }

    /** A group that has read all 100 records of a topic of two partitions. */
    static String[] groupOf(String kind, String... protocol) throws Exception {
        String topic = name + "-" + kind, group = topic + "-group";
        create(topic, 2);
        write(topic, numbers(100).map(n -> n + "\tv"), "--reader-property", "parse.key=true");
        read(topic, 100, with(protocol, "--from-beginning", "--group", group));
        return new String[] {topic, group};
    }

    static String[] with(String[] more, String... arguments) {
        return Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray(String[]::new);
    }

    static Tool groups(String... arguments) throws Exception {
        return Tool.ok(GROUPS, at(arguments));
    }

    static void group() throws Exception {
        String[] made = groupOf("grouped");
        String topic = made[0], group = made[1];
        groups("--list").line(group);
        groups("--list", "--state").line(group, "Empty");
        groups("--list", "--type").line(group, "Classic");
        Tool described = groups("--describe", "--group", group);
        long[] sums = described.table().stream().filter(line -> line[0].equals(group))
            .map(line -> new long[] {Long.parseLong(line[line.length - 6]), Long.parseLong(line[line.length - 4])})
            .reduce(new long[2], (a, b) -> new long[] {a[0] + b[0], a[1] + b[1]});
        described.require(sums[0] == 100 && sums[1] == 0, "100 records are read and none is left");
        groups("--describe", "--group", group, "--state").line(group, "Empty", "0");
        groups("--describe", "--group", group, "--members").says("has no active members");
        groups("--describe", "--all-groups").line(group, topic);
        Tool.run("", GROUPS, at("--describe", "--group", group + "-none")).says("GroupIdNotFoundException");
    }

    /** A member that stays while the tools look, which none of them does. */
    static void consumerGroup() throws Exception {
        String topic = name + "-modern", group = topic + "-group";
        create(topic, 2);
        write(topic, numbers(100).map(n -> n + "\tv"), "--reader-property", "parse.key=true");
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", "consumer",
            "client.id", "stays", "auto.offset.reset", "earliest", "enable.auto.commit", "false");
        try (KafkaConsumer<String, String> member = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            member.subscribe(List.of(topic));
            long deadline = System.nanoTime() + Duration.ofSeconds(Tool.LIMIT_S).toNanos();
            for (int count = 0; count < 100; count += member.poll(Duration.ofSeconds(1)).count()) {
                if (System.nanoTime() > deadline) throw new AssertionError("only " + count + " of 100 records came");
            }
            member.commitSync();
            String id = member.groupMetadata().memberId();
            int epoch = member.groupMetadata().generationId();
            groups("--list", "--type").line(group, "Consumer");
            groups("--list", "--state").line(group, "Stable");
            Tool described = groups("--describe", "--group", group);
            for (int partition = 0; partition < 2; partition++) described.line(group, topic, partition, "0", id, "stays");
            long read = described.table().stream().filter(line -> line[0].equals(group)).mapToLong(line -> Long.parseLong(line[3])).sum();
            described.require(read == 100, "100 records are read, and not " + read);
            groups("--describe", "--group", group, "--members").line(group, id, "stays", 2);
            groups("--describe", "--group", group, "--members", "--verbose").line(group, id, "stays", 2, epoch, topic + ":0,1", epoch, topic + ":0,1");
            groups("--describe", "--group", group, "--state").line(group, "uniform", "Stable", 1);
            groups("--describe", "--group", group, "--state", "--verbose").line(group, "uniform", "Stable", epoch, epoch, 1);
            Tool.run("", GROUPS, at("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute"))
                .says("Assignments can only be reset if the group '" + group + "' is inactive, but the current state is Stable");
            Tool.run("", GROUPS, at("--delete-offsets", "--group", group, "--topic", topic)).says("GroupSubscribedToTopicException");
            Tool.run("", GROUPS, at("--delete", "--group", group)).says("GroupNotEmptyException");
            long[] sums = committed(group);
            same(new long[] {sums[0] + sums[1]}, new long[] {100}, "after refused changes");
        }
        groups("--describe", "--group", group, "--members").says("has no active members");
        groups("--describe", "--group", group, "--state").line(group, "Empty", 0);
        groups("--delete", "--group", group).says("was successful");
        groups("--list").saysNot(group);
    }

    /** The offsets that a reset tells for both partitions, in their order. */
    static void reset(String kind, String... protocol) throws Exception {
        String[] made = groupOf(kind, protocol);
        String topic = made[0], group = made[1];
        write(topic, numbers(50).map(n -> n + "\tw"), "--reader-property", "parse.key=true");
        long[] ends = new long[2], committed = committed(group);
        for (String line : Tool.ok("GetOffsetShell", at("--topic", topic)).lines()) {
            String[] parts = line.split(":");
            ends[Integer.parseInt(parts[1])] = Long.parseLong(parts[2]);
        }
        resetTo(group, topic, committed, "--to-current");
        resetTo(group, topic, ends, "--to-latest");
        resetTo(group, topic, new long[2], "--to-earliest");
        resetTo(group, topic, new long[] {7, 7}, "--to-offset", "7");
        resetTo(group, topic, new long[] {4, 4}, "--shift-by", "-3");
        // Beyond the end is the end.
        resetTo(group, topic, ends, "--shift-by", "100000");
        resetTo(group, topic, new long[2], "--to-datetime", "2000-01-01T00:00:00.000");
        resetTo(group, topic, ends, "--to-datetime", "2100-01-01T00:00:00.000");
        resetTo(group, topic, new long[2], "--by-duration", "P1D");
        String plan = Tool.file("\"" + topic + "\",0,3\n\"" + topic + "\",1,2\n");
        groups("--reset-offsets", "--group", group, "--from-file", plan, "--execute");
        same(committed(group), new long[] {3, 2}, "from a file");
        groups("--reset-offsets", "--group", group, "--topic", topic, "--to-current", "--export").says("\"" + topic + "\",0,3");
        groups("--reset-offsets", "--group", group, "--topic", topic + ":1", "--to-earliest", "--dry-run").line(group, topic, "1", "0");
        same(committed(group), new long[] {3, 2}, "after a dry run");
        groups("--reset-offsets", "--group", group, "--topic", topic + ":1", "--to-earliest", "--execute");
        same(committed(group), new long[] {3, 0}, "of one partition");
        groups("--reset-offsets", "--group", group, "--all-topics", "--to-offset", "1", "--execute");
        same(committed(group), new long[] {1, 1}, "of all topics");
        read(topic, 148, with(protocol, "--group", group));
    }

    static void resetTo(String group, String topic, long[] expected, String... mode) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--reset-offsets", "--group", group, "--topic", topic, "--execute"));
        arguments.addAll(List.of(mode));
        groups(arguments.toArray(String[]::new)).line(group, topic, "0", expected[0]).line(group, topic, "1", expected[1]);
        same(committed(group), expected, String.join(" ", mode));
    }

    static long[] committed(String group) throws Exception {
        long[] offsets = {-1, -1};
        for (String[] line : groups("--describe", "--group", group, "--offsets").table()) {
            int at = Arrays.asList(line).indexOf(group);
            if (at < 0 || !line[at + 2].matches("[01]")) continue;
            offsets[Integer.parseInt(line[at + 2])] = Long.parseLong(line[at + 3].matches("\\d+") ? line[at + 3] : line[at + 4]);
        }
        return offsets;
    }

    static void same(long[] seen, long[] expected, String what) {
        if (!Arrays.equals(seen, expected)) throw new AssertionError(what + ": " + Arrays.toString(seen) + " instead of " + Arrays.toString(expected));
    }

    static void deleteOffsets(String kind, String... protocol) throws Exception {
        String[] made = groupOf(kind, protocol);
        String topic = made[0], group = made[1];
        groups("--delete-offsets", "--group", group, "--topic", topic + ":0").says("Request succeeded").line(topic, "0", "Successful");
        long[] left = committed(group);
        if (left[0] != -1 || left[1] < 0) throw new AssertionError("committed is " + Arrays.toString(left));
        groups("--delete", "--group", group).says("was successful");
        groups("--list").saysNot(group);
        Tool.run("", GROUPS, at("--delete", "--group", group)).says("GroupIdNotFoundException");
    }

    static void deleteRecords() throws Exception {
        String topic = name + "-shortened";
        create(topic, 1);
        write(topic, numbers(10));
        Tool.ok("DeleteRecordsCommand", at("--offset-json-file", plan(topic, 0, 4))).says("partition: " + topic + "-0\tlow_watermark: 4");
        Tool.ok("GetOffsetShell", at("--topic", topic, "--time", "-2")).line(topic + ":0:4");
        read(topic, 6, "--from-beginning").line("4");
        Tool.run("", "DeleteRecordsCommand", at("--offset-json-file", plan(topic, 0, 11))).says("OffsetOutOfRangeException");
        Tool.ok("DeleteRecordsCommand", at("--offset-json-file", plan(topic, 0, -1))).says("low_watermark: 10");
    }

    static String plan(String topic, int partition, long offset) throws Exception {
        return Tool.file("{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":" + partition + ",\"offset\":" + offset + "}],\"version\":1}");
    }

    static void logDirs() throws Exception {
        String topic = name + "-measured";
        create(topic, 2);
        write(topic, numbers(1000));
        Tool all = Tool.ok("LogDirsCommand", at("--describe"));
        all.says("\"version\":1", "\"broker\":1", "\"error\":null", topic + "-0", topic + "-1");
        Tool one = Tool.ok("LogDirsCommand", at("--describe", "--topic-list", topic, "--broker-list", "1"));
        one.says(topic + "-0").saysNot("__consumer_offsets");
        one.require(one.out.replaceAll("(?s).*\"" + topic + "-[01]\"", "").length() > 0, "the partitions have sizes");
        one.require(Stream.of(one.out.split("\"size\":")).skip(1).mapToLong(rest -> Long.parseLong(rest.split("[,}]")[0])).sum() > 1000, "they hold 1000 records");
    }

    static void verifiable() throws Exception {
        String topic = name + "-verifiable";
        create(topic, 3);
        Tool.alone("VerifiableProducer", at("--topic", topic, "--max-messages", "1000", "--acks", "-1"))
            .says("\"name\":\"startup_complete\"", "\"sent\":1000", "\"acked\":1000", "\"name\":\"shutdown_complete\"");
        for (String protocol : List.of("classic", "consumer")) {
            Tool.alone("VerifiableConsumer", at("--topic", topic, "--group-id", topic + "-" + protocol, "--group-protocol", protocol,
                "--max-messages", "1000", "--reset-policy", "earliest", "--enable-autocommit"))
                .says("\"name\":\"startup_complete\"", "\"name\":\"partitions_assigned\"", "\"name\":\"records_consumed\"");
        }
    }

    static void performance() throws Exception {
        String topic = name + "-perf";
        create(topic, 1);
        Tool.ok("ProducerPerformance", at("--topic", topic, "--num-records", "20000", "--record-size", "512", "--throughput", "-1", "--command-property", "acks=all"))
            .says("20000 records sent");
        Tool.ok("ProducerPerformance", at("--topic", topic, "--num-records", "5000", "--record-size", "512", "--throughput", "-1",
            "--transactional-id", topic + "-id", "--transaction-duration-ms", "100")).says("5000 records sent");
        Tool read = Tool.ok("ConsumerPerformance", at("--topic", topic, "--num-records", "25000", "--timeout", "60000",
            "--command-property", "isolation.level=read_committed"));
        String last = read.lines().get(read.lines().size() - 1);
        read.require(Integer.parseInt(last.split(", *")[4]) == 25_000, "it has read 25000 records");
    }

    static void latency() throws Exception {
        String topic = name + "-latency";
        create(topic, 1);
        Tool.ok("EndToEndLatency", at("--topic", topic, "--num-records", "200", "--producer-acks", "all", "--record-size", "100"))
            .says("Avg latency:", "Percentiles: 50th =");
    }

    static void copier() throws Exception {
        String from = name + "-from", to = name + "-to";
        create(from, 1);
        create(to, 1);
        write(from, numbers(500));
        Tool.ok("TransactionalMessageCopier", "--broker-list", bootstrap, "--input-topic", from, "--output-topic", to, "--input-partition", "0",
            "--consumer-group", from + "-copier", "--transactional-id", from + "-id", "--transaction-size", "50", "--max-messages", "500")
            .says("\"remaining\":0", "\"consumed\":500");
        read(to, 500, "--from-beginning", "--isolation-level", "read_committed").line("499");
    }

    static void transactions() throws Exception {
        String topic = name + "-perf", id = topic + "-id";
        Tool.ok("TransactionsCommand", at("list")).line(id, "CompleteCommit");
        Tool.ok("TransactionsCommand", at("list", "--transactional-id-pattern", ".*-perf-id")).line(id);
        Tool.ok("TransactionsCommand", at("describe", "--transactional-id", id)).line("CompleteCommit");
        Tool.ok("TransactionsCommand", at("describe-producers", "--topic", topic, "--partition", "0")).line("None");
        Tool.ok("TransactionsCommand", at("find-hanging", "--broker-id", "1")).saysNot(topic);
    }

    static void versions() throws Exception {
        Tool.ok("BrokerApiVersionsCommand", at()).says("Produce(0): 0 to 13", "Fetch(1): 4 to 18", "DeleteRecords(21): 0 to 2", "DescribeLogDirs(35): 1 to 5");
    }

    static void features() throws Exception {
        Tool.ok("FeatureCommand", at("describe"))
            .line("Feature:", "metadata.version").line("Feature:", "transaction.version", "FinalizedVersionLevel:", "2")
            .line("Feature:", "group.version");
        Tool.fails("FeatureCommand", at("upgrade", "--feature", "transaction.version=99"));
    }

    static void quorum() throws Exception {
        Tool.ok("MetadataQuorumCommand", at("describe", "--status")).line("LeaderId:", "1").says("CurrentVoters:", "MaxFollowerLag:");
        Tool.ok("MetadataQuorumCommand", at("describe", "--replication")).line("1", "Leader");
    }

    static void elections() throws Exception {
        String topic = name + "-elected";
        create(topic, 2);
        Tool.ok("LeaderElectionCommand", at("--election-type", "preferred", "--topic", topic, "--partition", "0"))
            .says("Valid replica already elected for partitions " + topic + "-0");
        Tool.ok("LeaderElectionCommand", at("--election-type", "preferred", "--all-topic-partitions"));
        Tool.fails("LeaderElectionCommand", at("--election-type", "preferred", "--topic", topic, "--partition", "7")).says("UnknownTopicOrPartitionException");
    }

    static void reassignments() throws Exception {
        String topic = name + "-reassigned", tool = "reassign.ReassignPartitionsCommand";
        create(topic, 2);
        String wanted = "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"replicas\":[1],\"log_dirs\":[\"any\"]}]}";
        String file = Tool.file(wanted);
        Tool.ok(tool, at("--generate", "--topics-to-move-json-file", Tool.file("{\"version\":1,\"topics\":[{\"topic\":\"" + topic + "\"}]}"), "--broker-list", "1"))
            .says("Proposed partition reassignment configuration", "\"partition\":1,\"replicas\":[1]");
        Tool.ok(tool, at("--execute", "--reassignment-json-file", file)).says("Successfully started partition reassignment");
        Tool.ok(tool, at("--verify", "--reassignment-json-file", file)).says("Reassignment of partition " + topic + "-0 is completed");
        Tool.ok(tool, at("--list")).says("No partition reassignments found");
    }

    static void partitions() throws Exception {
        String topic = name + "-grown";
        create(topic, 1);
        topic("--alter", "--topic", topic, "--partitions", "5");
        topic("--describe", "--topic", topic).says("PartitionCount: 5");
        write(topic, numbers(100).map(n -> n + "\tv"), "--reader-property", "parse.key=true");
        read(topic, 100, "--from-beginning");
        Tool.fails("TopicCommand", at("--alter", "--topic", topic, "--partitions", "2")).says("would not be an increase");
    }

    static void brokerConfigs() throws Exception {
        Tool.ok(CONFIGS, at("--describe", "--broker", "1", "--all")).says("log.dirs=", "STATIC_BROKER_CONFIG", "DEFAULT_CONFIG");
        Tool.ok(CONFIGS, at("--alter", "--broker", "1", "--add-config", "log.cleaner.threads=2"));
        Tool.untilItSays("log.cleaner.threads=2", CONFIGS, at("--describe", "--broker", "1")).says("DYNAMIC_BROKER_CONFIG");
        Tool.ok(CONFIGS, at("--alter", "--broker", "1", "--delete-config", "log.cleaner.threads"));
        Tool.ok(CONFIGS, at("--alter", "--broker-defaults", "--add-config", "log.retention.ms=500000000"));
        Tool.untilItSays("log.retention.ms=500000000", CONFIGS, at("--describe", "--broker-defaults")).says("DYNAMIC_DEFAULT_BROKER_CONFIG");
        Tool.ok(CONFIGS, at("--alter", "--broker-defaults", "--delete-config", "log.retention.ms"));
    }

    static void entities() throws Exception {
        Tool.ok(CONFIGS, at("--describe", "--entity-type", "users"));
        Tool.ok(CONFIGS, at("--describe", "--entity-type", "clients"));
        Tool.ok("ClientMetricsCommand", at("--list"));
    }

    static void acls() throws Exception {
        String[] rule = {"--allow-principal", "User:u", "--operation", "Read", "--topic", "t"};
        Tool.run("", "AclCommand", at("--list")).says("No Authorizer is configured on the broker");
        Tool.run("", "AclCommand", at(Stream.concat(Stream.of("--add"), Stream.of(rule)).toArray(String[]::new))).says("No Authorizer is configured on the broker");
        Tool.run("", "AclCommand", at(Stream.concat(Stream.of("--remove", "--force"), Stream.of(rule)).toArray(String[]::new))).says("No Authorizer is configured on the broker");
    }

    static void cluster() throws Exception {
        Tool id = Tool.ok("ClusterTool", "cluster-id", "--bootstrap-server", bootstrap);
        id.require(id.out.strip().matches("Cluster ID: [A-Za-z0-9_-]{22}"), "the id has 22 letters");
        Tool.ok("ClusterTool", "list-endpoints", "--bootstrap-server", bootstrap).line("1", "127.0.0.1");
    }

    static void groups() throws Exception {
        Tool.ok("GroupsCommand", at("--list")).line(name + "-grouped-group", "Classic");
        Tool.ok("GroupsCommand", at("--list")).line(name + "-reset-consumer-group", "Consumer", "consumer");
        Tool.ok("GroupsCommand", at("--list", "--consumer")).line(name + "-grouped-group").line(name + "-reset-consumer-group");
    }

    /** Longer than a broker waits for more members of a new group (group.initial.rebalance.delay.ms, 3 s). */
    static final String IDLE_MS = "8000";

    static void coordinatorRecords() throws Exception {
        String[] made = groupOf("recorded");
        String read = Tool.run("", CONSOLE_CONSUMER, at("--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", IDLE_MS,
            "--formatter", "org.apache.kafka.tools.consumer.OffsetsMessageFormatter")).out;
        if (!read.contains("\"group\":\"" + made[1] + "\"") || !read.contains("\"topic\":\"" + made[0] + "\"")) {
            throw new AssertionError("no commit of " + made[1] + " in " + read);
        }
        read = Tool.run("", CONSOLE_CONSUMER, at("--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", IDLE_MS,
            "--formatter", "org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter")).out;
        if (!read.contains("\"group\":\"" + made[1] + "\"")) throw new AssertionError("no group " + made[1] + " in " + read);
        read = Tool.run("", CONSOLE_CONSUMER, at("--topic", "__transaction_state", "--from-beginning", "--timeout-ms", IDLE_MS,
            "--formatter", "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter")).out;
        if (!read.contains("\"transactionalId\":\"" + name + "-perf-id\"")) throw new AssertionError("no transaction in " + read);
    }

    static void compatibility() throws Exception {
        String topic = name + "-compatible";
        create(topic, 1);
        Tool.ok("ClientCompatibilityTest", at("--topic", topic, "--offsets-for-times-supported", "true", "--cluster-id-supported", "true",
            "--expect-record-too-large-exception", "false", "--num-cluster-nodes", "1", "--create-topics-supported", "true",
            "--describe-acls-supported", "true", "--describe-configs-supported", "true", "--idempotent-producer-supported", "true"));
        topic("--delete", "--topic", "newtopic");
    }

    static void dump() throws Exception {
        // Partitions lie where log.dirs says, or one folder below it. Segments of a broker that runs have a tail of zeros,
        // at which the tool stops.
        int dumped = 0;
        try (Stream<Path> files = Files.walk(Path.of(System.getenv("NARU_CHECK_DATA")))) {
            List<Path> segments = files.filter(path -> path.toString().endsWith(".log") && path.toString().contains("/" + name + "-console-0/")).toList();
            for (Path segment : segments) {
                Tool tool = Tool.run("", "DumpLogSegments", "--files", segment.toString(), "--print-data-log", "--deep-iteration");
                tool.require(tool.status == 0 || tool.err.contains("CorruptRecordException: Found record size 0 "), "it ends with its tail");
                tool.saysNot("isvalid: false");
                dumped += tool.lines().stream().filter(line -> line.contains(" payload: ")).count();
            }
        }
        if (dumped != 501) throw new AssertionError(dumped + " records were dumped");
    }

    static void delete() throws Exception {
        topic("--delete", "--topic", name + "-console");
        topic("--list").saysNot(name + "-console");
        Tool.fails("TopicCommand", at("--delete", "--topic", name + "-console")).says("does not exist");
    }
}
