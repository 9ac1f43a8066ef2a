# Sourced by the scripts beside it: where things are, and how they are built.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${QUANTMLIR_VENV:-$root/.venv}
build=${QUANTMLIR_BUILD_DIR:-$root/build}
llvm=/usr/lib/llvm-22
python=$venv/bin/python

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Configures once and builds; a build with nothing to do takes about a second.
# Arguments: ninja targets (none: everything).
build_targets() {
  if [ ! -f "$build/build.ninja" ]; then
    say "configuring into $build"
    mkdir -p "$build"
    cmake -G Ninja -S "$root" -B "$build" \
      -DQUANTMLIR_PYTHON="$python" -DQUANTMLIR_ENABLE_PYTHON=ON \
      >"$build/configure.log" 2>&1 || {
      tail -40 "$build/configure.log" >&2
      die "configuring failed; all of it is in $build/configure.log"
    }
  fi
  say "building${*:+ $*}"
  ninja -C "$build" ${QUANTMLIR_JOBS:+-j "$QUANTMLIR_JOBS"} --quiet "$@" >&2
}
