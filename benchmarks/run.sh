#!/usr/bin/env bash
# Checks and times everything on this machine's GPU:
#   benchmarks/run.sh [--steps NAMES] [ARTIFACTS [RESULTS]]
#   benchmarks/run.sh --list [ARTIFACTS]     the steps, their artifacts and their time
# Without ARTIFACTS it sets up, builds and compiles them; with a folder that
# build_artifacts.py made elsewhere (the runtime library is in it) nothing is
# built. RESULTS (default: benchmarks/results) gets a JSON file for each step, and
# plots. PYTHON names a Python with NumPy, ml_dtypes, PyTorch and Matplotlib;
# options of bench_linear.py go into BENCH_OPTIONS.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
steps=()
while [[ ${1:-} == --* ]]; do
  case $1 in
    --list) exec "$python" "$here/steps.py" --list "${@:2}" ;;
    --steps) steps=(--steps "${2:?--steps needs names}"); shift 2 ;;
    *) echo "run.sh: no such option: $1" >&2; exit 2 ;;
  esac
done
status=0
if [ $# -gt 0 ]; then
  artifacts=$1
else
  artifacts=$here/../build/benchmarks
  "$here/../scripts/build.sh" quant-compile quantmlir_runtime _runtime
  "$here/../.venv/bin/python" "$here/build_artifacts.py" --model --out "$artifacts" "${steps[@]}"
fi
results=${2:-$here/results}
if [ $# = 0 ] && [ -e "$artifacts/check/index.json" ]; then
  QUANTMLIR_RUNTIME=$artifacts/libquantmlir_runtime.so PYTHONPATH=$here/../build/python \
    "$python" "$here/device_check.py" "$artifacts/check" || status=1
fi
"$python" "$here/steps.py" "${steps[@]}" "$artifacts" "$results" || status=1
exit $status
