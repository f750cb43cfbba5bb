#!/usr/bin/env bash
# Builds, starts the runner in the background, and runs a script as a session.
# Usage: run_runner.sh [SCRIPT]     (default: examples/hello.rhai)
set -euo pipefail
script=$(readlink -f "${1:-$(dirname "$(readlink -f "$0")")/examples/hello.rhai}")
[ -f "$script" ] || { echo "no such script: ${1:-}" >&2; exit 2; }
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

# The server keeps nothing of ours: own session, no open file but its log.
start_server() {
    mkdir -p "$state"
    (
        cd /
        for fd in /proc/"$BASHPID"/fd/*; do
            [ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
        done
        exec setsid "$bin/hero_runner_rhai_server"
    ) < /dev/null >> "$log" 2>&1 &
    server=$!
}

# Waits until the server answers; gives up when it has ended or after 30 s.
wait_until_healthy() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$bin/hero_runner_rhai" status > /dev/null 2>&1 && return
        kill -0 "$server" 2> /dev/null || break
        sleep 0.05
    done
    tail -n 20 "$log" >&2
    fail "the server did not come up; its log is $log"
}

./build_runner.sh
if pid=$(server_pid); then
    case $(readlink "/proc/$pid/exe") in
    *' (deleted)') say "an older build is still running; ./stop_runner.sh ends it" ;;
    esac
else
    start_server
    wait_until_healthy
fi

code=0
"$bin/hero_runner_rhai" run "$script" || code=$?
echo "socket:  $socket"
echo "run:     $bin/hero_runner_rhai run FILE"
echo "list:    $bin/hero_runner_rhai list      stop all: ./stop_runner.sh"
exit "$code"
