"""Compiles the cases for the device and writes what record.py needs.

    python -m conformance.build DIRECTORY [PATTERN]      (in test/Emulator)

makes DIRECTORY/job.json, kernels.ptx, kernels.cubin and inputs.bin.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import cases
from .case import Buffer

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("QUANTMLIR_BUILD_DIR", ROOT / "build"))


def to_ptx(chosen):
    """PTX of all cases in one module."""
    text = "gpu.module @kernels {" + "\n".join(c.mlir() for c in chosen) + "\n}\n"
    result = subprocess.run(
        [str(BUILD / "bin" / "quant-opt"), "-",
         "--pass-pipeline=builtin.module(gpu.module(convert-nvvm-to-llvm),quant-emit-ptx{chip=sm_90a})"],
        input=text, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr[:4000])
    (quoted,) = re.findall(r'assembly = "((?:[^"\\]|\\.)*)"', result.stdout)
    return re.sub(r"\\([0-9A-F]{2}|.)", lambda m: chr(int(m[1], 16)) if len(m[1]) == 2 else m[1], quoted)


def find_ptxas():
    for candidate in (pathlib.Path(sys.executable).parent / "ptxas", shutil.which("ptxas")):
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError("no ptxas")


def describe(case, inputs):
    """What the recorder must know of a case; appends its data to `inputs`."""
    arguments = []
    for argument in case.arguments:
        if isinstance(argument, Buffer):
            entry = {"role": argument.role, "words": argument.words}
            if argument.data is not None:
                entry["offset"] = inputs.tell()
                inputs.write(argument.data.tobytes())
        else:
            entry = {"map": vars(argument)}
        arguments.append(entry)
    triple = lambda v: list(v) if isinstance(v, tuple) else [v, 1, 1]
    return {"name": case.name, "symbol": case.symbol, "grid": triple(case.grid), "block": triple(case.block),
            "fingerprint": case.fingerprint(), "sets": case.sets, "arguments": arguments}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("pattern", nargs="?", default="")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    chosen = [c for c in cases.all_cases() if re.search(options.pattern, c.name)]
    ptx = options.directory / "kernels.ptx"
    ptx.write_text(to_ptx(chosen))
    cubin = options.directory / "kernels.cubin"
    ptxas = find_ptxas()
    result = subprocess.run([ptxas, "-arch=sm_90a", "-O3", "-o", str(cubin), str(ptx)], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr[:4000])
    print(result.stderr, file=sys.stderr)
    version = subprocess.run([ptxas, "--version"], capture_output=True, text=True).stdout
    with open(options.directory / "inputs.bin", "wb") as inputs:
        job = [describe(case, inputs) for case in chosen]
    (options.directory / "job.json").write_text(json.dumps(
        {"ptxas": re.search(r"V[\d.]+", version)[0], "cases": job}))
    print(len(chosen), "cases,", sum(c.sets for c in chosen), "sets of operands")


if __name__ == "__main__":
    main()
