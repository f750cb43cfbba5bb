"""The release build that is measured."""
import os
import subprocess
import sys

TOP = os.path.realpath(f"{os.path.dirname(os.path.realpath(__file__))}/..")
BUILD = f"{TOP}/build/release"


def build(targets):
    os.makedirs(f"{TOP}/build", exist_ok=True)
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", BUILD, "--target", *targets]):
        done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.stderr.buffer.write(done.stdout)
            sys.exit(2)
