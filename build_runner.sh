#!/usr/bin/env bash
# Builds everything (release) and installs the programs to ~/hero/bin, or to $HERO_BIN.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

mkdir -p build
need_packages "${build_packages[@]}"
build release -DHERO_TESTS=OFF
install_programs
say "installed in $bin"
