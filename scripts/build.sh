#!/usr/bin/env bash
# Sets up and builds everything, or the ninja targets given as arguments.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$root/scripts/setup.sh"
build_targets "$@"
