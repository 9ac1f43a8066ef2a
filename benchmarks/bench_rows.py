"""Times row-local kernels beside a copy of as many bytes, in one run.

    python benchmarks/bench_rows.py ARTIFACTS/rows --json rows.json

The floor is a device-to-device copy that reads and writes what the kernel
reads and writes together. Results are checked before anything is timed.
"""

import argparse
import json
import os
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
from report import Report  # noqa: E402
from rows import Rows  # noqa: E402
from timing import count_copies, time_calls  # noqa: E402

#: Rows of either end that are compared with float64.
SAMPLE = 64


def check(case, tensors, codes, scales):
    for place in (slice(0, SAMPLE), slice(-1, None)):
        case.check(
            {
                name: (t if t.dim() == 1 else t[place]).double().cpu().numpy()
                for name, t in tensors.items()
            },
            codes[place].cpu().numpy(),
            scales[place].double().cpu().numpy(),
        )


def measure(context, folder, case, m):
    k = case.columns
    artifact = rt.Artifact(context.library, os.path.join(folder, case.name))
    executable = rt.Executable(context, artifact)
    function = artifact.main()
    plan = rt.Plan(function, [m] * len(function.dims))

    def make():
        tensors = {}
        for name, few in case.inputs(1).items():
            if few.ndim == 1:
                tensors[name] = torch.from_numpy(few).cuda()
            else:
                tensors[name] = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
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
    check(case, sets[0][0], sets[0][1]["codes"], sets[0][1]["scales"])
    ours = time_calls(
        lambda i: launches[i](torch.cuda.current_stream().cuda_stream), copies
    )
    # Bytes that no 4096 divide are copied at two thirds of the speed.
    half = -(-moved // 2 // 4096) * 4096
    sources = [
        torch.randint(0, 100, (half,), device="cuda", dtype=torch.uint8)
        for _ in range(copies)
    ]
    target = torch.empty_like(sources[0])
    copy = time_calls(lambda i: target.copy_(sources[i]), copies)
    kernels = [kernel.name.decode() for kernel, _ in plan.launches()]
    return dict(kind=case.kind, m=m, k=k, bytes=moved, ours=ours, copy=copy, kernels=kernels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--json", help="where to write results")
    parser.add_argument("--only", default="", help="kinds that contain this")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the results that are there"
    )
    options = parser.parse_args()

    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    context = rt.Context(rt.Library())
    torch.cuda.init()
    report = Report(
        options.json,
        context.name,
        index["commit"],
        "CUDA graph, medians, microseconds; copy: device to device, of as many bytes "
        "read and written",
        options.resume,
    )
    for line in index["lines"]:
        kind, m, k = line["kind"], line["m"], line["k"]
        if options.only not in kind or report.find(kind=kind, m=m, k=k):
            continue
        start = time.monotonic()
        record = measure(context, options.artifacts, Rows(kind, k), m)
        record["seconds"] = round(time.monotonic() - start, 1)
        report.add(record)
        print(
            f"{kind} {m}x{k}: {record['ours']:.1f} us, copy {record['copy']:.1f} us, "
            f"{record['copy'] / record['ours']:.2f} of its speed, "
            f"{record['bytes'] / record['ours'] / 1e6:.2f} TB/s",
            flush=True,
        )
        torch.cuda.empty_cache()
    return 0 if report.results else 1


if __name__ == "__main__":
    sys.exit(main())
