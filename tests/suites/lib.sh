# Shared by the suites: sourced, never run.
#
# A suite is a client's own tests, by its authors. `module PATH VERSION` makes a copy of a Go module that may be changed;
# `go_verdicts` turns `go test -json` into one line per test: `pass NAME`, `fail NAME` or `skip NAME`.

here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
cache=${NARU_SUITES_CACHE:-$(cd "$here/../../.." && pwd)/target/suites}
bootstrap=${1:?usage: run BOOTSTRAP LOG}
log=${2:?usage: run BOOTSTRAP LOG}
mkdir -p "$cache"

module() { # PATH VERSION NAME
    local copy=$cache/$3-$2 dir
    if [ ! -e "$copy/complete" ]; then
        rm -rf "$copy"
        dir=$(cd "$cache" && GOFLAGS=-mod=mod go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
        [ -n "$dir" ] || { echo "$1@$2 cannot be fetched" >&2; exit 1; }
        cp -r "$dir" "$copy"
        chmod -R u+w "$copy"
        touch "$copy/complete"
    fi
    echo "$copy"
}

go_verdicts() {
    python3 -c '
import json, sys
for line in sys.stdin:
    if not line.startswith("{"):
        continue
    event = json.loads(line)
    if event.get("Test") and event["Action"] in ("pass", "fail", "skip"):
        print(event["Action"], event["Test"])
'
}
