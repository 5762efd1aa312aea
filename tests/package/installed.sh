#!/usr/bin/env bash
# installed.sh CMAKE BUILD CXX CONFIG: installs BUILD and moves the installed tree. There, with the source and
# build trees out of sight, programs of somebody else are built with it and run, and the tool runs. Leaves nothing behind.
set -euo pipefail

cmake=$1 build=$2 cxx=$3 config=$4
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved
export XDG_CONFIG_HOME=$work/config

fail() {
  printf '%s\n' "$@"
  exit 1
}

step() {
  "$@" >"$work/log" 2>&1 || fail "failed with exit code $?: $*" "$(cat "$work/log")"
}

# What comes before a command that is not to see the source and build trees; nothing where the system cannot hide them.
hide='mount -t tmpfs none "$1" && { [[ ! -d $2 ]] || mount -t tmpfs none "$2"; } && shift 2 && "$@"'
unseen=(unshare --user --map-root-user --mount bash -c "$hide" hide "$root" "$build")
if ! "${unseen[@]}" test -d "$work" 2>/dev/null; then
  echo "the source and build trees cannot be hidden here: they stay in sight"
  unseen=()
fi

step "$cmake" --install "$build" --prefix "$work/first"
mv "$work/first" "$prefix"
links=$(find "$prefix" -type l)
[[ -z $links ]] || fail "the installed tree has symbolic links:" "$links"
if named=$(grep -rnIE "$root|$build|$work" "$prefix"); then
  fail "installed files name places of the machine that built them:" "$named"
fi

# --- the library

cp -R "$here/user" "$work/user"
cd /
step "${unseen[@]}" "$cmake" -S "$work/user" -B "$work/user/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_BUILD_TYPE="$config" -DCMAKE_PREFIX_PATH="$prefix"
step "${unseen[@]}" "$cmake" --build "$work/user/build"
step "${unseen[@]}" "$work/user/build/user"
[[ $(<"$work/log") == "fanout works from an installed package" ]] ||
  fail "the program that uses the package said:" "$(<"$work/log")"

cp -R "$root/examples/plugin" "$work/plugin"
step "${unseen[@]}" "$cmake" -S "$work/plugin" -B "$work/plugin/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_BUILD_TYPE="$config" -DCMAKE_PREFIX_PATH="$prefix"
step "${unseen[@]}" "$cmake" --build "$work/plugin/build"
if command -v pkg-config >/dev/null; then
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name fanout.pc)")
  export PKG_CONFIG_PATH
  read -ra compile <<<"$(pkg-config --cflags fanout)"
  step "${unseen[@]}" "$cxx" -std=c++23 "${compile[@]}" -c "$work/user/pool.cpp" -o "$work/user/pool.o"
  for static in "" --static; do
    read -ra link <<<"$(pkg-config --libs $static fanout)"
    step "${unseen[@]}" "$cxx" "$work/user/pool.o" "${link[@]}" -o "$work/user/pool"
    step "${unseen[@]}" "$work/user/pool"
  done
else
  echo "pkg-config is not there: it is not asked"
fi

# --- the tool

# Compares WORK under every model; its result is the sum of i*i for i < 1000.
compare() {
  "${unseen[@]}" "$prefix/bin/fanout" compare "$@" --format json >"$work/record" 2>"$work/log" ||
    fail "fanout compare $* failed with exit code $?:" "$(<"$work/log")"
  local record
  record=$(tr -d ' \n' <"$work/record")
  for part in '"result":{"type":"int","value":"332833500"}' '"model":"'{serial,async,threads,processes}'","median_s":'; do
    [[ $record == *"$part"* ]] || fail "fanout compare $*: $part is missing in:" "$(<"$work/record")" "$(<"$work/log")"
  done
}

if [[ ! -e $prefix/bin/fanout ]]; then
  echo "the tool was not built: it is not tried"
  exit
fi
cd "$prefix"
compare cpu:1000 --rounds 1
"${unseen[@]}" "$prefix/bin/fanout" explain "$work/record" >"$work/log" 2>&1 || fail "fanout explain failed:" "$(<"$work/log")"
for file in fanout/schema/fanout-{result,costs}-1.json man/man1/fanout.1 bash-completion/completions/fanout \
  zsh/site-functions/_fanout fish/vendor_completions.d/fanout.fish; do
  [[ -s share/$file ]] || fail "share/$file is not installed, or empty"
done
"${unseen[@]}" bin/fanout compare "$work/plugin/build/libtasks.so:count_primes" --arg 1000 --rounds 1 >"$work/log" 2>&1 ||
  fail "the plugin cannot be compared:" "$(<"$work/log")"
[[ $(<"$work/log") == *"every model returned 168"* ]] || fail "the plugin has counted:" "$(<"$work/log")"
if [[ ! -e lib/fanout/_fanout.abi3.so ]]; then
  echo "the Python extension was not built: Python functions are not tried"
  exit
fi
compare lib/fanout/notebook/tasks.py:cpu_task --arg 1000 --tasks 2 --rounds 2
