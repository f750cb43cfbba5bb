#!/usr/bin/env bash
# Stops the runner and with it all sessions. Nothing to stop is fine.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

pid=$(server_pid) || { say "the runner is not running"; exit 0; }
kill -TERM "$pid"
# The lock is free when the server is gone; sessions get 5 s before they are killed.
flock -s -w 30 "$socket.lock" true || fail "process $pid did not end within 30 s"
say "stopped"
