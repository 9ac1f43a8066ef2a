"""Adds up JUnit reports and prints the closing line of a test run.

Exits 1 when a test failed, a report is missing, or a report holds no test: a
suite that ran nothing has not passed.
"""

import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    """Returns (passed, failed, skipped) of one JUnit file."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(paths):
    total = [0, 0, 0]
    broken = False
    for path in paths:
        try:
            counts = count(path)
        except (OSError, ElementTree.ParseError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            broken = True
            continue
        if counts[0] + counts[1] == 0:
            print(f"{path}: no test was run", file=sys.stderr)
            broken = True
        total = [a + b for a, b in zip(total, counts)]
    passed, failed, skipped = total
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if broken or failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
