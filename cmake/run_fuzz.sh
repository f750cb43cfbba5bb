#!/usr/bin/env bash
# Runs one fuzz target for FUZZ_SECONDS over a scratch copy of its seeds, so that new inputs
# never land in the tree. Usage: run_fuzz.sh TARGET [SEED_DIR] [DICTIONARY]
set -euo pipefail
target=$1 seeds=${2:-} dict=${3:-}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
args=(-max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
      -artifact_prefix="${FUZZ_ARTIFACTS:-$PWD}/")
[ -n "$dict" ] && args+=(-dict="$dict")
"$target" "${args[@]}" "$corpus" ${seeds:+"$seeds"}
