"""How fast weights are quantized, on this CPU.

    PYTHONPATH=build/python .venv/bin/python benchmarks/bench_weights.py \
        [--tool build/bin/quant-weights] [--layers 7] [--json FILE]

Rounding: quant-weights on a file of a 7B model's layers (synthetic weights, f32),
read, quantized and written layer by layer; megabytes of float input a second, and
the peak of memory. GPTQ: one layer of K = 4096, N = 11008 in int4 with groups of
128, its Hessian from 512 samples, with the comparison with rounding that its
report has. `cpu` is seconds of all threads: what other work on the machine does
not change.
"""

import argparse
import json
import os
import pathlib
import resource
import struct
import subprocess
import tempfile
import time

import numpy as np

HIDDEN, INNER = 4096, 11008
SCHEMES = ("int4,group=128", "int8,channel", "nf4,group=64", "fp8,channel", "mxfp4")


def layer_shapes(count):
    """`count` weights in the order of a decoder's blocks."""
    block = [("q", HIDDEN, HIDDEN), ("k", HIDDEN, HIDDEN), ("v", HIDDEN, HIDDEN),
             ("o", HIDDEN, HIDDEN), ("gate", INNER, HIDDEN), ("up", INNER, HIDDEN),
             ("down", HIDDEN, INNER)]
    for i in range(count):
        name, rows, columns = block[i % len(block)]
        yield f"layers.{i // len(block)}.{name}.weight", rows, columns


def write_layers(path, count):
    shapes = list(layer_shapes(count))
    header, offset = {}, 0
    for name, rows, columns in shapes:
        size = rows * columns * 4
        header[name] = {"dtype": "F32", "shape": [rows, columns],
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    values = np.random.default_rng(0).standard_normal(1 << 22).astype(np.float32) * 0.02
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, rows, columns in shapes:
            left = rows * columns
            while left:
                take = min(left, len(values))
                file.write(values[:take])
                left -= take
    return offset


def time_rounding(tool, folder, count):
    source, target = folder / "weights.safetensors", folder / "codes.safetensors"
    total = write_layers(source, count)
    for scheme in SCHEMES:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([tool, source, f"--scheme={scheme}", "-o", target], check=True,
                       stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        yield {"what": f"round {scheme}", "input_mb": total / 1e6, "seconds": seconds,
               "cpu": cpu, "mb_per_s": total / 1e6 / seconds,
               "peak_mb": after.ru_maxrss / 1e3}


def time_gptq(quantmlir):
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((INNER, HIDDEN)).astype(np.float32) * 0.02
    samples = rng.standard_normal((512, HIDDEN)).astype(np.float32)
    samples += rng.standard_normal((512, 1)).astype(np.float32) * (np.arange(HIDDEN) % 7 * 0.3)
    hessian = quantmlir.hessian(samples)
    start, cpu = time.perf_counter(), time.process_time()
    result = quantmlir.gptq(weights, hessian, "int4,group=128")
    seconds = time.perf_counter() - start
    report = result.report
    return {"what": f"gptq int4,group=128 {INNER}x{HIDDEN}", "seconds": seconds,
            "cpu": time.process_time() - cpu,
            "ratio": report["objective"] / report["rounding_objective"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--tool", default=root / "build" / "bin" / "quant-weights")
    parser.add_argument("--layers", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    import quantmlir

    lines = []

    def tell(line):
        lines.append(line)
        print(", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{value}"
                        for key, value in line.items()), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for line in time_rounding(arguments.tool, pathlib.Path(folder), arguments.layers):
            tell(line)
    tell(time_gptq(quantmlir))
    if arguments.json:
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                    if line.startswith("model name")), "unknown")
        arguments.json.write_text(json.dumps(
            {"date": time.strftime("%Y-%m-%d"), "cpu": cpu, "cores": os.cpu_count(),
             "load": os.getloadavg()[0], "lines": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
