#!/usr/bin/env python3
"""Makes the seeds of the quant_tensor fuzzers out of the dialect's tests.

make-seeds.py SOURCE_ROOT QUANT_OPT TEXT_FOLDER BYTECODE_FOLDER

Every part of a test file (`// -----`, `//--- name`) becomes a text seed; those
that are valid become bytecode seeds as well.
"""

import pathlib
import re
import subprocess
import sys


def main():
    root, quant_opt, text, bytecode = map(pathlib.Path, sys.argv[1:])
    text.mkdir(parents=True, exist_ok=True)
    bytecode.mkdir(parents=True, exist_ok=True)
    for test in sorted((root / "test/Dialect/QuantTensor").glob("*.mlir")):
        parts = re.split(r"^//(?: -----|--- .*)$", test.read_text(), flags=re.M)
        for index, part in enumerate(parts):
            # Comments would only be mutated in vain.
            lines = [l for l in part.splitlines() if not l.lstrip().startswith("//")]
            source = "\n".join(lines).strip()
            # transform scripts run passes, which is not what is fuzzed.
            if not source or "transform." in source:
                continue
            seed = text / f"{test.stem}-{index}.mlir"
            if seed.exists() and seed.read_text() == source:
                continue
            seed.write_text(source)
            subprocess.run(
                [quant_opt, seed, "--emit-bytecode",
                 "-o", bytecode / f"{test.stem}-{index}.mlirbc"],
                stderr=subprocess.DEVNULL,
                check=False,
            )


if __name__ == "__main__":
    main()
