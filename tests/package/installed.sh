#!/usr/bin/env bash
# installed.sh CMAKE BUILD CXX CONFIG SANITIZERS: installs BUILD, moves the installed tree, and builds and runs a program
# outside the source tree that finds it there. Leaves nothing behind.
set -euo pipefail

cmake=$1 build=$2 cxx=$3 config=$4 sanitizers=$5
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
  if ! "$@" >"$work/log" 2>&1; then
    echo "failed: $*"
    cat "$work/log"
    exit 1
  fi
}

step "$cmake" --install "$build" --prefix "$work/first"
mv "$work/first" "$work/moved"
if grep -rnE --include='*.cmake' "$root|$build|$work" "$work/moved"; then
  echo "the installed CMake package names places of the machine that built it (above)"
  exit 1
fi

cp -R "$here/user" "$work/user"
flags=${sanitizers:+-fsanitize=$sanitizers -fno-omit-frame-pointer}
step "$cmake" -S "$work/user" -B "$work/user/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE="$config" \
  -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_PREFIX_PATH="$work/moved"
step "$cmake" --build "$work/user/build"

said=$(cd / && "$work/user/build/user")
if [[ $said != "fanout works from an installed package" ]]; then
  echo "the program that uses the package said: $said"
  exit 1
fi
