#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh [seconds each, default 60]
# [target...]. Prints the number of executions; fails on a crash, a leak, a
# hang, or a target that executed nothing. Inputs that crash are kept.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-60}
shift || true
build_targets quantmlir-fuzzers
folder=$build/test/Fuzz
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for program in "$folder"/*-fuzzer; do
    targets+=("$(basename "$program" -fuzzer)")
  done
fi

# The seeds of the quant_tensor fuzzers are the dialect's own tests.
if [[ " ${targets[*]} " == *" quant-tensor-"* ]]; then
  build_targets quant-opt
  python3 "$root/test/Fuzz/make-seeds.py" "$root" "$build/bin/quant-opt" \
    "$folder/quant-tensor-text/seeds" "$folder/quant-tensor-bytecode/seeds"
fi

status=0
for name in "${targets[@]}"; do
  work=$folder/$name
  log=$work/log
  mkdir -p "$work/corpus" "$work/crashes"
  seeds=$root/test/Fuzz/Seeds/$name
  [ -d "$seeds" ] || seeds=$work/seeds
  [ -d "$seeds" ] || die "no seeds in $seeds"
  # 0: another seed each time.
  options=(-seed="${QUANTMLIR_FUZZ_SEED:-0}")
  if [[ $name == quant-tensor-* ]]; then
    # libMLIR is not instrumented and keeps its contexts to the end.
    options+=(-detect_leaks=0 -dict="$root/test/Fuzz/quant-tensor.dict")
  fi
  if ! "$folder/$name-fuzzer" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2560 -print_final_stats=1 \
    -artifact_prefix="$work/crashes/" "${options[@]}" "$work/corpus" "$seeds" \
    >"$log" 2>&1; then
    tail -40 "$log" >&2
    echo "$name: FAILED; the input is in $work/crashes"
    status=1
    continue
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$name: ${executions:-0} executions in $seconds s, no crash"
  [ "${executions:-0}" -gt 0 ] || status=1
done
exit $status
