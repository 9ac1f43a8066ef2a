"""The steps of run.sh: what each measures, which artifacts it reads, how large they
are, and about how long it holds a GPU.

    python benchmarks/steps.py --list [ARTIFACTS]
    python benchmarks/steps.py ARTIFACTS RESULTS [--steps float8,llama]

A step reads ARTIFACTS/STEP, which build_artifacts.py makes; where there is only the
archive STEP.tar.xz, it is unpacked first. Weights are never among them: they are
drawn from seeds. Results carry the seconds that each line took, from which the
estimates here are to be corrected.
"""

import argparse
import dataclasses
import os
import shlex
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Step:
    """One command of run.sh. In `command`, {artifacts} is the folder of all steps,
    {folder} this step's in it, {results} where results go. `bench` commands take
    BENCH_OPTIONS."""

    name: str
    about: str
    command: str
    #: Files in RESULTS that it leaves.
    results: tuple
    #: Of an H200, about, with the start of Python and PyTorch.
    seconds: int
    #: The images that plot.py makes, with its options. The first has the step's name.
    plots: tuple = ()
    bench: bool = False
    #: Whether CUTLASS is one of its peers.
    cutlass: bool = False


def _linear(name, about, seconds, options="", curves=False):
    """A table of single layers; `curves`: of many rows and sizes."""
    command = "bench_linear.py {folder} --cutlass {artifacts}/cutlass --json {results}/"
    plots = [(f"{name}.png", "")]
    if curves:
        plots += [(f"{name}-{over}.png", f"--over {over}") for over in ("rows", "size")]
    return Step(
        name,
        about,
        f"{command}{name}.json {options}".strip(),
        (f"{name}.json", *[image for image, _ in plots]),
        seconds,
        plots=tuple(plots),
        bench=True,
        cutlass=name.startswith("int8"),
    )


STEPS = [
    Step("check", "every kernel against float64, M from 0 to 300",
         "gpu_check.py {folder} --json {results}/check.json", ("check.json",), 240),
    Step("sanitize", "compute-sanitizer on every family, on shapes with tails",
         "sanitize.py {folder} --log {results}/sanitizer.log", ("sanitizer.log",), 50),
    _linear("int8", "int8 x int8 at eight shapes: cuBLAS, Inductor, CUTLASS", 480),
    _linear("int8-other", "int8 x int8 at few rows and unseen shapes: cuBLAS, CUTLASS", 40,
            "--no-inductor"),
    _linear("float8", "e4m3 x e4m3, scales of rows and of blocks: _scaled_mm", 20),
    _linear("weights", "weights of 8 and 4 bits, M from 1 to 4096: cuBLAS, tinygemm", 160,
            "--no-inductor", curves=True),
    _linear("weights-other", "weights of unseen shapes, M from 1 to 2200: cuBLAS", 250,
            "--no-inductor"),
    _linear("formats", "other storages, groups and zero points beside int4 g128", 90,
            "--no-inductor"),
    _linear("formats-f16", "the same with activations in f16", 90, "--no-inductor"),
    Step("rows", "quantization of rows, alone and behind norms and activations: a copy",
         "bench_rows.py {folder} --json {results}/rows.json", ("rows.json",), 10),
    Step("sam", "SAM vit_h's linear layers, batch 16 and 32: bf16, int8 fused and not",
         "bench_models.py {folder} --json {results}/sam.json", ("sam.json", "sam.png"), 240,
         plots=(("sam.png", ""),)),
    Step("llama", "LLaMA-2-7B's linear layers for one token: cuBLAS, tinygemm, Inductor",
         "bench_models.py {folder} --json {results}/llama.json", ("llama.json", "llama.png"),
         50, plots=(("llama.png", ""),)),
]


def choose(names):
    """The steps of those names, in the order of the list."""
    known = {step.name for step in STEPS}
    for name in names:
        if name not in known:
            raise SystemExit(f"no step is called '{name}': there are {', '.join(sorted(known))}")
    return [step for step in STEPS if step.name in names]


def measure_size(path):
    """Bytes of a file, or of all files in a folder; None where there is neither."""
    if os.path.isdir(path):
        return sum(
            os.path.getsize(os.path.join(folder, name))
            for folder, _, names in os.walk(path)
            for name in names
        )
    return os.path.getsize(path) if os.path.exists(path) else None


def show_size(size):
    return "-" if size is None else f"{size / 2**20:.1f} MiB"


def print_list(artifacts):
    """A line for each step, and what all of them need."""
    print(f"{'step':11} {'GPU s':>5} {'folder':>10} {'archive':>10}  what")
    for step in STEPS:
        sizes = [None, None]
        if artifacts:
            path = os.path.join(artifacts, step.name)
            sizes = [measure_size(path), measure_size(path + ".tar.xz")]
        folder, archive = map(show_size, sizes)
        print(f"{step.name:11} {step.seconds:5} {folder:>10} {archive:>10}  {step.about}")
    print(f"{'all':11} {sum(step.seconds for step in STEPS):5}")
    if artifacts:
        for name, about in [
            ("libquantmlir_runtime.so", "the runtime, for every step"),
            ("cutlass", "CUTLASS's kernels, for int8 and int8-other"),
            ("cutlass.tar.xz", "its headers, to build them with nvcc: minutes"),
        ]:
            size = show_size(measure_size(os.path.join(artifacts, name)))
            print(f"{name}: {size}, {about}")


def unpack(artifacts, name):
    """The step's folder, out of its archive where it is packed."""
    folder = os.path.join(artifacts, name)
    archive = folder + ".tar.xz"
    if not os.path.isdir(folder) and os.path.exists(archive):
        with tarfile.open(archive) as file:
            file.extractall(artifacts, filter="data")
    if not os.path.exists(os.path.join(folder, "index.json")):
        raise FileNotFoundError(
            f"{folder}: no artifacts; make them with build_artifacts.py --steps {name}"
        )
    return folder


def run_command(text, places, options=()):
    """Whether a script of this folder succeeded."""
    script, *arguments = (part.format(**places) for part in text.split())
    command = [sys.executable, os.path.join(HERE, script), *arguments, *options]
    print("$ " + shlex.join(["python", *command[1:]]), flush=True)
    return subprocess.run(command).returncode == 0


def build_cutlass(artifacts):
    """CUTLASS's kernels, unless they are there: its headers come with the artifacts or
    from PyPI. Where they cannot be built, there is one peer less."""
    if os.path.exists(os.path.join(artifacts, "cutlass", "index.json")):
        return
    command = "cutlass/build.py --out {artifacts}/cutlass"
    if os.path.exists(os.path.join(artifacts, "cutlass.tar.xz")):
        command += " --headers {artifacts}/cutlass.tar.xz"
    if not run_command(command, dict(artifacts=artifacts)):
        print("CUTLASS is left out", file=sys.stderr)


def run_step(step, artifacts, results):
    """Whether the step succeeded."""
    try:
        folder = unpack(artifacts, step.name)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return False
    if step.cutlass:
        build_cutlass(artifacts)
    places = dict(artifacts=artifacts, folder=folder, results=results)
    options = shlex.split(os.environ.get("BENCH_OPTIONS", "")) if step.bench else []
    succeeded = run_command(step.command, places, options)
    for image, option in step.plots:
        plot = f"plot.py {{results}}/{step.name}.json {{results}}/{image} {option}"
        succeeded = run_command(plot, places) and succeeded
    return succeeded


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", nargs="?", help="folder that build_artifacts.py filled")
    parser.add_argument("results", nargs="?", help="folder for results")
    parser.add_argument("--steps", help="which steps (those that are built)")
    parser.add_argument("--list", action="store_true", help="say what there is, run nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print_list(options.artifacts)
        return 0
    if not options.artifacts or not options.results:
        parser.error("ARTIFACTS and RESULTS are needed")
    if options.steps:
        chosen = choose(options.steps.split(","))
    else:
        chosen = [
            step
            for step in STEPS
            for path in [os.path.join(options.artifacts, step.name)]
            if os.path.isdir(path) or os.path.exists(path + ".tar.xz")
        ]
    os.environ.setdefault(
        "QUANTMLIR_RUNTIME", os.path.join(options.artifacts, "libquantmlir_runtime.so")
    )
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.makedirs(options.results, exist_ok=True)
    failed = []
    for step in chosen:
        start = time.monotonic()
        if not run_step(step, options.artifacts, options.results):
            failed.append(step.name)
        print(f"{step.name}: {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if not chosen:
        print(f"{options.artifacts}: no step is built", file=sys.stderr)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
