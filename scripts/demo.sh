#!/usr/bin/env bash
# Sets up, builds the tools and the Python package, and quantizes, compiles, runs and checks
# the linear layers of a real sentence encoder: on the CPU, and on a GPU where
# there is one, or one of them for each kernel in the emulator. Arguments go to the demo (--help).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$root/scripts/setup.sh"
build_targets quantmlir-tools _compiler _runtime _calibration quantmlir_emulator_driver
PYTHONPATH=$build/python exec "$python" -m quantmlir.demo "$@"
