"""The four comparisons. Each prints its tables, and tells `targets` what it has measured of ours."""
import os
import statistics
import subprocess
import time

from client import ALL, load_now, note, percentiles, quantile, table, us
from peers import GAPS, STAMPS, Piscina, Php, dial, tree

PLACES = {"free": (ALL, ALL), "one CPU": ({0}, {0}), "two CPUs": ({1 % len(ALL)}, {0})}   # client, server
READERS = (1, 8, 64)
LINES = {8: 100_000, 64: 10_000}      # for each reader; one reader gets the peer's own number
RING_LINES = 1_000_000
TRICKLE_TAKES = 3


def interleaved(chosen, rounds, measure):
    """measure(peer) in turn, A B C A B C ..."""
    got = {peer: [] for peer in chosen}
    for _ in range(rounds):
        for peer in chosen:
            got[peer].append(measure(peer))
    return got


# ---- C1: how soon

def start_latency(peers, client, floors, targets, is_quick):
    chosen = [p for p in peers if p.c1()]
    for p in chosen:
        client.latency(p.c1(), 200 if p.c1_samples > 100 else 3, p.gap_us)       # warm up
    rows, before = [], load_now()
    for place, (client_cpus, server_cpus) in PLACES.items():
        for p in chosen:
            p.pin(server_cpus)
        scale = (1 if place == "free" else .25) * (.25 if is_quick else 1)
        got = interleaved(chosen, 5, lambda p: client.latency(p.c1(), max(2, int(p.c1_samples * scale)), p.gap_us, client_cpus))
        for p, rounds in got.items():
            written = [x for r in rounds for x in r[0]]
            connected = [x for r in rounds for x in r[1]]
            medians = [quantile(r[0], .5) for r in rounds if r[0]]
            bad = sum(r[2] for r in rounds)
            rows.append([p.name, place, p.fresh, *percentiles(written), us(quantile(connected, .5)) if connected else "-",
                         f"{us(min(medians))}..{us(max(medians))}" if medians else "-", len(written), bad])
            if p.is_ours and place == "free":
                targets.at_most(f"{p.name}: p50 to the first output, µs", quantile(written, .5) if written else None, 200)
                targets.at_most(f"{p.name}: p99 to the first output, µs", quantile(written, .99) if written else None, 1000)
                targets.at_most(f"{p.name}: bad runs", bad, 0)
        note(f"c1 {place} done")
    for p in chosen:
        p.pin(ALL)
    for name, label in (("fork", "floor: bare fork + 1 byte"), ("parked", "floor: parked child + 1 byte"),
                        ("uds_echo", "floor: connect + 100 B echo, Unix socket"), ("tcp_echo", "floor: connect + 100 B echo, TCP"),
                        ("true", "floor: spawn `true` to its exit"), ("lua", "floor: spawn lua5.4, first byte of print")):
        samples = floors.get(name, [])
        rows.append([label, "free", "", *percentiles(samples), "", "", len(samples), 0])
    print(f"### C1. Session start to first output, microseconds (load before: {before})\n")
    table(["peer", "placement", "freshness", "p50", "p90", "p99", "max", "p50 from connect()", "p50 of rounds", "n", "bad"], rows)


# ---- C2: how many

def calibrate(peer, client):
    """The n for which sum(1..n) costs about 1 ms more than hello."""
    n = 100_000
    for _ in range(4):
        base = client.latency(peer.c2("hello"), 60, peer.gap_us)[0]
        sums = client.latency(peer.c2("cpu", n), 60, peer.gap_us)[0]
        if not base or not sums:
            return 0
        n = int(min(5e6, max(1000, n * 1000 / max(50, quantile(sums, .5) - quantile(base, .5)))))
    return n


def scripts_per_second(peers, client, floors, targets, is_quick):
    chosen = [p for p in peers if p.c2("hello")]
    sums = {p: calibrate(p, client) for p in chosen}
    seconds, rounds, concurrency = (.4, 1, (1, 2, 8, 32)) if is_quick else (.7, 3, (1, 2, 8, 32))
    before, best, good_runs = load_now(), {}, {p: 0 for p in chosen}
    rows = {p: [p.name, p.fresh] for p in chosen}
    for script in ("hello", "cpu"):
        for c in concurrency:
            got = interleaved(chosen, rounds, lambda p: client.rate(p.c2(script, sums[p]), c, seconds))
            for p, results in got.items():
                rate, bad = statistics.median(r[0] for r in results), sum(r[2] for r in results)
                rows[p].append(f"{rate:,.0f}" + (f" ({bad} bad)" if bad else ""))
                if script == "hello":
                    good_runs[p] += sum(r[1] for r in results)
                    if not bad:
                        best[p] = max(best.get(p, 0), rate)
            # The newest records are those of hello now.
            if script == "hello" and c == concurrency[-1]:
                for p in (p for p in chosen if p.is_ours):
                    targets.holds(f"{p.name}: each with its record and log", p.check(good_runs[p]))
        note(f"c2 {script} done")
    fork_rates = [f"{floors[name][0]:,.0f}" if name in floors else "" for name in ("fork_rate_1", "fork_rate_2")]
    print(f"### C2. Short scripts per second, every result read and checked (placement free, load before: {before})\n")
    table(["peer", "freshness"] + [f"hello, c={c}" for c in concurrency] + [f"1 ms CPU, c={c}" for c in concurrency] + ["N of the sum"],
          [rows[p] + [f"{sums[p]:,}"] for p in chosen]
          + [["floor: fork + 1 byte + exit + wait, 1 / 2 loops", "", *fork_rates] + [""] * 7])
    for p in chosen:
        if p.is_ours:
            targets.at_least(f"{p.name}: checked short sessions per second", best.get(p), 5000)
    open_loop(chosen, client, best, is_quick)


def open_loop(chosen, client, best, is_quick):
    rows = []
    for p in chosen:
        row = [p.name, f"{best.get(p, 0):,.0f}"]
        for share in (.25, .5, .75):
            _, _, bad, samples = client.rate(p.c2("hello"), 32, 1.0 if is_quick else 1.5, best.get(p, 100) * share)
            p50, _, p99, longest = percentiles(samples)
            row.append(f"{p50} / {p99} / {longest}" + (f" ({bad} bad)" if bad else ""))
        rows.append(row)
    print("C2b. The same script in an open loop (arrivals on a fixed clock, latency from the due time, "
          "32 connections at most): p50 / p99 / max, microseconds\n")
    table(["peer", "its best rate /s", "at 25 %", "at 50 %", "at 75 %"], rows)


# ---- C3: lines

def best_of(takes, measure):
    return max((measure() for _ in range(takes)), key=lambda take: take[0])


def read_lines(peer, client, n, readers, sleepers=0):
    """Lines per second over all readers, lost ones, reordered ones."""
    each, _ = client.lines(peer.c3(n, readers), n, readers, 25, sleepers)
    if not each:
        return 0, n * readers, 0
    got, lost, reordered = (int(sum(reader[i] for reader in each)) for i in range(3))
    return got / max(reader[3] for reader in each), lost, reordered


def lines_to_readers(peer, client, targets, is_quick):
    rows = []
    shape = "readers of one session" if peer.fanout else "sessions, one reader each"
    shapes = [(readers, 0, shape) for readers in READERS]
    if peer.is_ours:
        shapes.append((64, 1, f"{shape}, and one that never reads"))
    for readers, sleepers, label in shapes:
        n = LINES.get(readers, peer.lines)
        if not peer.c3(n, readers):
            continue
        rate, lost, reordered = best_of(1 if is_quick else 2, lambda: read_lines(peer, client, n, readers, sleepers))
        rows.append([peer.name, peer.fresh, readers, label, f"{n:,}", f"{rate:,.0f}", f"{lost:,}", f"{reordered:,}"])
        if peer.is_ours:
            least = {1: 1_200_000, 64: 5_000_000}.get(readers)
            if least:
                targets.at_least(f"{peer.name}: lines per second, {readers} {label}", rate, least)
            targets.at_most(f"{peer.name}: lines lost or reordered, {readers} {label}", lost + reordered, 0)
    if peer.ring(RING_LINES):
        rate = best_of(1 if is_quick else 3, lambda: ring_rate(peer, client))[0]
        rows.append([peer.name, peer.fresh, 0, "nobody reads", f"{RING_LINES:,}", f"{rate:,.0f}", "", ""])
        targets.at_least(f"{peer.name}: lines per second from script to ring", rate, 2_000_000)
    return rows


def ring_rate(peer, client):
    samples = client.latency(peer.ring(RING_LINES), 1, 0, limit_s=30)[0]
    return (RING_LINES / (samples[0] / 1e6) if samples else 0,)


def lines_per_second(makers, client, floors, targets, is_quick):
    rows, trickle, before = [], [], load_now()
    for make in makers:
        p = make()
        if not p.has_lines:
            continue
        try:
            p.start(9 if isinstance(p, Piscina) else 64)      # 64 node threads would only fight
            rows += lines_to_readers(p, client, targets, is_quick)
            if p.trickle():
                # One take has so few lines that its p99 would be its longest.
                delays = [d for _ in range(TRICKLE_TAKES) for d in client.lines(p.trickle(), STAMPS, 1, 20)[1]]
                trickle.append([p.name, *percentiles(delays), len(delays)])
                if p.is_ours:
                    targets.at_most(f"{p.name}: p99 from print to reader, µs", quantile(delays, .99) if delays else None, 500)
        except RuntimeError as e:
            rows.append([p.name, p.fresh, str(e)] + [""] * 5)
        finally:
            p.stop()
        note(f"c3 {p.name} done")
    for name, label in (("write80", "floor: write() of 80 bytes each, Unix socketpair"), ("write80x64", "floor: the same, 64 lines per write()")):
        if name in floors:
            rows.append([label, "", 1, "", "", f"{statistics.median(floors[name]):,.0f}", 0, 0])
    if "trickle" in floors:
        trickle.append(["floor: process to reader over a pipe", *percentiles(floors["trickle"]), len(floors["trickle"])])
    print(f"### C3. Numbered 80-byte lines per second to live readers, summed over the readers (placement free, load before: {before})\n")
    table(["peer", "freshness", "readers", "shape", "lines each", "lines/s", "lost", "reordered"], rows)
    print(f"C3b. Trickle, lines {GAPS[0]} and {GAPS[1]} ms apart in turn: delay from print to reader, microseconds\n")
    table(["peer", "p50", "p90", "p99", "max", "n"], trickle)


# ---- C4: memory

def memory(peer):
    """Sum of PSS, page tables and 16 KiB of kernel stack per task, in KiB; RSS; PSS; the number of processes."""
    pss = page_tables = rss = tasks = processes = 0
    for pid in set(peer.pids()):
        try:
            for line in open(f"/proc/{pid}/smaps_rollup"):
                if line.startswith("Pss:"):
                    pss += int(line.split()[1])
                if line.startswith("Rss:"):
                    rss += int(line.split()[1])
            for line in open(f"/proc/{pid}/status"):
                if line.startswith("VmPTE:"):
                    page_tables += int(line.split()[1])
            tasks += len(os.listdir(f"/proc/{pid}/task"))
            processes += 1
        except OSError:
            pass
    return pss + page_tables + 16 * tasks, rss, pss, processes


def slope(xs, ys):
    mx, my = statistics.mean(xs), statistics.mean(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def open_session(peer, req):
    """Starts a session and returns its socket once its first line was seen (blind peers: at once)."""
    s = dial(req.addr)
    s.settimeout(10)
    s.sendall(req.data)
    answer = b""
    while not peer.blind and (b"session_id" if req.subscription else req.needle.encode()) not in answer:
        part = s.recv(4096)
        if not part:
            raise OSError("closed: " + answer[-200:].decode(errors="replace"))
        answer += part
    return s


def hold_sessions(peer, steps, with_array):
    """The memory at each step, and why it stopped early."""
    held, samples, problem = [], [], ""
    try:
        if isinstance(peer, Php):
            peer.start(steps[-1], ondemand=True)
        else:
            peer.start(steps[-1])
        base = memory(peer)[3]
        for n in steps:
            while len(held) < n:
                held.append(open_session(peer, peer.hold(with_array, len(held))))
            for _ in range(50):      # the last ones may still be starting
                time.sleep(0.2)
                if not peer.blind or memory(peer)[3] >= base + n:
                    break
            if peer.is_ours:
                time.sleep(0.5)      # the parked ones are filled up again
            samples.append(memory(peer))
    except (OSError, RuntimeError) as e:
        problem = f"stopped at {len(held)}: {e}"
    finally:
        for s in held:
            s.close()
        peer.stop()
    return samples, problem


class Sleepers:
    """The floor: bare forks of a small program, which sleep."""

    def __init__(self, count):
        self.proc = subprocess.Popen([os.environ["LOAD"], "sleepers", str(count)], stdout=subprocess.PIPE)
        self.proc.stdout.readline()

    def pids(self):
        return tree(self.proc.pid)

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def memory_of_sleepers(steps):
    samples = []
    for n in steps:
        sleepers = Sleepers(n)
        samples.append(memory(sleepers))
        sleepers.stop()
    sums, rss, pss, _ = zip(*samples)
    return ["floor: bare fork that sleeps", "", f"{slope(steps, sums):,.0f}", f"{slope(steps, pss):,.0f}",
            f"{slope(steps, rss):,.0f}", f"{sums[0] / 1024:.1f}", f"{sums[-1] / 1024:.0f}", ""]


def memory_per_session(makers, targets, is_quick):
    rows, before = [], load_now()
    steps = (0, 10, 50) if is_quick else (0, 10, 50, 100, 200)
    for make in makers:
        if not make().has_hold:
            continue
        row = None
        for with_array in (False, True):
            p = make()
            row = row or [p.name + (" (pm = ondemand)" if isinstance(p, Php) else ""), p.fresh]
            samples, problem = hold_sessions(p, steps, with_array)
            if len(samples) < 3:
                row += [problem or "failed"] + [""] * (0 if with_array else 4)
                continue
            n = steps[:len(samples)]
            sums, rss, pss, _ = zip(*samples)
            row.append(f"{slope(n, sums):,.0f}" + (f" ({problem})" if problem else ""))
            if not with_array:
                row += [f"{slope(n, pss):,.0f}", f"{slope(n, rss):,.0f}", f"{sums[0] / 1024:.1f}", f"{sums[-1] / 1024:.0f}"]
                if p.is_ours:
                    targets.at_most(f"{p.name}: KiB of PSS per sleeping session", slope(n, pss), 250)
        rows.append(row)
        note(f"c4 {row[0]} done")
    rows.append(memory_of_sleepers(steps))
    print(f"### C4. Memory per sleeping session, KiB: slope over N = {', '.join(map(str, steps))} (load before: {before})\n")
    table(["peer", "freshness", "KiB per session (PSS + page tables + kernel stack)", "PSS alone", "RSS slope (misleading)",
           "server at N=0, MiB", f"whole tree at N={steps[-1]}, MiB", "KiB per session with a 1 MiB array"], rows)
