"""quant-report: what quantization does to each layer of a weights file.

    quant-report weights.safetensors --scheme int4,group=32
    quant-report weights.safetensors --sweep --statistics stats.safetensors \\
        --html report.html

Prints, worst layer first: signal to noise of the weights, and of the outputs
where statistics are given, cosine, largest error, bytes. --scheme may be
repeated; --sweep tries bits x group sizes x methods.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import sys
import tempfile

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from . import __version__
from .report_layers import (
    METHODS,
    Layer,
    ReportError,
    StatisticsFile,
    Try,
    WeightsFile,
    totals,
)
from .report_page import histogram, make_page

SWEEP_BITS = (8, 4, 3, 2)
SWEEP_GROUPS = (128, 64, 32)
#: Layers whose distributions the page shows.
_SHOWN = 6


def sweep(statistics):
    """Every scheme that --sweep tries: bits x group sizes x methods."""
    methods = METHODS if statistics else METHODS[:1]
    return [Try(f"int{bits},group={group},asymmetric", method)
            for bits in SWEEP_BITS for group in SWEEP_GROUPS for method in methods]


def sweep_table(results):
    """Decibels by method (columns) and bits and group size (rows)."""
    methods = list(dict.fromkeys(attempt.method for attempt, _, _ in results))
    table = Table("scheme", "bytes", *methods, title="signal to noise, dB")
    rows = {}
    for attempt, _, total in results:
        rows.setdefault(attempt.scheme, {})[attempt.method] = total
    for scheme, found in rows.items():
        first = next(iter(found.values()))
        table.add_row(scheme, f"{first['bytes_after']:,}", *(
            _decibels(found[m]) if m in found else "" for m in methods))
    return table


def _decibels(total):
    value = total["output_db"]
    return f"{total['weight_db'] if value is None else value:.2f}"


def layer_table(attempt, errors):
    table = Table("layer", "weights, dB", "outputs, dB", "cosine", "max error",
                  "bytes before", "after", title=attempt.name)
    for e in sorted(errors, key=lambda e: -e.hurt):
        table.add_row(
            e.layer, f"{e.weight_db:.2f}",
            "-" if e.output_db is None else f"{e.output_db:.2f}", f"{e.cosine:.6f}",
            f"{e.max_error:.4g}", f"{e.bytes_before:,}", f"{e.bytes_after:,}")
    return table


def _finite(value):
    """JSON has no infinity: an exact layer's decibels are null there."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_json(path, results):
    return json.dumps(_finite({
        "version": 1, "weights": str(path),
        "schemes": [{"scheme": attempt.scheme, "method": attempt.method, **total,
                     "layers": [dataclasses.asdict(e) for e in errors]}
                    for attempt, errors, total in results]}), indent=1) + "\n"


def _plots(layer, matrix, values, statistics):
    """(layer, its weights' histogram, its inputs' or "")."""
    counts, edges = np.histogram(matrix, 120)
    grid = np.unique(values[:1, :32])
    weights = histogram(counts, edges, grid, "weight")
    inputs = ""
    if statistics and statistics.get(layer, "histogram") is not None:
        counts = statistics.require(layer, "histogram", (4096,))
        low, high = statistics.require(layer, "histogram_range", (2,))
        if not np.isfinite((low, high)).all() or not low < high or (counts < 0).any():
            raise ReportError(f"{statistics.path}: {layer}.input.histogram counts "
                              f"from {low} to {high}, or less than nothing")
        # 4096 bins are more than the plot has pixels; the largest magnitude is
        # in the outermost bin that has any.
        counts = counts.reshape(128, -1).sum(axis=1)
        edges = np.linspace(low, high, len(counts) + 1)
        used = np.flatnonzero(counts)
        if len(used):
            scale = max(abs(edges[used[0]]), abs(edges[used[-1] + 1])) / 127
            # Sixteen codes apart, or the lines would be all there is to see.
            inputs = histogram(counts[used[0]:used[-1] + 1],
                               edges[used[0]:used[-1] + 2],
                               scale * np.arange(-128, 128, 16), "input")
    return layer, weights, inputs


def write(path, text):
    """Beside, then renamed: nobody sees half a file."""
    path = pathlib.Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None


def run(options, console):
    statistics = StatisticsFile(options.statistics) if options.statistics else None
    weights = WeightsFile(options.weights, options.layers)
    tries = [Try(scheme, options.method) for scheme in options.scheme]
    if options.sweep:
        tries += [t for t in sweep(statistics) if t not in tries]
    errors = [[] for _ in tries]
    kept = {}
    # A layer at a time, so that memory is bounded by the largest.
    for name in track(weights.layers, "layers", console=Console(stderr=True),
                       disable=not sys.stderr.isatty()):
        layer = Layer(name, weights, statistics)
        for place, attempt in enumerate(tries):
            try:
                found, values = layer.measure(attempt)
            except ValueError as error:
                raise ReportError(f"{name}.weight, {attempt.name}: {error}") from None
            errors[place].append(found)
            if place == 0 and options.html:
                kept[name] = (found.hurt,
                              _plots(name, layer.matrix, values, statistics))
                # Only the worst so far.
                for extra in sorted(kept, key=lambda k: -kept[k][0])[_SHOWN:]:
                    del kept[extra]
    results = [(t, e, totals(e)) for t, e in zip(tries, errors)]
    if options.sweep:
        console.print(sweep_table(results))
    for attempt, found, _ in results[:len(options.scheme)]:
        console.print(layer_table(attempt, found))
    if options.json:
        write(options.json, make_json(options.weights, results))
    if options.html:
        plots = [plot for _, plot in sorted(kept.values(), key=lambda k: -k[0])]
        title = "Quantization of " + pathlib.Path(options.weights).name
        write(options.html, make_page(title, results, plots))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="quant-report", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--version", action="version",
                        version=f"quant-mlir {__version__}")
    parser.add_argument("weights", help="a safetensors file")
    parser.add_argument("--scheme", action="append", default=[],
                        help="int4,group=128; nf4,group=64; ... (may be repeated)")
    parser.add_argument("--method", choices=METHODS, default="round",
                        help="how codes are found under --scheme")
    parser.add_argument("--sweep", action="store_true",
                        help="try bits x group sizes x methods")
    parser.add_argument("--statistics", metavar="FILE",
                        help="what quant-run --calibrate wrote")
    parser.add_argument("--layers", default="*", metavar="PATTERN",
                        help="layers, by name")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--html", metavar="FILE")
    options = parser.parse_args(arguments)
    if not options.scheme and not options.sweep:
        parser.error("nothing to try: give --scheme or --sweep")
    # Wide enough for a table that goes into a file.
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        run(options, console)
    except ReportError as error:
        print(f"quant-report: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
