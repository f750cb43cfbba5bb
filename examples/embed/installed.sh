#!/bin/sh
# installed.sh BUILD CC SOURCES GUIDE SANITIZERS: installs the library of the build directory in a
# folder of its own and builds with what pkg-config says: an example, against the shared and the
# static library, and the program in the guide.
set -eu
build=$1 cc=$2 sources=$3 guide=$4 sanitize=${5:+-fsanitize=$5}
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --prefix "$prefix" --component rhai > "$prefix/log" || {
    cat "$prefix/log"
    exit 1
}
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[ "$(pkg-config --variable=prefix rhai | xargs realpath)" = "$(realpath "$prefix")" ]

# The words of pkg-config are options.
# shellcheck disable=SC2046,SC2086
"$cc" $sanitize "$sources/rules.c" -o "$prefix/shared" $(pkg-config --cflags --libs rhai)
LD_LIBRARY_PATH=$prefix/lib "$prefix/shared" | diff "$sources/rules.out" -
readelf -d "$prefix/shared" | grep -q 'NEEDED.*librhai\.so\.0'

rm "$prefix"/lib/librhai.so*
# shellcheck disable=SC2046,SC2086
"$cc" $sanitize "$sources/rules.c" -o "$prefix/static" $(pkg-config --static --cflags --libs rhai)
"$prefix/static" | diff "$sources/rules.out" -

awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$guide" > "$prefix/guide.c"
# shellcheck disable=SC2046,SC2086
"$cc" $sanitize "$prefix/guide.c" -o "$prefix/guide" $(pkg-config --static --cflags --libs rhai)
[ "$("$prefix/guide")" = "hello world!" ]
