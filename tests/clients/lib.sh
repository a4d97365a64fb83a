# Shared by the checks that are shell scripts: sourced, never run.
#
# `check NAME COMMAND...` runs one check, counts it and prints its output only when it fails; `finish` prints the closing
# line and decides the exit code. $work is a folder that is removed on exit; $run is a name that no earlier run has used.
# `cleanup` may be redefined to undo more than that.

passed=0
failed=0
run=${here##*/}-$$-$(date +%s)
records=${NARU_CHECK_RECORDS:-10000}
cache=${NARU_CLIENTS_CACHE:-$(cd "$here/../../.." && pwd)/target/clients}
work=$(mktemp -d)

cleanup() { :; }
trap 'cleanup; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

check() {
    local name=$1 begin=$SECONDS
    shift
    # A subshell with -e of its own: any failing line fails the check, which `if` around a function would switch off.
    (set -euo pipefail; "$@") >"$work/check.log" 2>&1 &
    if wait $!; then
        passed=$((passed + 1))
        echo "ok    $name ($((SECONDS - begin)) s)"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        tail -n 40 "$work/check.log" | sed 's/^/      /'
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && exit 0
    exit 1
}
