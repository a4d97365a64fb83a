"""Runs each step's command against two brokers and compares exit code, JSON and error.

    compare.py BOOTSTRAP KAFKA [STEP]

A step is a name, the words after `naru`, and what it reads. Fields that no two brokers share (ids, sizes, directories, ages) are
taken out of the JSON first; of an error, the words after the error's name are the broker's own.
"""
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

NARU = os.environ["NARU_COMMAND"]
RUN = f"cmd-{os.getpid()}-{int(time.time())}"

# What is each broker's own.
OWN = {
    "topic_id", "size_bytes", "log_bytes", "total_bytes", "usable_bytes", "dir", "lag_ms", "member_id",
    "producer_id", "started_ms", "documentation",
}

T, U, G, H = f"{RUN}-t", f"{RUN}-u", f"{RUN}-g", f"{RUN}-h"
LINES = "".join(f"k{i}:v{i}\n" for i in range(20))

READS = {"topic describe", "group describe", "group list", "config get", "log sizes", "log offsets"}

# How long a change may take to be seen.
SEEN_S_MAX = 5

# (name, words, stdin)
STEPS = [
    ("topic create", f"topic create {T} -p 3 -c retention.ms=-1 -c cleanup.policy=compact,delete", ""),
    ("topic create, one partition", f"topic create {U} -p 1", ""),
    ("topic create, twice", f"topic create {T} -p 3", ""),
    ("topic create, twice and meant", f"topic create {T} -p 3 --if-not-exists", ""),
    ("topic create, only checked", f"topic create {T}-v -p 2 --validate-only", ""),
    ("topic create, unknown config", f"topic create {T}-c -c retention.mss=1", ""),
    ("topic create, wrong value", f"topic create {T}-c -c retention.ms=soon", ""),
    ("topic create, too many replicas", f"topic create {T}-c -r 3", ""),
    ("topic create, no name", "topic create a/b", ""),
    ("topic describe", f"topic describe {T}", ""),
    ("topic describe, unknown", "topic describe nobody-made-this", ""),
    ("topic add-partitions, checked", f"topic add-partitions {T} --by 2 --validate-only", ""),
    ("topic add-partitions", f"topic add-partitions {T} --to 4", ""),
    ("topic add-partitions, fewer", f"topic add-partitions {T} --to 2", ""),
    ("topic describe, grown", f"topic describe {T}", ""),
    ("produce by key", f"produce {T} -K : -H a=b --timestamp 1700000000000", LINES),
    ("produce zstd", f"produce {U} -z zstd --timestamp 1700000001000", "a\nb\nc\n"),
    ("produce gzip", f"produce {U} -z gzip --timestamp 1700000002000", "d\n"),
    ("produce snappy", f"produce {U} -z snappy --timestamp 1700000003000", "e\n"),
    ("produce lz4, acks 1", f"produce {U} -z lz4 --acks 1 --timestamp 1700000004000", "f\n"),
    ("produce acks 0", f"produce {U} --acks 0 --timestamp 1700000005000", "g\n"),
    ("produce without a key to a compacted topic", f"produce {T} x", ""),
    ("produce, too large", f"produce {U}", "x" * 1_100_000 + "\n"),
    ("produce to no topic", "produce nobody-made-this x", ""),
    ("consume", f"consume {U} --until-end", ""),
    ("consume compacted", f"consume {T} -p 1 --until-end", ""),
    ("consume from the end", f"consume {U} --from -2 --until-end --read-committed", ""),
    ("consume from a time", f"consume {U} --from 2023-11-14T22:13:22Z -n 2", ""),
    ("consume as a group", f"consume {U} --group {G} -n 3", ""),
    ("consume as a group, on", f"consume {U} --group {G} -n 2", ""),
    ("group list", "group list --state Empty", ""),
    ("group describe", f"group describe {G}", ""),
    ("group describe, unknown", "group describe nobody-made-this", ""),
    ("lag", f"lag {G}", ""),
    ("lag of an unknown group", "lag nobody-made-this", ""),
    ("group reset-offsets, shown", f"group reset-offsets {G} --shift -2", ""),
    ("group reset-offsets, new group", f"group reset-offsets {H} -t {T}:0,1 --to-earliest --execute", ""),
    ("group reset-offsets, by time", f"group reset-offsets {G} --to-datetime 2023-11-14T22:13:23Z --execute", ""),
    ("lag, moved", f"lag {G} {H}", ""),
    ("group delete-offsets", f"group delete-offsets {H} -t {T}:1", ""),
    ("group describe, an offset less", f"group describe {H}", ""),
    ("group delete", f"group delete {G} {H} -y", ""),
    ("group delete, again", f"group delete {G} -y", ""),
    ("config get", f"config get topic {T}", ""),
    ("config get, one", f"config get topic {T} max.message.bytes", ""),
    ("config set, checked", f"config set topic {T} retention.ms=5000 --dry-run", ""),
    ("config set", f"config set topic {T} retention.ms=5000 segment.bytes=1048576", ""),
    ("config get, set", f"config get topic {T} retention.ms segment.bytes", ""),
    ("config set, wrong value", f"config set topic {T} retention.ms=soon", ""),
    ("config set, unknown", f"config set topic {T} retention.mss=1", ""),
    ("config unset", f"config unset topic {T} retention.ms segment.bytes", ""),
    ("config get, taken back", f"config get topic {T} retention.ms", ""),
    ("config set all brokers", "config set broker all message.max.bytes=2000000", ""),
    ("config get all brokers", "config get broker all", ""),
    ("config unset all brokers", "config unset broker all message.max.bytes", ""),
    ("config set a broker, read-only", "config set broker 1 node.id=5", ""),
    ("log sizes", f"log sizes {U}", ""),
    ("log offsets, latest", f"log offsets {U} --at latest", ""),
    ("log offsets, by time", f"log offsets {U} --at 1700000003000", ""),
    ("log offsets, largest time", f"log offsets {U} --at max-timestamp --read-committed", ""),
    ("transaction list", "transaction list --state Ongoing", ""),
    ("transaction describe, unknown", "transaction describe nobody-made-this", ""),
    ("transaction find-hanging", f"transaction find-hanging {U} --idle-for 0", ""),
    ("transaction abort, none", f"transaction abort {U} -p 0 --start-offset 0 -y", ""),
    ("topic delete-records", f"topic delete-records {U} --before-offset 2 -y", ""),
    ("topic delete-records, too far", f"topic delete-records {U} --before-offset 99 -y", ""),
    ("consume what is left", f"consume {U} --until-end", ""),
    ("topic delete, unasked", f"topic delete {T}", ""),
    ("topic delete", f"topic delete {T} {U} -y", ""),
    ("topic delete, again", f"topic delete {T} -y --if-exists", ""),
]


def is_of_kafkas_format(value):
    """Formatting a new Kafka sets this for all brokers (KIP-966)."""
    return isinstance(value, dict) and value.get("name") == "min.insync.replicas" and value["source"] == "dynamic_default"


def without_own(value):
    if isinstance(value, dict):
        return {key: without_own(inner) for key, inner in value.items() if key not in OWN}
    if isinstance(value, list):
        return [without_own(inner) for inner in value if not is_of_kafkas_format(inner)]
    return value


def parsed(out):
    """One JSON value, or one a line."""
    try:
        return without_own(json.loads(out))
    except ValueError:
        return [without_own(json.loads(line)) for line in out.splitlines()]


def run(bootstrap, words, stdin):
    command = [NARU, *words.split(), "--json", "--timeout", "20s", "--bootstrap", bootstrap]
    done = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=60)
    out, err = done.stdout.decode(), done.stderr.decode()
    # Up to the broker's own words.
    first = re.sub(r"( \(\d+\)).*", r"\1", err.split("\n")[0])
    try:
        return {"code": done.returncode, "json": parsed(out), "error": first}
    except ValueError:
        return {"code": done.returncode, "unreadable": out, "error": first}


def others_out(name, answer):
    """Other checks leave groups and topics on a shared broker."""
    if name == "group list":
        answer["json"] = [group for group in answer["json"] if group["group"].startswith(RUN)]
    return answer


def compare(pool, brokers, name, words, stdin):
    """Kafka answers a change before it is seen everywhere: what only reads is asked again for a while."""
    deadline = time.monotonic() + SEEN_S_MAX
    while True:
        given = list(pool.map(lambda broker: run(broker, words, stdin), brokers))
        ours, kafkas = (others_out(name, answer) for answer in given)
        only_reads = " ".join(words.split()[:2]) in READS
        if ours == kafkas or not only_reads or time.monotonic() > deadline:
            return ours, kafkas
        time.sleep(0.1)


def main():
    brokers, part = sys.argv[1:3], sys.argv[3]
    passed = failed = 0
    with ThreadPoolExecutor(2) as pool:
        for name, words, stdin in STEPS:
            ours, kafkas = compare(pool, brokers, name, words, stdin)
            if part not in name:
                continue
            if ours == kafkas and "unreadable" not in ours:
                passed += 1
                print(f"ok    {name} ({ours['code']})")
            else:
                failed += 1
                print(f"FAIL  {name}\n      broker {json.dumps(ours)}\n      Kafka  {json.dumps(kafkas)}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
