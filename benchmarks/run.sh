#!/usr/bin/env bash
# Checks and times everything on this machine's GPU:
#   benchmarks/run.sh [ARTIFACTS [RESULTS]]
# Without ARTIFACTS it sets up, builds and compiles them; with a folder that
# build_artifacts.py made elsewhere (the runtime library is in it) nothing is
# built. RESULTS (default: benchmarks/results) gets check.json, linear.json, rows.json and
# linear.png. PYTHON names a Python with NumPy, ml_dtypes, PyTorch and
# Matplotlib; options of bench_linear.py go into BENCH_OPTIONS.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
if [ $# -gt 0 ]; then
  artifacts=$1
else
  artifacts=$here/../build/benchmarks
  "$here/../scripts/build.sh" quant-compile quantmlir_runtime _runtime
  "$here/../.venv/bin/python" "$here/build_artifacts.py" --model --out "$artifacts"
  "$here/../.venv/bin/python" "$here/bench_rows.py" --build "$artifacts/rows" \
    --compiler "$here/../build/bin/quant-compile"
fi
# CUTLASS's kernels, where they can be built: its headers come from PyPI, or with
# the artifacts.
if [ ! -e "$artifacts/cutlass/index.json" ]; then
  headers=()
  [ -e "$artifacts/cutlass.tar.xz" ] && headers=(--headers "$artifacts/cutlass.tar.xz")
  "$python" "$here/cutlass/build.py" "${headers[@]}" --out "$artifacts/cutlass" ||
    echo "CUTLASS is left out" >&2
fi
results=${2:-$here/results}
export QUANTMLIR_RUNTIME=${QUANTMLIR_RUNTIME:-$artifacts/libquantmlir_runtime.so}
export PYTHONUNBUFFERED=1
mkdir -p "$results"

status=0
if [ $# = 0 ]; then
  PYTHONPATH=$here/../build/python "$python" "$here/device_check.py" "$artifacts" ||
    status=1
fi
"$python" "$here/gpu_check.py" "$artifacts" --json "$results/check.json" || status=1
# shellcheck disable=SC2086
"$python" "$here/bench_linear.py" "$artifacts" --json "$results/linear.json" \
  ${BENCH_OPTIONS:-} || status=1
if [ -d "$artifacts/rows" ]; then
  "$python" "$here/bench_rows.py" "$artifacts/rows" --json "$results/rows.json" ||
    status=1
fi
"$python" "$here/plot.py" "$results/linear.json" "$results/linear.png" || status=1
exit $status
