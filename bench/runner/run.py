#!/usr/bin/env python3
"""The runner beside what others use to start a script and see its output: C1 start latency, C2 scripts per second,
C3 lines per second and trickle delay, C4 memory per session. Builds release, prints markdown, exits with 1 when a
target is missed.

usage: run.py [--peers php,uwsgi,...] [--only c1,c2,c3,c4] [--quick] [--no-assert]

As root it installs the Debian packages that are missing (and piscina with npm, in a folder of the temporary
directory); else it names them and goes on without those peers. Servers live in a scratch folder, on loopback or
Unix sockets, and are stopped by pid.
"""
import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import comparisons
from client import Client, load_now, note
from peers import OURS, PEERS, Peer, first_line

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from release import BUILD, build

TARGETS = ["bench_runner_load", "hero_runner_rhai_server", "hero_runner_rhai_zygote"]


class Targets:
    """What was promised, and what was measured."""

    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, measured, promised, is_met):
        self.rows.append([what, measured, promised, "met" if is_met else "**missed**"])
        self.missed += not is_met

    def at_most(self, what, value, most):
        self.add(what, "failed" if value is None else f"{value:,.1f}", f"at most {most:,}", value is not None and value <= most)

    def at_least(self, what, value, least):
        self.add(what, "failed" if value is None else f"{value:,.0f}", f"at least {least:,}", value is not None and value >= least)

    def holds(self, what, problem):
        self.add(what, problem or "yes", "yes", not problem)

    def print(self):
        if self.rows:
            print("### Targets\n")
            comparisons.table(["target", "measured", "promised", ""], self.rows)


def install(classes):
    """What the peers need and this machine does not have."""
    is_there = lambda package: subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], stdout=subprocess.PIPE,
                                              stderr=subprocess.DEVNULL).stdout == b"install ok installed"
    missing = [p for c in classes if any(not shutil.which(n) for n in c.needs) for p in c.packages if not is_there(p)]
    if not missing:
        return
    if os.geteuid() != 0:
        note("missing: apt-get install " + " ".join(sorted(set(missing))))
        return
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *sorted(set(missing))],
                   stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def print_machine():
    thp = open("/sys/kernel/mm/transparent_hugepage/enabled").read().split("[")[1].split("]")[0]
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "?")
    cgroup = 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1
    print(f"- Kernel {platform.release()}, {os.cpu_count()} CPUs ({cpu}), transparent huge pages {thp}, "
          f"cgroup v{cgroup}, load {load_now()}")


class Makers:
    """Each call makes a new, stopped server of one kind in a folder of its own."""

    def __init__(self, scratch, classes):
        self.scratch, self.count = scratch, 0
        self.usable = [c for c in classes if self.is_usable(c)]
        print(f"- {first_line(['lua5.4', '-v'])}\n", flush=True)

    def make(self, cls):
        self.count += 1
        p = cls(f"{self.scratch}/{self.count}")
        p.addr, p.slot = "unix:/nowhere", 0
        p.has_lines = cls.c3 is not Peer.c3 and p.c3(1000, 1) is not None
        p.has_hold = cls.hold is not Peer.hold and p.hold(False, 0) is not None
        return p

    def is_usable(self, cls):
        p = self.make(cls)
        missing = p.missing()
        print(f"- **missing**: {p.name} ({', '.join(missing)})" if missing else f"- {p.name}: {p.version()}")
        return not missing

    def all(self):
        return [lambda cls=cls: self.make(cls) for cls in self.usable]


def wait_for_rest():
    """Lets earlier work fade from the load average."""
    for _ in range(60):
        if float(load_now().split()[0]) < .5:
            break
        time.sleep(2)


def compare_short_ones(makers, client, floors, targets, only, is_quick):
    """C1 and C2, with all servers up and measured in turn."""
    live = []
    try:
        for make in makers.all():
            p = make()
            if not p.c1() and not p.c2("hello"):
                continue
            live.append(p)
            try:
                p.start(os.cpu_count() if p.name.startswith("node") else 8)
            except RuntimeError as e:
                print(f"- **does not start**: {p.name} ({e})")
                live.pop().stop()
        if "c1" in only:
            comparisons.start_latency(live, client, floors, targets, is_quick)
        if "c2" in only:
            comparisons.scripts_per_second(live, client, floors, targets, is_quick)
    finally:
        for p in live:
            p.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", default=",".join(PEERS), help="which of " + ", ".join(PEERS) + "; '' for none")
    parser.add_argument("--only", default="c1,c2,c3,c4")
    parser.add_argument("--quick", action="store_true", help="fewer samples, no floors but the cheap ones")
    parser.add_argument("--no-assert", action="store_true", help="only print")
    args = parser.parse_args()
    only = args.only.split(",")
    classes = OURS + [PEERS[name] for name in args.peers.split(",") if name]
    build(TARGETS)
    install(classes)
    for cls in OURS:
        cls.bin_dir = f"{BUILD}/hero_runner_rhai_server"
    scratch = tempfile.mkdtemp(prefix="bench_runner.")
    os.chmod(scratch, 0o755)      # some peers run as another user
    os.environ["LOAD"] = f"{scratch}/load"
    shutil.copy(f"{BUILD}/bench/bench_runner_load", f"{scratch}/load")
    client, targets = Client(f"{scratch}/load", scratch), Targets()
    try:
        if not args.quick:
            wait_for_rest()
        print_machine()
        makers = Makers(scratch, classes)
        floors = {}
        for line in client.call(["floors"]):
            name, value = line.split()
            floors.setdefault(name, []).append(float(value))
        note("floors done")
        if {"c1", "c2"} & set(only):
            compare_short_ones(makers, client, floors, targets, only, args.quick)
        if "c3" in only:
            comparisons.lines_per_second(makers.all(), client, floors, targets, args.quick)
        if "c4" in only:
            comparisons.memory_per_session(makers.all(), targets, args.quick)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    targets.print()
    return 1 if targets.missed and not args.no_assert else 0


sys.exit(main())
