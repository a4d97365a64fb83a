# Short names for what docs/CONTRIBUTING.md explains. `just` lists them.

default:
    @just --list

# a broker on 127.0.0.1:9092
run *args:
    cargo run --release -- {{args}}

# format, lints, house rules
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test -p naru-tidy

# all tests, or those of one crate: just test -p naru-engine
test *args:
    cargo test {{ if args == "" { "--workspace" } else { args } }}

# the fuzz targets, some seconds each
fuzz seconds="10":
    tests/fuzz/run {{seconds}}

# clients of other languages against a release build
clients:
    cargo build --release
    tests/clients/all

# licences, sources, advisories of what Naru depends on
deny:
    cargo deny check

# is the working tree slower than main?
gate base="main":
    cargo build --release -p naru-bench
    target/release/naru-bench gate --base {{base}} --head .

# everything that a change has to pass
ci:
    .ci/run
