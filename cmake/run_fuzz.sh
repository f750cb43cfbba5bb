#!/usr/bin/env bash
# Runs one fuzz target over a scratch copy of its seeds, so that new inputs never land in the tree.
# Usage: run_fuzz.sh TARGET [SEED_DIR] [DICTIONARY]
#
# A test run replays the seeds and mutates them for FUZZ_SECONDS (10) from a fixed FUZZ_SEED (1), so that
# two runs of the same tree try the same inputs first. To search for new ones: FUZZ_SEED=0 (libFuzzer
# takes a random one) and more seconds.
set -euo pipefail
target=$1 seeds=${2:-} dict=${3:-}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
args=(-seed="${FUZZ_SEED:-1}" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=2048
      -print_final_stats=1 -artifact_prefix="${FUZZ_ARTIFACTS:-$PWD}/")
[ -n "$dict" ] && args+=(-dict="$dict")
"$target" "${args[@]}" "$corpus" ${seeds:+"$seeds"}
