#!/usr/bin/env bash
# Sets up, builds, and tries every mutant of the kernels that
# test/Emulator/test_mutation.py names; arguments go to pytest. Takes a quarter
# of an hour on two cores; scripts/test.sh tries a sample.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$root/scripts/setup.sh"
build_targets
cd "$root"
QUANTMLIR_MUTATE=all QUANTMLIR_BUILD_DIR=$build exec "$python" -m pytest -q \
  test/Emulator/test_mutation.py "$@"
