"""Running the load client, and what is told of its samples."""
import os
import subprocess
import sys

ALL = set(range(os.cpu_count()))


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def us(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}"


def percentiles(values):
    """The cells p50, p90, p99 and max."""
    if not values:
        return ["failed"] * 4
    return [us(quantile(values, q)) for q in (.5, .9, .99)] + [us(max(values))]


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if i == 0 else "--:" for i in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def note(message):
    print(message, file=sys.stderr, flush=True)


def load_now():
    """The load average of one and of five minutes."""
    return " ".join(open("/proc/loadavg").read().split()[:2])


class Client:
    """Runs the C client with a Req."""

    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch

    def files(self, req, command):
        """The requests as files, and the options that name them."""
        parts = [("-r", req.data)]
        if req.subscription:
            parts.append(("-s", req.subscription))
        if req.watch:       # latency: REQUEST starts a run, WATCH sees it; lines: REQUEST watches, START starts
            parts = [("-r", req.data), ("-w", req.watch)] if command == "latency" else [("-r", req.watch), ("-S", req.data)]
        out = []
        for flag, data in parts:
            path = f"{self.scratch}/request{flag}"
            with open(path, "wb") as f:
                f.write(data)
            out += [flag, path]
        return out

    def call(self, args, cpus=ALL, timeout=150):
        done = subprocess.run([self.program] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        return done.stdout.decode().splitlines()

    def latency(self, req, n, gap_us, cpus=ALL, limit_s=5):
        """Microseconds from write(), from connect(), and how many runs were bad."""
        out = self.call(["latency", req.addr] + self.files(req, "latency")
                        + ["-k", req.needle, "-n", str(n), "-g", str(gap_us), "-t", str(limit_s)], cpus)
        good = [tuple(map(float, line.split())) for line in out if line != "bad"]
        return [g[1] for g in good], [g[0] for g in good], n - len(good)

    def rate(self, req, clients, seconds, per_second=0):
        """Good runs per second, good ones, bad ones, and the latencies of an open loop."""
        out = self.call(["rate", req.addr] + self.files(req, "rate") + ["-k", req.needle, "-c", str(clients), "-t", str(seconds)]
                        + (["-R", str(per_second)] if per_second else []))
        good, bad, elapsed = out[0].split()
        return int(good) / float(elapsed), int(good), int(bad), [float(line) for line in out[1:]]

    def lines(self, req, n, readers, limit_s, sleepers=0):
        """(lines, lost, reordered, seconds) of each reader, and the delays of stamped lines."""
        out = self.call(["lines", req.addr] + self.files(req, "lines") + ["-f", req.framing, "-n", str(n), "-c", str(readers),
                                                                       "-t", str(limit_s), "-x", str(sleepers)])
        each = [list(map(float, line.split())) for line in out if not line.startswith("T")]
        return each, [float(line[2:]) for line in out if line.startswith("T")]
