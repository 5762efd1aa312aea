#!/usr/bin/env bash
# refused.sh CMAKE SOURCE GXX: configuring SOURCE with a GCC before 14 fails, and says why. Leaves nothing behind.
set -euo pipefail

cmake=$1 source=$2 gxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if "$cmake" -S "$source" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$gxx" >"$work/log" 2>&1; then
  echo "$gxx was accepted"
  exit 1
fi
if ! grep -q "refuses GCC" "$work/log"; then
  echo "$gxx was refused without the reason:"
  cat "$work/log"
  exit 1
fi
