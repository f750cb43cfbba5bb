#!/usr/bin/env bash
# Builds release, starts a server of its own (home, sockets and state in a temporary folder), runs
# the benchmark against it and stops it. Exits with 1 when a target is missed.
# Usage: run.sh [--no-assert] [--rounds N]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

build=build/release
mkdir -p build
cmake --preset release > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build "$build" --target hero_runner_rhai_server hero_runner_rhai_zygote hero_runner_rhai \
    bench_session_start -- --quiet >&2 || exit 2

home=$(mktemp -d /tmp/bench_session_start.XXXXXX)
server=
clean_up() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } || true
    rm -rf "$home"
}
trap clean_up EXIT

# Nothing of the caller's environment decides where the server is or how it is set.
clean=(env -i "HOME=$home" "PATH=$PATH")
"${clean[@]}" "$build/hero_runner_rhai_server/hero_runner_rhai_server" \
    < /dev/null > "$home/server.log" 2>&1 &
server=$!
for ((tries = 0; tries < 200; tries++)); do
    "${clean[@]}" "$build/hero_runner_rhai/hero_runner_rhai" status > /dev/null 2>&1 && break
    kill -0 "$server" 2> /dev/null || break
    sleep 0.05
done

code=0
"$build/bench/bench_session_start" "$@" \
    "$home/hero/var/sockets/hero_runner_rhai/rpc.sock" || code=$?
[ "$code" -ne 2 ] || cat "$home/server.log" >&2
exit "$code"
