#!/usr/bin/env bash
# Sets up, builds what the demo needs, and quantizes, compiles, runs and checks
# the linear layers of a real sentence encoder: on the CPU, and on a GPU where
# there is one, or one of them for each kernel in the emulator. Arguments go to the demo (--help).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$root/scripts/setup.sh"
build_targets _compiler _runtime quantmlir_emulator_driver
PYTHONPATH=$build/python exec "$python" -m quantmlir.demo "$@"
