#!/usr/bin/env bash
# Stops the runner and with it all sessions. A hero_proc_server that run_runner.sh has started is
# shut down too when it has no other service; any other is left alone. Nothing to stop is fine.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

# Whether the hero_proc_server that we have started still runs.
is_proc_ours() {
    [ -s "$proc_mark" ] && [ "$(process_mark "$(cut -d ' ' -f 1 "$proc_mark")")" = "$(cat "$proc_mark")" ]
}

# A server that was started without hero_proc, or has outlived it.
stop_server() {
    local pid
    pid=$(server_pid) || return 0
    kill -TERM "$pid"
    # The lock is free when the server is gone; sessions get 5 s before they are killed.
    flock -s -w 30 "$socket.lock" true || fail "process $pid did not end within 30 s"
    say "the server is stopped"
}

[ -x "$bin/hero_runner_rhai" ] || { say "the runner is not installed"; exit 0; }
options=()
if is_proc_ours; then options=(--with-hero-proc); fi
if "$bin/hero_runner_rhai" --stop "${options[@]}"; then
    is_proc_ours || rm -f "$proc_mark"
else
    stop_server
fi
