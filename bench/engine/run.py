#!/usr/bin/env python3
"""Compares the engine with Lua 5.4 and Python 3 on the programs in programs/.

Each program is run several times in each language, in alternation, and must print the same in
all of them. Shown are the medians of user + system CPU seconds of the whole process, the ratios
(below 1: we are faster) with their geometric mean, and the peak resident memory. `limited` is
what our time grows by under limits on sizes and memory that are never reached. Beside the
programs: an empty script (start-up), and 20,000 lines that are compiled and hardly run.
"""
import argparse
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "release"
# Rhai allows 64 nested calls unless told otherwise.
OPTIONS = {"deep_recursion": ["--limit", "max_call_levels=1000000"]}
LIMITS = ["max_array_size=100000000", "max_string_size=1G", "max_memory=4G"]


def build_rhai():
    for command in (
        ["cmake", "--preset", "release"],
        ["cmake", "--build", "--preset", "release", "--target", "rhai_tool", "--", "--quiet"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
    return BUILD / "rhai" / "tool" / "rhai"


def find(*names):
    for name in names:
        if path := shutil.which(name):
            return path
    sys.exit(f"{names[0]} is missing: apt-get install {names[0]}")


def need_lua_json():
    command = [find("lua5.4"), "-e", 'require "cjson"']
    if subprocess.run(command, capture_output=True).returncode != 0:
        sys.exit("Lua's cjson is missing: apt-get install lua-cjson")


class Languages:
    """Command lines by file ending; the first one is ours."""

    def __init__(self, rhai):
        self.commands = {
            "rhai": [str(rhai), "run"],
            "limited": [str(rhai), "run", *(o for l in LIMITS for o in ("--limit", l))],
            "lua": [find("lua5.4")],
            "py": [find("python3")],
        }

    def __iter__(self):
        return iter(self.commands)

    def command(self, language, program):
        if language in ("lua", "py"):
            return [*self.commands[language], f"{program}.{language}"]
        return [*self.commands[language], *OPTIONS.get(program.name, []), f"{program}.rhai"]


class Measure:
    """Runs commands under measure.c."""

    def __init__(self, scratch):
        self.program, self.result = scratch / "measure", scratch / "result"
        subprocess.run(["cc", "-O2", "-o", self.program, HERE / "measure.c"], check=True)

    def run(self, command):
        """Returns (CPU seconds, peak KiB, output)."""
        done = subprocess.run([self.program, self.result, *command], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        user, system, peak_kib, code = self.result.read_text().split()
        if code != "0":
            sys.exit(f"{' '.join(command)}: exit code {code}\n{done.stderr}")
        return float(user) + float(system), int(peak_kib), done.stdout


def compare(languages, measure, program, runs):
    """Returns {language: (median seconds, peak MiB)}."""
    seconds = {language: [] for language in languages}
    peak = dict.fromkeys(languages, 0)
    expected = None
    for _ in range(runs):
        for language in languages:
            command = languages.command(language, program)
            used, peak_kib, output = measure.run(command)
            expected = output if expected is None else expected
            if output != expected:
                sys.exit(f"{' '.join(command)} printed\n{output}where another one printed\n{expected}")
            seconds[language].append(used)
            peak[language] = max(peak[language], peak_kib)
    return {l: (statistics.median(seconds[l]), peak[l] / 1024) for l in languages}


def ratio(a, b):
    return a / b if b > 0 else math.nan


def print_row(name, result):
    (rhai, rhai_mib), (lua, lua_mib), (py, py_mib) = (result[l] for l in ("rhai", "lua", "py"))
    limited = ratio(result["limited"][0], rhai)
    print(
        f"{name:16}{rhai:9.4f}{lua:9.4f}{py:9.4f}{ratio(rhai, lua):11.2f}{ratio(rhai, py):13.2f}"
        f"{limited:9.2f}{rhai_mib:11.1f}{lua_mib:7.1f}{py_mib:7.1f}",
        flush=True,
    )


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def write_generated(scratch):
    """The scripts that are not in the tree; returns their names without ending."""
    subprocess.run([sys.executable, HERE / "gen_compile.py", scratch], check=True)
    for language in ("rhai", "lua", "py"):
        (scratch / f"empty.{language}").write_text("")
    return [scratch / "empty", scratch / "compile_20k"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each program and language (5)")
    parser.add_argument("--rhai", type=Path, help="this program instead of the release build's")
    parser.add_argument("programs", nargs="*", help="only these (default: all)")
    options = parser.parse_args()

    need_lua_json()
    languages = Languages(options.rhai or build_rhai())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        measure = Measure(scratch)
        programs = sorted(p.with_suffix("") for p in (HERE / "programs").glob("*.rhai"))
        extra = write_generated(scratch)
        if options.programs:
            programs = [p for p in programs if p.name in options.programs]
            extra = [p for p in extra if p.name in options.programs]
        if unknown := set(options.programs) - {p.name for p in programs + extra}:
            sys.exit(f"no such program: {', '.join(sorted(unknown))}")

        print(f"{'':16}{'rhai s':>9}{'lua s':>9}{'python s':>9}{'rhai/lua':>11}{'rhai/python':>13}"
              f"{'limited':>9}{'rhai MiB':>11}{'lua':>7}{'python':>7}")
        results = {}
        for program in programs:
            results[program] = compare(languages, measure, program, options.runs)
            print_row(program.name, results[program])
        if programs:
            means = [
                geometric_mean(ratio(r[one][0], r[other][0]) for r in results.values())
                for one, other in (("rhai", "lua"), ("rhai", "py"), ("limited", "rhai"))
            ]
            print(f"{'geometric mean':16}{'':27}{means[0]:11.2f}{means[1]:13.2f}{means[2]:9.2f}")
        for program in extra:
            print_row(program.name, compare(languages, measure, program, options.runs))


main()
