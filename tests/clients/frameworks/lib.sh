# Shared by the checks of Kafka's frameworks, after ../lib.sh: fetches a framework, compiles the checks with it, runs them.
#
# `jars PROFILE` prints the class path of a profile of pom.xml, fetched on first use; `java_checks CLASS_PATH SOURCES...
# -- CLASS ARGUMENTS...` compiles them and what all checks share, runs the class, and counts what it counted.

frameworks=$here/../frameworks

missing() {
    echo "run: $1" >&2
    echo "0 passed, 1 failed"
    exit 1
}
if ! command -v javac >/dev/null || ! command -v mvn >/dev/null; then
    [ "$(id -u)" -eq 0 ] && DEBIAN_FRONTEND=noninteractive apt-get install -y -q default-jdk-headless maven >&2 ||
        missing "a JDK and Maven are missing and cannot be installed here; as root: apt-get install default-jdk-headless maven"
fi

jars() {
    local dir=$cache/frameworks/$1
    # The mark is the pom itself, so that a changed version fetches anew and an interrupted fetch does not count.
    if ! cmp -s "$frameworks/pom.xml" "$dir/complete"; then
        rm -rf "$dir"
        mvn -q -B -f "$frameworks/pom.xml" -P "$1" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$dir" >&2 || return 1
        cp "$frameworks/pom.xml" "$dir/complete"
    fi
    echo "$dir/*"
}

java_checks() {
    local class_path=$1 sources=("$frameworks"/*.java) classes
    shift
    while [ "$1" != -- ]; do sources+=("$1"); shift; done
    shift
    classes=$(mktemp -d "$work/classes.XXXX")
    if ! javac -Xlint:-deprecation -cp "$class_path" -d "$classes" "${sources[@]}" >"$work/javac.log" 2>&1; then
        cat "$work/javac.log"
        failed=$((failed + 1))
        return
    fi
    # What the frameworks log goes to a file; the checks print the end of it when they fail.
    cat >"$work/log4j2.xml" <<'XML'
<Configuration><Appenders><Console name="out" target="SYSTEM_ERR"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %m (%c)%n"/></Console></Appenders>
<Loggers><Logger name="org.apache.kafka.common.config.AbstractConfig" level="error"/>
<Logger name="org.apache.kafka.clients.NetworkClient" level="error"/>
<Root level="${sys:log.level:-warn}"><AppenderRef ref="out"/></Root></Loggers></Configuration>
XML
    mkdir -p "$work/checks"
    java -Xmx256m -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=$work/log4j2.xml" "-Dchecks.work=$work/checks" \
        -cp "$classes:$class_path" "$@" 2>"$work/java.log" >"$work/java.out"
    sed '$d' "$work/java.out"
    if [[ $(tail -n 1 "$work/java.out") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "${BASH_REMATCH[2]}" -eq 0 ] || tail -n 60 "$work/java.log"
    else
        failed=$((failed + 1))
        tail -n 1 "$work/java.out"
        tail -n 60 "$work/java.log"
    fi
}
