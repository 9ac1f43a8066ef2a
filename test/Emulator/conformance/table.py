"""The table of what was recorded: docs/Conformance.md has its output.

    python -m conformance.table      (in test/Emulator)
"""

import collections

from . import cases
from .compare import TOLERANCES


def count():
    """Sets of operands and rule of each instruction."""
    sets, rules = collections.Counter(), {}
    for case in cases.all_cases():
        sets[case.instruction] += case.sets
        assert rules.setdefault(case.instruction, case.rule) == case.rule
    return {name: (sets[name], rules[name]) for name in sets}


def main():
    rows = count()
    print("| instruction | sets of operands | compared |")
    print("|---|---:|---|")
    for name, (sets, rule) in rows.items():
        print(f"| `{name}` | {sets} | {'bit for bit' if rule == 'bits' else TOLERANCES[rule].split(':')[0]} |")
    print(f"| {len(rows)} instructions | {sum(sets for sets, _ in rows.values())} | |")


if __name__ == "__main__":
    main()
