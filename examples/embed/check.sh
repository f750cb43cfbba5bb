#!/bin/sh
# check.sh PROGRAM EXPECTED [INPUT]: what the program prints is what is expected.
"$1" < "${3:-/dev/null}" | diff "$2" -
