"""The README's tables of times, from results of one run of run.sh.

    python benchmarks/tables.py [--results benchmarks/results] [README.md]

replaces each table whose header begins as one here does; a test holds the README to
what is kept in results/.
"""

import argparse
import json
import os

from report import find_baseline

HERE = os.path.dirname(os.path.abspath(__file__))

WEIGHT_NAMES = {
    "int4_g128": "int4, groups of 128, bf16",
    "int4_g128_f16": "the same, f16",
    "int4_g32": "int4, groups of 32",
    "nf4_g64": "NF4, groups of 64",
    "mxfp4": "MXFP4",
    "nvfp4": "NVFP4",
    "int8_weight": "int8",
    "int8_weight_f16": "the same, f16",
}
#: (kind, M, K, N) of the lines of `weights`, or `formats`, that the README has room for.
WEIGHT_LINES = [
    *[("int4_g128", 1, k, n) for k, n in
      [(4096, 4096), (4096, 11008), (11008, 4096), (4096, 22016), (8192, 28672)]],
    *[("int4_g128", m, 4096, 11008) for m in (2, 8)],
    *[("int4_g128", m, k, n) for m in (16, 32, 64, 128)
      for k, n in [(4096, 11008), (8192, 28672)]],
    *[("int4_g128", 256, k, n) for k, n in [(4096, 11008), (11008, 4096)]],
    ("int4_g128", 1024, 8192, 28672),
    *[("int4_g128", 4096, 4096, n) for n in (4096, 11008)],
    *[("int4_g128_f16", m, 4096, 11008) for m in (1, 16, 64, 256)],
    *[("int4_g32", m, 8192, 28672) for m in (1, 64)],
    *[(kind, m, 4096, 11008) for kind in ("nf4_g64", "mxfp4", "nvfp4") for m in (1, 64)],
    *[(kind, m, 4096, 11008) for kind in ("int8_weight", "int8_weight_f16") for m in (1, 16, 64)],
]
#: What the labels of variants of a model contain that the README leaves out.
LEFT_OUT = ["each product alone", "MLPs by"]
#: (kind, M, K) of the lines of `rows`.
ROW_LINES = [
    ("plain", 65536, 1280), ("plain", 65536, 5120), ("plain", 16384, 11008),
    ("plain", 8192, 28672), ("rmsnorm", 16384, 4096), ("layernorm", 16384, 4096),
    ("gate", 16384, 11008), ("gelu", 16384, 11008),
]
ROW_NAMES = {"plain": "", "rmsnorm": ", behind an RMSNorm", "layernorm": ", behind a LayerNorm",
             "gate": ", behind silu(gate) · up", "gelu": ", behind GELU"}


class Results:
    """The files of one run, which all name one commit and one GPU."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, name):
        with open(os.path.join(self.folder, name + ".json")) as file:
            return json.load(file)

    def lines(self, name, *keys):
        """Records of a step by the values of `keys`."""
        return {tuple(r[key] for key in keys): r for r in self.load(name)["results"]}


def show(value):
    """Microseconds, to a tenth below a hundred; nothing where there is no time."""
    if not isinstance(value, float):
        return ""
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def shape(m, k, n):
    return f"{m}×{k}×{n}"


def best(*values):
    """The least of those that are times."""
    return min((v for v in values if isinstance(v, float)), default=None)


def make_int8(results):
    yield ["int8 × int8, fused scales", "quant-mlir", "CUTLASS 4.2, best of eight",
           "Inductor, fused", "cuBLAS bf16"]
    for (m, k, n), r in results.lines("int8", "m", "k", "n").items():
        peers = r["peers"]
        cutlass = best(peers.get("CUTLASS"), peers.get("CUTLASS dependent"))
        yield [shape(m, k, n), *map(show, [r["ours"], cutlass, peers.get("Inductor fused"),
                                           peers["bf16"]])]


def make_weights(results):
    yield ["weights only", "shape", "quant-mlir", "read", "cuBLAS, 16 bits",
           "tinygemm", "Marlin, recorded"]
    keys, last = ("kind", "m", "k", "n"), None
    lines = results.lines("formats", *keys) | results.lines("weights", *keys)
    for key in WEIGHT_LINES:
        kind, m, k, n = key
        r = lines[key]
        peers = r["peers"]
        times = [r["ours"], r["read"], find_baseline(r), peers.get("_weight_int4pack_mm"),
                 peers.get("Marlin (recorded)")]
        yield [WEIGHT_NAMES[kind] if kind != last else "", shape(m, k, n), *map(show, times)]
        last = kind


def make_rows(results):
    yield ["per-token int8 quantization of bf16 rows", "quant-mlir", "a copy of as many bytes"]
    lines = results.lines("rows", "kind", "m", "k")
    for kind, m, k in ROW_LINES:
        r = lines[kind, m, k]
        yield [f"{m}×{k}{ROW_NAMES[kind]}", show(r["ours"]), show(r["copy"])]


def make_float8(results):
    yield ["e4m3 × e4m3 -> bf16", "scales of rows", "of 1×128 and 128×128",
           "`_scaled_mm`, rows", "blocks", "rows, sums of 13 bits", "`_scaled_mm`, the same"]
    lines = results.lines("float8", "kind", "m", "k", "n")
    for kind, *where in lines:
        if kind != "fp8_rows":
            continue
        rows, fast, blocks = (lines[kind, *where]
                              for kind in ("fp8_rows", "fp8_rows_fast", "fp8_blocks"))
        peers = {**rows["peers"], "blocks": blocks["peers"].get("_scaled_mm blocks")}
        times = [rows["ours"], blocks["ours"], peers["_scaled_mm rows"], peers["blocks"],
                 fast["ours"], peers["_scaled_mm rows, fast"]]
        yield [shape(*where), *map(show, times)]


def make_models(results):
    yield ["all linear layers of a model", "", "ms", "images or tokens / s", "GB"]
    for name, unit in (("sam", "images_per_second"), ("llama", "tokens_per_second")):
        last = None
        for r in results.load(name)["results"]:
            if "microseconds" not in r or any(x in r["label"] for x in LEFT_OUT):
                continue
            label = r["label"] if r["label"] != last else ""
            yield [label, r["what"], f"{r['microseconds'] / 1e3:.3g}", show(r[unit]),
                   f"{r['bytes'] / 1e9:.3g}"]
            last = r["label"]


TABLES = [make_int8, make_weights, make_rows, make_float8, make_models]


def show_row(cells):
    return "| " + " | ".join(cells) + " |"


def update(text, results):
    """`text` with its tables as `results` has them; an error where one is missing."""
    lines = text.splitlines()
    for make in TABLES:
        head, *rows = make(results)
        at = [i for i, line in enumerate(lines) if line.startswith(f"| {head[0]} |")]
        if len(at) != 1:
            raise SystemExit(f"expected one table '{head[0]}', found {len(at)}")
        end = at[0]
        while end < len(lines) and lines[end].startswith("|"):
            end += 1
        lines[at[0]:end] = [show_row(head), "|" + "---|" * len(head), *map(show_row, rows)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("readme", nargs="?", default=os.path.join(HERE, os.pardir, "README.md"))
    parser.add_argument("--results", default=os.path.join(HERE, "results"))
    options = parser.parse_args()
    with open(options.readme) as file:
        text = file.read()
    text = update(text, Results(options.results))
    with open(options.readme + ".new", "w") as file:
        file.write(text)
    os.replace(options.readme + ".new", options.readme)


if __name__ == "__main__":
    main()
