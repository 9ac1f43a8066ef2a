#!/usr/bin/env bash
# Sets up, builds, and runs every test: lit (with the unit tests in it), then
# pytest, then about a minute of fuzzing. Closes with 'N passed, N failed' over
# lit and pytest; fails if anything failed, or if a suite found no test to run.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$root/scripts/setup.sh"
build_targets

[ -x "$venv/bin/ptxas" ] || die "the tests need ptxas (scripts/setup.sh installs it)"
reports=$build/reports
rm -rf "$reports"
mkdir -p "$reports"

status=0
say "lit"
"$llvm/bin/lit" -sv --no-progress-bar --timeout "${QUANTMLIR_TEST_TIMEOUT:-300}" \
  --xunit-xml-output "$reports/lit.xml" "$build/test" || status=1
say "pytest"
(cd "$root" && QUANTMLIR_BUILD_DIR=$build "$python" -m pytest -q \
  --junitxml "$reports/pytest.xml") || status=1

# About a minute over all targets, from a fixed seed so that a failure can be
# repeated; longer, and elsewhere, by hand with scripts/fuzz.sh.
say "fuzz"
QUANTMLIR_FUZZ_SEED=${QUANTMLIR_FUZZ_SEED:-1} \
  "$root/scripts/fuzz.sh" "${QUANTMLIR_FUZZ_SECONDS:-9}" || status=1

"$python" "$root/scripts/summarize_tests.py" "$reports/lit.xml" \
  "$reports/pytest.xml" || status=1
exit $status
