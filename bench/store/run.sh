#!/usr/bin/env bash
# Builds release and measures the store by itself, in a temporary folder. Exits with 1 when a target
# is missed. Usage: run.sh [--no-assert]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

build=build/release
mkdir -p build
cmake --preset release > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build "$build" --target bench_store -- --quiet >&2 || exit 2

dir=$(mktemp -d "${TMPDIR:-/tmp}/bench_store.XXXXXX")
trap 'rm -rf "$dir"' EXIT
printf 'on %s, load %s\n' "$(stat -f -c %T "$dir")" "$(cut -d' ' -f1-3 /proc/loadavg)"
"$build/bench/bench_store" "$@" "$dir"
