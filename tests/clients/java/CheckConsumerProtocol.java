// Kafka's Java client, 4.x, with group.protocol=consumer (KIP-848) against a broker:
// CheckConsumerProtocol BOOTSTRAP NAME RECORDS
//
// Compiled beside Check.java, whose helpers it uses; prints as that does.

import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;

public class CheckConsumerProtocol {
    /** Stands for an assignor: members of the consumer protocol ask for none. */
    static final String CONSUMER = "Consumer";

    static String name;

    public static void main(String[] args) {
        Check.bootstrap = args[0];
        Check.name = name = args[1] + "-consumer";
        Check.records = Integer.parseInt(args[2]);
        Check.check("a_group_of_the_consumer_protocol_shares_and_resumes", CheckConsumerProtocol::group);
        Check.check("a_static_member_of_the_consumer_protocol_comes_back", CheckConsumerProtocol::staticMember);
        Check.check("a_group_changes_its_protocol_and_back", CheckConsumerProtocol::migration);
        Check.check("topics_are_subscribed_to_by_expression", CheckConsumerProtocol::expression);
        System.out.println(Check.passed + " passed, " + Check.failed + " failed");
        System.exit(Check.failed == 0 ? 0 : 1);
    }

    static KafkaConsumer<String, byte[]> member(String group, String topic, String assignor, Object... pairs) {
        KafkaConsumer<String, byte[]> consumer = unsubscribed(group, assignor, pairs);
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    static KafkaConsumer<String, byte[]> unsubscribed(String group, String assignor, Object... pairs) {
        List<Object> all = new ArrayList<>(List.of(pairs));
        all.addAll(List.of("group.id", group, "max.poll.records", 50));
        all.addAll(assignor.equals(CONSUMER) ? List.of("group.protocol", "consumer")
            : List.of("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor"));
        return Check.consumer(all.toArray());
    }

    /** Members come, one goes, all go: whoever comes next goes on where they stopped. */
    static void group() throws Exception {
        String topic = name + "-shared", group = topic + "-group";
        int count = 1_000;
        Check.fill(topic, 4, count);
        Map<String, Integer> seen = new HashMap<>();
        List<KafkaConsumer<String, byte[]>> members = new ArrayList<>();
        try {
            for (int i = 0; i < 2; i++) {
                members.add(member(group, topic, CONSUMER));
                shared(members, seen);
            }
            members.remove(0).close();
            shared(members, seen);
        } finally {
            members.forEach(KafkaConsumer::close);
        }
        int before = seen.size();
        try (KafkaConsumer<String, byte[]> again = member(group, topic, CONSUMER)) {
            while (seen.size() < count) Check.poll(again).forEach(record -> seen.merge(record.key(), 1, Integer::sum));
        }
        Check.require(seen.values().stream().allMatch(times -> times == 1), "records came more than once, " + before + " before");
    }

    static void staticMember() throws Exception {
        String topic = name + "-static", group = topic + "-group";
        Check.fill(topic, 2, 10);
        Set<TopicPartition> before = null;
        for (int start = 0; start < 2; start++) {
            try (KafkaConsumer<String, byte[]> consumer = member(group, topic, CONSUMER, "group.instance.id", "one")) {
                Check.poll(consumer);
                Check.require(before == null || consumer.assignment().equals(before), "other partitions: " + consumer.assignment());
                Check.require(consumer.groupMetadata().generationId() == 2, "epoch " + consumer.groupMetadata().generationId());
                before = Set.copyOf(consumer.assignment());
            }
        }
    }

    /** Members of both protocols share a topic; with the last of the one or the other the group is of one protocol. */
    static void migration() throws Exception {
        String topic = name + "-migrated", group = name + "-migrated-group";
        int count = 2_000;
        Check.fill(topic, 4, count);
        Map<String, Integer> seen = new HashMap<>();
        List<KafkaConsumer<String, byte[]>> members = new ArrayList<>();
        try (Admin admin = Admin.create(Check.with())) {
            for (String assignor : List.of("CooperativeSticky", CONSUMER, CONSUMER, "CooperativeSticky", "CooperativeSticky")) {
                members.add(member(group, topic, assignor));
                shared(members, seen);
                if (members.size() == 3) {
                    members.remove(0).close();
                    shared(members, seen);
                }
                GroupType type = admin.listGroups().all().get().stream().filter(listed -> listed.groupId().equals(group)).findAny().get().type().get();
                boolean hasNew = admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().stream()
                    .anyMatch(member -> member.upgraded().orElse(false));
                Check.require((type == GroupType.CONSUMER) == hasNew, type + " with members of the new protocol: " + hasNew);
            }
            long deadline = System.nanoTime() + 60_000_000_000L;
            while (seen.size() < count) {
                Check.require(System.nanoTime() < deadline, "only " + seen.size() + " of " + count + " came");
                for (KafkaConsumer<String, byte[]> member : members) Check.take(member, seen);
            }
        } finally {
            members.forEach(KafkaConsumer::close);
        }
        Check.require(seen.values().stream().allMatch(times -> times == 1), "records came more than once");
    }

    /** Polls until each of the members has its share of four partitions. */
    static void shared(List<KafkaConsumer<String, byte[]>> members, Map<String, Integer> seen) {
        long deadline = System.nanoTime() + 90_000_000_000L;
        while (true) {
            for (KafkaConsumer<String, byte[]> member : members) Check.take(member, seen);
            List<Integer> sizes = new ArrayList<>();
            members.forEach(member -> sizes.add(member.assignment().size()));
            if (sizes.stream().mapToInt(Integer::intValue).sum() == 4 && Collections.max(sizes) - Collections.min(sizes) <= 1) return;
            Check.require(System.nanoTime() < deadline, "the members did not share: " + sizes);
        }
    }

    static void expression() throws Exception {
        String topic = name + "-expression-a", later = name + "-expression-b", group = name + "-expression-group";
        Check.fill(topic, 1, 5);
        try (KafkaConsumer<String, byte[]> consumer = unsubscribed(group, CONSUMER)) {
            consumer.subscribe(new SubscriptionPattern(name + "-expression-."));
            Check.poll(consumer);
            Check.require(consumer.assignment().equals(Set.of(new TopicPartition(topic, 0))), consumer.assignment());
            Check.fill(later, 1, 5);
            Check.require(Check.poll(consumer).records(later).iterator().hasNext(), "the topic that came later");
        }
        try (KafkaConsumer<String, byte[]> consumer = unsubscribed(group, CONSUMER)) {
            consumer.subscribe(new SubscriptionPattern("("));
            Check.require(refused(() -> Check.poll(consumer)) instanceof InvalidRegularExpression, "an expression that is none");
        }
    }

    static Throwable refused(Runnable body) {
        try {
            body.run();
            return null;
        } catch (RuntimeException error) {
            return error;
        }
    }
}
