#!/usr/bin/env bash
# What scripts/lib.sh decides: what may be overwritten, and which process is meant.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

expect() { # expect WHAT COMMAND...
    local what=$1
    shift
    "$@" || fail "not so: $what"
}
expect_not() {
    local what=$1
    shift
    ! "$@" || fail "not so: $what"
}

mkdir -p "$bin"
expect_not "nothing there is foreign" is_foreign "$bin/hero_proc"
printf 'another one' > "$bin/hero_proc"
printf '\x7fELF\0 this hero_proc is part of hero_runner_rhai\0' > "$bin/hero_proc_server"
printf 'anything' > "$bin/hero_runner_rhai"
expect "another hero_proc is foreign" is_foreign "$bin/hero_proc"
expect_not "our own is" is_foreign "$bin/hero_proc_server"
expect_not "other names are" is_foreign "$bin/hero_runner_rhai"
for program in "$@"; do
    expect_not "$program is foreign" is_foreign "$program"
done

sleep 100 &
pid=$!
mark=$(process_mark "$pid")
expect "a process has its mark" [ "${mark% *}" = "$pid" ]
expect "the mark stays" [ "$(process_mark "$pid")" = "$mark" ]
kill "$pid"
wait "$pid" 2> /dev/null || true
expect_not "a process that has ended has a mark" process_mark "$pid"
