#!/usr/bin/env bash
# What all modules of herolib add to an engine (promised: 300 us, 1 MiB) and to a fork of it (10 %), on
# the release build. Exits with 1 when a promise is not kept.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

mkdir -p build
cmake --preset release > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build build/release --target bench_herolib_register bench_warm_bare bench_warm_herolib \
    -- --quiet >&2 || exit 2
build/release/bench/bench_herolib_register build/release/bench/bench_warm_bare \
    build/release/bench/bench_warm_herolib
