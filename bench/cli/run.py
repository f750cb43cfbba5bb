#!/usr/bin/env python3
"""How fast the command line shows lines: `run` of a script that prints a million, beside curl, which reads the same
stream and throws it away. Builds release, prints markdown, exits with 1 when a target is missed.

usage: run.py [--lines N] [--rounds N] [--cli PROGRAM] [--no-assert]

--cli measures another build of the command line with this server.
"""
import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from release import BUILD, build

TARGETS = ["hero_runner_rhai", "hero_runner_rhai_server", "hero_runner_rhai_zygote"]
LEAST = 1_000_000     # lines per second of `run > /dev/null`
SCRIPT = "for i in 1..=%d { print(`line number ${i} of a script that prints many`) }"


def start_server(scratch, env):
    os.makedirs(f"{scratch}/sockets/hero_runner_rhai")
    log = open(f"{scratch}/server.log", "wb")
    server = subprocess.Popen([f"{BUILD}/hero_runner_rhai_server/hero_runner_rhai_server"], env=env, stdin=subprocess.DEVNULL,
                              stdout=log, stderr=log)
    for _ in range(200):
        time.sleep(.05)
        if os.path.exists(f"{scratch}/sockets/hero_runner_rhai/rpc.sock"):
            return server
    server.kill()
    sys.exit("the server does not start")


def timed(command, env, lines):
    """Lines per second of a shell command."""
    begin = time.monotonic()
    subprocess.run(command, shell=True, env=env, check=True)
    return lines / (time.monotonic() - begin)


def check_output(command, env, lines):
    """Each line, in order."""
    wanted = hashlib.sha256()
    for i in range(1, lines + 1):
        wanted.update(b"line number %d of a script that prints many\n" % i)
    done = subprocess.run(command, shell=True, env=env, stdout=subprocess.PIPE, check=True)
    return hashlib.sha256(done.stdout).digest() == wanted.digest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cli", default=f"{BUILD}/hero_runner_rhai/hero_runner_rhai")
    parser.add_argument("--no-assert", action="store_true", help="only print")
    args = parser.parse_args()
    build(TARGETS)
    scratch = tempfile.mkdtemp(prefix="bench_cli.")
    env = {"PATH": os.environ["PATH"], "HOME": scratch, "PATH_VAR": f"{scratch}/var", "PATH_SOCKET": f"{scratch}/sockets",
           # A reader may lag behind the script by as much as is kept.
           "HERO_RUNNER_RHAI_LOG_BYTES": str(512 << 20)}
    script, body, run = f"{scratch}/lines.rhai", f"{scratch}/body.json", f"{args.cli} run {scratch}/lines.rhai"
    with open(script, "w") as f:
        f.write(SCRIPT % args.lines)
    with open(body, "w") as f:
        json.dump({"script": SCRIPT % args.lines}, f)
    commands = {
        "curl of POST /sse/run, nothing read out of it": f"curl -sN --unix-socket {scratch}/sockets/hero_runner_rhai/rpc.sock "
                                                         f"http://localhost/sse/run -d @{body} -o /dev/null",
        "run > /dev/null": f"{run} > /dev/null",
        "run | cat": f"{run} | cat > /dev/null",
    }
    server = start_server(scratch, env)
    try:
        is_right = check_output(run, env, args.lines)
        rates = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                rates[name].append(timed(command, env, args.lines))
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"| {args.lines:,} lines, median of {args.rounds} | lines per second | least | most |\n|---|--:|--:|--:|")
    for name, values in rates.items():
        print(f"| {name} | {statistics.median(values):,.0f} | {min(values):,.0f} | {max(values):,.0f} |")
    is_met = is_right and statistics.median(rates["run > /dev/null"]) >= LEAST
    print(f"\nEvery line, in order: {'yes' if is_right else '**no**'}. At least {LEAST:,} lines per second to /dev/null: "
          f"{'met' if is_met else '**missed**'}.")
    return 1 if not is_met and not args.no_assert else 0


sys.exit(main())
