"""Times row-local kernels beside a copy of as many bytes, in one run.

    python benchmarks/bench_rows.py --build ARTIFACTS      (where the compiler is)
    python benchmarks/bench_rows.py ARTIFACTS --json rows.json   (where the GPU is)

The floor is a device-to-device copy that reads and writes what the kernel
reads and writes together. Results are checked before anything is timed.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import rows  # noqa: E402

#: kind, rows, columns; bf16 data of 32 MiB and more.
LINES = [
    ("plain", 4096, 4096),
    ("plain", 65536, 1280),
    ("plain", 65536, 5120),
    ("plain", 16384, 11008),
    ("plain", 8192, 28672),
    ("rmsnorm", 16384, 4096),
    ("rmsnorm", 65536, 1280),
    ("gate", 16384, 11008),
]


def get_name(kind, columns):
    return f"{kind}-{columns}"


def build(folder, compiler, chip):
    os.makedirs(folder, exist_ok=True)
    for kind, columns in sorted({(kind, columns) for kind, _, columns in LINES}):
        source = os.path.join(folder, get_name(kind, columns) + ".mlir")
        with open(source, "w") as file:
            file.write(rows.program(kind, columns, "bf16"))
        subprocess.run(
            [compiler, source, f"--chip={chip}", "-o", source.replace(".mlir", "")],
            check=True,
        )


def check(kind, tensors, codes, scales):
    """The first rows and the last one against float64."""
    import torch

    for place in (slice(0, 64), slice(-1, None)):
        inputs = {
            name: (t if t.dim() == 1 else t[place]).double().cpu().numpy()
            for name, t in tensors.items()
        }
        y = rows.exact(kind, inputs)
        s = scales[place].double().cpu().numpy()
        np.testing.assert_allclose(
            s, np.abs(y).max(axis=1, keepdims=True) / 127, rtol=4e-6
        )
        c = codes[place].cpu().numpy()
        assert np.all(np.abs(c - np.clip(y / s, -128, 127)) <= 0.5 + 2e-3)


def measure(context, folder, kind, m, k):
    import torch

    from timing import count_copies, time_calls

    artifact = rt.Artifact(context.library, os.path.join(folder, get_name(kind, k)))
    executable = rt.Executable(context, artifact)
    function = artifact.main()
    plan = rt.Plan(function, [m] * len(function.dims))

    def make():
        tensors = {"x": torch.randn(m, k, device="cuda", dtype=torch.bfloat16)}
        if kind == "rmsnorm":
            tensors["gamma"] = torch.rand(k, device="cuda") + 0.5
        if kind == "gate":
            tensors["up"] = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
        results = {
            "codes": torch.full((m, k), 99, device="cuda", dtype=torch.int8),
            "scales": torch.full((m, 1), float("nan"), device="cuda"),
        }
        return tensors, results

    moved = sum(
        t.numel() * t.element_size() for part in make() for t in part.values()
    )
    copies = min(4, count_copies(moved))
    sets = [make() for _ in range(copies)]
    launches = [
        executable.bind(
            plan, {n: t.data_ptr() for n, t in {**ins, **outs}.items()}, (0, 0)
        )
        for ins, outs in sets
    ]
    launches[0](torch.cuda.current_stream().cuda_stream)
    torch.cuda.synchronize()
    check(kind, sets[0][0], sets[0][1]["codes"], sets[0][1]["scales"])
    ours = time_calls(
        lambda i: launches[i](torch.cuda.current_stream().cuda_stream), copies
    )
    sources = [
        torch.randint(0, 100, (moved // 2,), device="cuda", dtype=torch.uint8)
        for _ in range(copies)
    ]
    target = torch.empty_like(sources[0])
    copy = time_calls(lambda i: target.copy_(sources[i]), copies)
    kernels = [kernel.name.decode() for kernel, _ in plan.launches()]
    return dict(kind=kind, m=m, k=k, bytes=moved, ours=ours, copy=copy, kernels=kernels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts")
    parser.add_argument("--build", action="store_true", help="compile, time nothing")
    parser.add_argument("--compiler", default="build/bin/quant-compile")
    parser.add_argument("--chip", default="sm_90a")
    parser.add_argument("--commit", default="", help="what is written down")
    parser.add_argument("--json", help="where to write results")
    options = parser.parse_args()
    if options.build:
        build(options.artifacts, options.compiler, options.chip)
        return 0
    import torch

    context = rt.Context(rt.Library())
    torch.cuda.init()
    report = dict(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(),
        gpu=context.name,
        torch=torch.__version__,
        cuda=torch.version.cuda,
        commit=options.commit,
        method="CUDA graph, medians, microseconds; copy: device to device, of as "
        "many bytes read and written",
        results=[],
    )
    for kind, m, k in LINES:
        record = measure(context, options.artifacts, kind, m, k)
        report["results"].append(record)
        print(
            f"{kind} {m}x{k}: {record['ours']:.1f} us, copy {record['copy']:.1f} us, "
            f"{record['copy'] / record['ours']:.2f} of its speed, "
            f"{record['bytes'] / record['ours'] / 1e6:.2f} TB/s",
            flush=True,
        )
        torch.cuda.empty_cache()
        if options.json:
            with open(options.json, "w") as file:
                json.dump(report, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
