#!/usr/bin/env bash
# Holds the dashboard to what it promises: a first page under 250 KB, there within 1 s, and a server
# under 8 MiB with 50 streams. Builds release first; exits with 1 when one is missed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. scripts/lib.sh

mkdir -p build
npm_ci hero_runner_rhai_ui/web
npm_ci hero_runner_rhai_ui/tests
cmake --preset release -DHERO_UI=ON > build/bench.log 2>&1 || { cat build/bench.log >&2; exit 2; }
cmake --build build/release --target hero_runner_rhai_server hero_runner_rhai_zygote \
    hero_runner_rhai_ui -- --quiet >&2 || exit 2

release=$PWD/build/release
export SERVER_PROGRAM=$release/hero_runner_rhai_server/hero_runner_rhai_server
export UI_PROGRAM=$release/hero_runner_rhai_ui/hero_runner_rhai_ui
exec node bench/ui/measure.mjs
