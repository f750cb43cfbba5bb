#!/usr/bin/env bash
# Builds dev, release, stress and fuzz, and runs every test: those with the label `release` (memory, clock
# steps: things that sanitizers distort) on the release build, those with the label `both` on
# release and dev, all others on dev; the recorded cases of the language once more on stress; each
# fuzz target for 10 s. Ends with ctest's summaries.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

mkdir -p build
need_packages "${build_packages[@]}" "${ui_packages[@]}" "${test_packages[@]}"
npm_ci tests/openrpc
npm_ci hero_runner_rhai_ui/web
npm_ci hero_runner_rhai_ui/tests
build dev
build release -DHERO_TESTS=ON
build stress
build fuzz -DHERO_TESTS=OFF

summaries=build/test_summary.txt
: > "$summaries"
failed=0

# run_tests BUILD CTEST_OPTION...
run_tests() {
    local name=$1
    shift
    say "testing $name"
    ctest --test-dir "build/$name" --output-on-failure -j "$(nproc)" "$@" 2>&1 |
        tee "build/test_$name.log" || failed=1
    {
        echo "== $name"
        sed -n '/tests passed, .* tests failed\|^No tests were found/,$p' "build/test_$name.log"
    } >> "$summaries"
}

run_tests fuzz
run_tests release --no-tests=error -L '^(release|both)$'
run_tests dev --no-tests=error -LE '^release$'
run_tests stress --no-tests=error -R '^rhai_conformance_' -E runner

echo
cat "$summaries"
exit "$failed"
