#!/usr/bin/env bash
# Builds, starts the runner and its dashboard as a service of hero_proc, and runs a script as a session.
# Usage: run_runner.sh [SCRIPT]     (default: examples/hello.rhai)
set -euo pipefail
script=$(readlink -f "${1:-$(dirname "$(readlink -f "$0")")/examples/hello.rhai}")
[ -f "$script" ] || { echo "no such script: ${1:-}" >&2; exit 2; }
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

# A server that is well goes on, with its sessions.
is_running() {
    local pid
    "$bin/hero_runner_rhai" status > /dev/null 2>&1 && pid=$(server_pid) || return 1
    case $(readlink "/proc/$pid/exe") in
    *' (deleted)')
        say "an older build is still running; ./stop_runner.sh ends it"
        ;;
    esac
}

# Where the dashboard is to listen: port 9977, or the next one that is free.
free_address() {
    local port=9977
    while (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
        port=$((port + 1))
    done
    echo "127.0.0.1:$port"
}

start_service() {
    local said pid
    export HERO_RUNNER_RHAI_UI_LISTEN=${HERO_RUNNER_RHAI_UI_LISTEN:-$(free_address)}
    said=$("$bin/hero_runner_rhai" --start) || { echo "$said" >&2; exit 1; }
    say "$said"
    mkdir -p "$state" && echo "http://$HERO_RUNNER_RHAI_UI_LISTEN/" > "$dashboard"
    # stop_runner.sh may end what was started here, and nothing else.
    pid=$(sed -n 's/^started hero_proc_server (process \([0-9]*\)).*/\1/p' <<< "$said")
    [ -z "$pid" ] || { mkdir -p "$state" && process_mark "$pid" > "$proc_mark"; }
}

./build_runner.sh
is_running || start_service

code=0
"$bin/hero_runner_rhai" run "$script" || code=$?
[ ! -s "$dashboard" ] || echo "watch:   $(cat "$dashboard")"
echo "socket:  $socket"
echo "run:     $bin/hero_runner_rhai run FILE"
echo "list:    $bin/hero_runner_rhai list      stop all: ./stop_runner.sh"
exit "$code"
