#!/usr/bin/env bash
# Which lines the tests run: builds the preset coverage, runs the tests (all, or those that match
# the given names), and prints a table. --html DIR also writes a page per file.
# Usage: scripts/coverage.sh [--html DIR] [CTEST_REGEX]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. scripts/lib.sh

html=()
if [ "${1:-}" = --html ]; then
    mkdir -p "$2"
    html=(--html-details "$2/index.html")
    shift 2
fi
mkdir -p build
need_packages "${build_packages[@]}" "${test_packages[@]}" gcovr
build coverage
find build/coverage -name '*.gcda' -delete
code=0
ctest --test-dir build/coverage -j "$(nproc)" --output-on-failure ${1:+-R "$1"} >&2 || code=$?
gcovr --root . --object-directory build/coverage --gcov-ignore-parse-errors \
    --exclude '.*/tests/' --exclude '.*/fuzz/' --exclude bench/ --exclude build/ "${html[@]}"
exit "$code"
