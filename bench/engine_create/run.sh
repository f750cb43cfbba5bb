#!/usr/bin/env bash
# How long an engine takes to make (promised: 50 us) and an empty script to run (2 ms of CPU), on
# the release build. Exits with 1 when a promise is not kept.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

mkdir -p build
cmake --preset release > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build build/release --target rhai_tool bench_engine_create -- --quiet >&2 || exit 2
build/release/bench/bench_engine_create build/release/rhai/tool/rhai
