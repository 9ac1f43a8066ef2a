#!/usr/bin/env bash
# Checks and times the artifacts of a folder on this machine's GPU:
#   benchmarks/run.sh ARTIFACTS [RESULTS]
# ARTIFACTS comes from benchmarks/build_artifacts.py and holds the runtime
# library too; nothing is built here. RESULTS (default: benchmarks/results) gets
# check.json, linear.json and linear.png. Extra options of bench_linear.py go
# into BENCH_OPTIONS.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
artifacts=${1:?usage: run.sh ARTIFACTS [RESULTS]}
results=${2:-$here/results}
python=${PYTHON:-python3}
export QUANTMLIR_RUNTIME=${QUANTMLIR_RUNTIME:-$artifacts/libquantmlir_runtime.so}
export PYTHONUNBUFFERED=1
mkdir -p "$results"

status=0
"$python" "$here/gpu_check.py" "$artifacts" --json "$results/check.json" || status=1
# shellcheck disable=SC2086
"$python" "$here/bench_linear.py" "$artifacts" --json "$results/linear.json" \
  ${BENCH_OPTIONS:-} || status=1
"$python" "$here/plot.py" "$results/linear.json" "$results/linear.png" || status=1
exit $status
