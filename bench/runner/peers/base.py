"""What a peer is: how it is started, and what to send it for the four comparisons.

A driver gives, per comparison, a Req (or None where it does not apply):
  c1()            one run of `print "hello-7"`
  c2(script, n)   the same as a short script: script is "hello" or "cpu" (sum of 1..n, printed as sum=...)
  c3(n, subs)     n numbered 80-byte lines to a live reader
  ring(n)         n such lines that nobody reads, answered when the run is over
  trickle()       lines "T <monotonic ns>", GAPS ms apart in turn
  hold(mb, i)     session i: print "hello-7", then sleep; with mb it holds an array of 1 MiB first
"""
import glob
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

PAD = "x" * 70
HELLO = "hello-7"
GAPS, STAMPS = (30, 190), 60


@dataclass
class Req:
    addr: str
    data: bytes = b""
    needle: str = HELLO
    framing: str = "http"
    watch: bytes = b""          # a subscription that is open before the run starts
    subscription: bytes = b""   # a second request, with the id of the session in the first answer


def get(path, host="x", extra=""):
    return f"GET {path} HTTP/1.0\r\nHost: {host}\r\n{extra}\r\n".encode()


def tree(pid):
    """pid and all its descendants."""
    kids = {}
    for d in glob.glob("/proc/[0-9]*/stat"):
        try:
            s = open(d).read()
        except OSError:
            continue
        p, rest = int(s.split()[0]), s.rsplit(")", 1)[1].split()
        kids.setdefault(int(rest[1]), []).append(p)
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


class Peer:
    name = fresh = ""
    is_ours = False
    needs = ()            # programs that must exist,
    packages = ()         # and the Debian packages they are in
    c1_samples = 400      # per round
    gap_us = 1000
    lines = 1_000_000     # for one subscriber
    fanout = False        # one session, many readers (else one session per reader)
    blind = False         # output comes only at the end: count processes instead

    def __init__(self, dir_):
        self.dir, self.procs = dir_, []
        os.makedirs(dir_, exist_ok=True)
        os.chmod(dir_, 0o755)

    def missing(self):
        return [p for p in self.needs if not shutil.which(p)]

    def version(self):
        return ""

    def check(self, runs):
        """After so many good runs of c2: what is wrong with what the peer has kept of them, or None."""
        return None

    def file(self, name, text, mode=0o755):
        path = f"{self.dir}/{name}"
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def spawn(self, argv, ready, **kw):
        log = open(f"{self.dir}/server.log", "ab")
        self.procs.append(subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                           start_new_session=True, cwd=self.dir, **kw))
        for _ in range(200):
            time.sleep(0.05)
            if self.procs[-1].poll() is not None:
                break
            try:
                dial(ready).close()
                return time.sleep(0.3)
            except OSError:
                pass
        raise RuntimeError(f"{argv[0]} did not start")

    def stop(self):
        pids = self.pids()
        for p in self.procs:
            p.terminate()
        for p in self.procs:
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for pid in pids:      # what was ours and still lives
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.procs = []

    def pids(self):
        return [x for p in self.procs for x in tree(p.pid)]

    def pin(self, cpus):
        for pid in self.pids():
            for t in glob.glob(f"/proc/{pid}/task/[0-9]*"):
                try:
                    os.sched_setaffinity(int(t.rsplit("/", 1)[1]), cpus)
                except OSError:
                    pass

    def start(self, sessions=8): raise NotImplementedError
    def c1(self): return None
    def c2(self, script, n=0): return None
    def c3(self, n, subs): return None
    def ring(self, n): return None
    def trickle(self): return None
    def hold(self, mb, i): return None


def dial(addr):
    if addr.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(addr[5:])
    else:
        s = socket.create_connection(("127.0.0.1", int(addr[4:])))
    return s


def first_line(argv):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10).stdout.decode().splitlines()[0]
    except (OSError, IndexError):
        return "?"
