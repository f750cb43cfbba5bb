#!/usr/bin/env bash
# Builds everything (release) and installs the programs to ~/hero/bin, or to $HERO_BIN.
# Usage: build_runner.sh [--without-ui]     (the dashboard gets a plain page, and npm is not needed)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
. scripts/lib.sh

ui=ON
case ${1:-} in
'') ;;
--without-ui) ui=OFF ;;
*) echo "usage: $0 [--without-ui]" >&2 && exit 2 ;;
esac

mkdir -p build
need_packages "${build_packages[@]}"
if [ $ui = ON ]; then
    need_packages "${ui_packages[@]}"
    npm_ci hero_runner_rhai_ui/web
fi
build release -DHERO_TESTS=OFF -DHERO_UI=$ui
install_programs
say "installed in $bin"
