"""Quantizes, compiles, runs and checks every linear layer of a real model.

    python -m quantmlir.demo [--chip sm_90a] [--artifacts DIR] [--layers N]

Exits 1 where a result is further from exact arithmetic than it may be.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import sys
import time

import ml_dtypes
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from . import _runtime
from .arrays import Encoded
from .compiler import compile as compile_module
from .demo_check import check_output, exact_output
from .demo_layers import PATHS, load_layers
from .device import Device
from .reference import Reference


@dataclasses.dataclass
class Outcome:
    """One layer on one path."""

    layer: str
    shape: tuple
    path: str
    kernels: list
    bytes_after: int
    #: Relative to the unquantized layer in float64, in the 2-norm.
    error: float
    #: Largest distance from the exact result of the quantized layer, in units
    #: of what the arithmetic may lose; more than 1 is a failure.
    cpu_use: float
    gpu_use: float | None

    @property
    def ok(self):
        return self.cpu_use <= 1 and (self.gpu_use is None or self.gpu_use <= 1)


def find_device():
    """(device, None), or (None, why there is none)."""
    try:
        return Device(), None
    except RuntimeError as error:
        return None, str(error)


def find_emulator():
    """The emulator as a device, or None where it was not built."""
    for folder in pathlib.Path(_runtime.__file__).parents:
        library = folder / "lib" / "libquantmlir_emulator_driver.so"
        if library.exists():
            os.environ["QUANTMLIR_LIBCUDA"] = str(library)
            return Device()
    return None


def emulated_layers(layers, path, artifact):
    """Names of the smallest layer for each sequence of kernels."""
    smallest = {}
    for layer in sorted(layers, key=lambda layer: layer.weight.size):
        n, k = layer.shape
        kernels = kernels_of(artifact, f"linear_{n}x{k}", path.rows)
        smallest.setdefault(tuple(kernels), layer)
    return {layer.name for layer in smallest.values()}


def chip_of(device):
    """The newest chip we generate code for that the device runs."""
    if device is None or device.compute_capability == 90:
        return "sm_90a"
    return "sm_89" if device.compute_capability == 89 else "sm_80"


def kernels_of(artifact, function, rows):
    """The kernels that one launch runs, in order."""
    description = next(f for f in artifact.functions if f["name"] == function)
    dims = {dim["name"]: rows for dim in description["dims"]}
    return [name for name, _ in artifact.launches(function, **dims)]


def contract_of(artifact, kernels):
    """The loosest declared bound among the kernels of a launch."""
    contracts = [k.get("contract", {}) for k in artifact.manifest["kernels"]
                 if k["name"] in kernels]
    return {field: max((c.get(field, 0.0) for c in contracts), default=0.0)
            for field in ("u_acc", "u_decode", "offset")}


def run_layer(layer, path, artifact, quantizer, device, seed):
    n, k = layer.shape
    rng = np.random.default_rng(seed)
    parts = quantizer.run(f"quantize_{n}x{k}", w=layer.weight)
    weight = Encoded(parts["q.codes"], parts["q.scales"])
    x = rng.standard_normal((path.rows, k), dtype=np.float32)
    if not path.dynamic:
        x = x.astype(ml_dtypes.bfloat16)
    function = f"linear_{n}x{k}"
    arguments = {"x": x, "w": weight, "b": layer.bias}

    kernels = kernels_of(artifact, function, path.rows)
    exact = exact_output(path, x, weight, layer.bias, (n, k))
    y = artifact.run(function, **arguments)["y"]
    # The reference sums in float64 and rounds once.
    cpu_use = check_output(y, exact, u_acc=0.0)
    gpu_use = None
    if device is not None:
        got = artifact.run(function, device=device, **arguments)["y"].numpy()
        # The emulator says here whether it found a fault.
        device.context.synchronize(0)
        # Sums of integers are exact, whatever the contract of their quantizer.
        contract = ({"u_acc": 0.0} if path.dynamic
                    else contract_of(artifact, kernels))
        gpu_use = check_output(got, exact, **contract)

    truth = (x.astype(np.float64) @ layer.weight.astype(np.float64).T
             + layer.bias)
    error = np.linalg.norm(y - truth) / np.linalg.norm(truth)
    after = parts["q.codes"].nbytes + parts["q.scales"].nbytes
    return Outcome(layer.name, layer.shape, path.name, kernels, after, error,
                   cpu_use, gpu_use)


def layer_table(layers, outcomes):
    table = Table(title="Error of each layer against float64, and its bytes")
    table.add_column("layer", overflow="fold")
    table.add_column("N×K", justify="right")
    table.add_column("f32 KiB", justify="right")
    for path in PATHS:
        table.add_column(path.name.replace(", ", "\n"), justify="right")
    by_layer = {(o.layer, o.path): o for o in outcomes}
    for layer in layers:
        cells = []
        for path in PATHS:
            outcome = by_layer[layer.name, path.name]
            mark = "" if outcome.ok else " [red]wrong[/red]"
            cells.append(f"{outcome.error:.2%}{mark}\n"
                         f"{outcome.bytes_after >> 10:,} KiB")
        table.add_row(layer.name, "×".join(map(str, layer.shape)),
                      f"{layer.weight.nbytes >> 10:,}", *cells)
    return table


def kernel_table(outcomes, compile_seconds, device_name):
    table = Table(title="Kernels chosen")
    for column in ("path", "N×K", "kernels, in order"):
        table.add_column(column, overflow="fold")
    table.add_column("compile", justify="right")
    table.add_column("CPU: share of\nallowed error", justify="right")
    table.add_column(device_name, justify="right")
    for path in PATHS:
        mine = [o for o in outcomes if o.path == path.name]
        for position, shape in enumerate(sorted({o.shape for o in mine})):
            group = [o for o in mine if o.shape == shape]
            gpu = [o.gpu_use for o in group if o.gpu_use is not None]
            table.add_row(
                path.name if position == 0 else "",
                "×".join(map(str, shape)), "\n".join(group[0].kernels),
                f"{compile_seconds[path.name] * 1000:.0f} ms"
                if position == 0 else "",
                f"{max(o.cpu_use for o in group):.3f}",
                f"{max(gpu):.3f}" if gpu else "-")
        table.add_section()
    return table


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chip", help="default: the GPU's, or sm_90a")
    parser.add_argument("--artifacts", type=pathlib.Path,
                        help="keep the compiled artifacts in this directory")
    parser.add_argument("--layers", type=int, help="only the first N layers")
    options = parser.parse_args(arguments)

    # A file or a pipe has no width of its own; 80 would cut names and numbers.
    known_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if known_width else 160)
    layers = load_layers()[:options.layers]
    shapes = sorted({layer.shape for layer in layers})
    device, why = find_device()
    chip = options.chip or chip_of(device)
    console.print(f"{len(layers)} linear layers of a sentence encoder, "
                  f"{sum(l.weight.nbytes for l in layers) / 2**20:.1f} MiB in f32; "
                  f"kernels for {chip}")
    emulator = None if device else find_emulator()
    if device:
        console.print(f"GPU: {device.name}")
    elif emulator:
        console.print(f"No GPU ({why}), so one layer for each kernel runs in the "
                      "emulator, the others through the reference")
    else:
        console.print(f"No GPU, so only the reference runs ({why})")

    outcomes, compile_seconds = [], {}
    quantizers = {}
    # Results are CPU-bound and independent; the reference releases the GIL.
    workers = os.cpu_count() if device is None else 1
    with Progress(console=console, transient=True) as progress, \
            concurrent.futures.ThreadPoolExecutor(workers) as pool:
        task = progress.add_task("", total=len(PATHS) * len(layers))
        for number, path in enumerate(PATHS):
            progress.update(task, description=path.name)
            directory = None
            if options.artifacts:
                name = path.name.replace(", ", "-").replace(" ", "-")
                directory = options.artifacts / name
                directory.parent.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            artifact = compile_module(path.program(shapes), chip=chip,
                                      directory=directory)
            compile_seconds[path.name] = time.perf_counter() - start
            if path.encoding not in quantizers:
                quantizers[path.encoding] = Reference(path.quantizer(shapes))
            _ = artifact.reference  # compiled once, before threads want it
            emulated = set()
            if emulator:
                emulated = emulated_layers(layers, path, artifact)
                os.environ["QUANTMLIR_EMULATOR_KERNELS"] = str(
                    artifact.directory / artifact.manifest["kernels_ir"]["file"])
            jobs = [pool.submit(run_layer, layer, path, artifact,
                                quantizers[path.encoding],
                                emulator if layer.name in emulated
                                else device,
                                [number, position])
                    for position, layer in enumerate(layers)]
            for job in jobs:
                outcomes.append(job.result())
                progress.advance(task)

    console.print(layer_table(layers, outcomes))
    console.print(kernel_table(outcomes, compile_seconds,
                               "emulator" if emulator else "GPU"))
    wrong = [o for o in outcomes if not o.ok]
    for outcome in wrong:
        console.print(f"[red]wrong[/red]: {outcome}")
    console.print(f"{len(outcomes) - len(wrong)} of {len(outcomes)} results are "
                  "as close to exact arithmetic as they promise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
