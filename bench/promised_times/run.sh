#!/usr/bin/env bash
# Holds the runner to the times it promises (a stop within 200 ms, a child that resists gone within
# 6 s, a line at its reader within 50 ms): the acceptance tests of these on the release build, with
# the promised times themselves, where an ordinary test run allows ten times as much. Exits with 1
# when one is missed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

mkdir -p build
cmake --preset release > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build build/release --target hero_runner_rhai_server hero_runner_rhai_zygote \
    acceptance_session acceptance_stream -- --quiet >&2 || exit 2

code=0
for test in session stream; do
    PROMISED_TIMES=1 "build/release/tests/acceptance_$test" || code=1
done
exit "$code"
