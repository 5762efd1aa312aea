#!/usr/bin/env bash
# bootstrap_without_apt.sh BOOTSTRAP: on a system without apt it names what is needed, and stops with exit code 1.
set -euo pipefail

bootstrap=$1
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
for tool in bash readlink dirname; do ln -s "$(command -v "$tool")" "$tools/$tool"; done

code=0
said=$(PATH=$tools bash "$bootstrap" 2>&1) || code=$?
for needed in "no apt" "Clang 19" "CMake 3.25" Ninja "Boost 1.81" cereal libelf fmt toml++ "CPython 3.11" "cmake -S . -B build"; do
  if [[ $code -ne 1 || $said != *$needed* ]]; then
    echo "exit code $code, and '$needed' is expected in: $said"
    exit 1
  fi
done
