#!/usr/bin/env bash
# Installs what a fresh Debian 12 lacks to build and test quant-mlir: the LLVM
# and MLIR 22 packages, build tools, a Python environment with pinned packages,
# and ptxas from PyPI where there is no CUDA toolkit. Safe to run again: it
# looks first, and with nothing to do takes well under a second.
#
#   QUANTMLIR_VENV   where the Python environment lives (default: .venv)
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# python3-psutil: lit needs it to time a test out.
packages=(
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  clang-22 lld-22 clang-tidy-22 clang-format-22 libclang-rt-22-dev
  cmake ninja-build nlohmann-json3-dev libgtest-dev zlib1g-dev libzstd-dev
  libboost-context-dev libeigen3-dev
  python3 python3-dev python3-venv python3-psutil
)

sentences_sha256=5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null ||
      die "packages are missing, and to install them takes root or sudo"
    sudo "$@"
  fi
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    die "this is not a Debian system; install by hand: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# Two files: the packages of the first are installed with their dependencies
# (all pinned too); those of the second without, because all we want of them
# is data or one program and their dependencies are gigabytes.
install_python() {
  local wanted
  wanted=$(cat "$root"/python/requirements*.txt | sha256sum | cut -d' ' -f1)
  [ "$(cat "$venv/quantmlir.stamp" 2>/dev/null)" != "$wanted" ] || return 0
  say "installing Python packages into $venv"
  [ -x "$python" ] || python3 -m venv "$venv"
  "$python" -m pip install -q --disable-pip-version-check \
    -r "$root/python/requirements.txt"
  "$python" -m pip install -q --disable-pip-version-check --no-deps \
    -r "$root/python/requirements-data.txt"
  echo "$wanted" >"$venv/quantmlir.stamp"
}

# Sentences for benchmarks/encoder: data inside a source package, which is fetched
# and never installed.
fetch_sentences() {
  local file=vaderSentiment-0.5.zip
  [ ! -f "$venv/data/$file" ] || return 0
  say "fetching the sentences of vaderSentiment 0.5 from PyPI"
  mkdir -p "$venv/data/partial"
  "$python" -m pip download -q --disable-pip-version-check --no-deps \
    --no-binary :all: -d "$venv/data/partial" vaderSentiment==0.5
  echo "$sentences_sha256  $venv/data/partial/$file" | sha256sum --check --quiet ||
    die "$file is not what it was"
  mv "$venv/data/partial/$file" "$venv/data/$file"
  rm -r "$venv/data/partial"
}

# Our compiler needs no part of CUDA to write PTX; the tests hand every PTX to
# the real assembler.
find_ptxas() {
  local candidate
  for candidate in "${CUDA_HOME:-/usr/local/cuda}/bin/ptxas" \
    "$(command -v ptxas || true)" /usr/local/cuda/bin/ptxas; do
    if [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
}

install_ptxas() {
  [ ! -x "$venv/bin/ptxas" ] || return 0
  local ptxas
  ptxas=$(find_ptxas)
  if [ -z "$ptxas" ]; then
    say "installing ptxas from PyPI"
    "$python" -m pip install -q --disable-pip-version-check --no-deps \
      -r "$root/python/requirements-ptxas.txt"
    ptxas=$("$python" -c 'import glob, sysconfig
print("".join(glob.glob(sysconfig.get_path("purelib") + "/nvidia/*/bin/ptxas")[:1]))')
  fi
  [ -x "$ptxas" ] || die "no ptxas: neither a CUDA toolkit nor PyPI has one"
  ln -sfn "$ptxas" "$venv/bin/ptxas"
}

install_packages
install_python
fetch_sentences
install_ptxas
