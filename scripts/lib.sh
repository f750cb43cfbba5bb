# shellcheck shell=bash disable=SC2034
# What the scripts in the top folder share. Sourced by them, in that folder; not run by itself.

# Where the programs are installed, and where a running server keeps its files: the same rules as
# hero_rpc/include/hero_rpc/paths.h.
bin=${HERO_BIN:-$HOME/hero/bin}
var=${PATH_VAR:-${PATH_ROOT:+$PATH_ROOT/var}}
var=${var:-$HOME/hero/var}
sockets=${PATH_SOCKET:-${HERO_SOCKET_DIR:-$var/sockets}}
state=$var/hero_runner_rhai
# The hero_proc_server that run_runner.sh has started, as process_mark shows it.
proc_mark=$state/hero_proc.started
socket=$sockets/hero_runner_rhai/rpc.sock
# Where run_runner.sh has the dashboard listen: its address as a URL.
dashboard=$state/dashboard.url

build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config
    libmicrohttpd-dev libevent-dev libjansson-dev libcurl4-openssl-dev uuid-dev libunistring-dev
    libedit-dev zlib1g-dev libcsv-dev libfyaml-dev libpcre2-dev libsodium-dev libsqlite3-dev
    libhiredis-dev libpq-dev
)
# Bundle the dashboard's page; build_runner.sh --without-ui does without.
ui_packages=(nodejs npm)
# libFuzzer comes with clang's runtime; node checks the OpenRPC document against its meta-schema and
# drives chromium for the tests of the dashboard; faketime steps the clock.
test_packages=(libcmocka-dev clang libclang-rt-14-dev git curl jq chromium faketime rsync unzip zip
    redis-server postgresql openssl)

say() { printf '== %s\n' "$*" >&2; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# npm is also part of some packages of nodejs from elsewhere, which do not go together with Debian's.
is_installed() {
    [ "$1" = npm ] && command -v npm > /dev/null && return
    [ "$(dpkg-query -W -f '${Status}' "$1" 2> /dev/null)" = 'install ok installed' ]
}

# need_packages NAME...: installs what is missing, or lists it when that is not allowed.
need_packages() {
    local package missing=() as_root=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return

    if [ "$(id -u)" -ne 0 ]; then
        # Without a terminal sudo cannot ask for a password.
        if command -v sudo > /dev/null && { sudo -n true 2> /dev/null || [ -t 0 ]; }; then
            as_root=(sudo)
        else
            fail "These Debian packages are missing, and installing them needs root:" \
                $'\n'"    apt-get install ${missing[*]}"
        fi
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# npm_ci FOLDER: brings the packages of its lock file, unless they are there.
npm_ci() {
    [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
    npm ci --prefix "$1" --no-audit --no-fund --loglevel=error >&2
}

# build PRESET [CMAKE OPTION]...: configures and builds in build/PRESET.
build() {
    local preset=$1
    say "building $preset"
    cmake --preset "$@" > "build/$preset.log" 2>&1 || {
        cat "build/$preset.log" >&2
        return 1
    }
    cmake --build --preset "$preset" -- --quiet >&2
}

# Another hero_proc may be installed under the same names. Ours say in their help whose they are.
is_foreign() {
    case ${1##*/} in
    hero_proc | hero_proc_server)
        [ -e "$1" ] && ! grep -qaF 'part of hero_runner_rhai' "$1"
        ;;
    *) return 1 ;;
    esac
}

# Puts the programs of the release build into $bin, each by write and rename, so that a running
# program is never in the way, and each one's service.toml into share beside it. One that has not
# changed is left alone, and so is a hero_proc that is not ours: everything works with it.
install_programs() {
    local stage program share
    mkdir -p "$bin"
    stage=$(mktemp -d "$bin/.install.XXXXXX")
    cmake --install build/release --prefix "$stage" > "$stage/log" || {
        cat "$stage/log" >&2
        rm -rf "$stage"
        return 1
    }
    for program in "$stage"/bin/*; do
        if is_foreign "$bin/${program##*/}"; then
            say "$bin/${program##*/} is another hero_proc's, and stays"
        elif ! cmp -s "$program" "$bin/${program##*/}"; then
            mv -f "$program" "$bin/"
        fi
    done
    share=$(dirname "$bin")/share/hero
    mkdir -p "$share"
    cp -r "$stage"/share/hero/. "$share"/
    rm -rf "$stage"
}

# A process that can be told from a later one with its number: "PID START" (proc(5), field 22).
process_mark() {
    local start
    # The name in parentheses may contain anything.
    start=$(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20)
    [ -n "$start" ] && echo "$1 $start"
}

# The pid of the running server. It holds a lock on this file, which has its pid in it, for life;
# without the lock the file is a leftover.
server_pid() {
    local lock=$socket.lock
    [ -s "$lock" ] && ! flock -n -s "$lock" true && cat "$lock"
}
