"""Times every linear layer of the index beside PyTorch's own kernels and, where
cutlass/build.py made them, CUTLASS's, in one run.

    python benchmarks/bench_linear.py ARTIFACTS --json results.json

Every call is captured in a CUDA graph that goes around copies of the operands
of more than 240 MB, so that L2 holds none of them; the figure is the median of
the replays, per call. Data is random: zeros would run at higher clocks. Before
it is timed, a sample of the result is checked against float64.
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import programs  # noqa: E402
from gpu_check import Failure, compare  # noqa: E402
from peers import Peers  # noqa: E402
from report import Report, find_baseline  # noqa: E402
from timing import (  # noqa: E402
    REPLAYS,
    count_copies,
    time_calls,
    time_read,
    to_torch,
)
from weights import DTYPES, largest_contract  # noqa: E402

#: Rows and columns of each result that are compared with float64.
SAMPLE = 64


def check_sample(case, inputs, plan, result):
    """Raises where a sample of the result is out of the kernels' bounds."""
    rng = np.random.default_rng(0)
    (output,) = plan.function.by_role(rt.OUTPUT)
    y = result[output.name].cpu().numpy().view(DTYPES[case.out])
    y = y.reshape(plan.shape(output))
    rows, columns = (rng.permutation(extent)[:SAMPLE] for extent in y.shape)
    few = {name: a[rows] for name, a in inputs.items() if name[0] == "x"}
    contract = largest_contract([kernel for kernel, _ in plan.launches()])
    compare(case.take(columns), few, y[rows][:, columns], contract)


def time_ours(context, folder, case, rows):
    """The artifact through the runtime: prepared once, launches captured."""
    artifact = rt.Artifact(context.library, folder)
    executable = rt.Executable(context, artifact)
    function = artifact.main()
    inputs = case.weights() | case.activations(rows)
    dims = [
        inputs[function.buffers[index].name].shape[axis]
        for _, index, axis in function.dims
    ]
    plan = rt.Plan(function, dims)
    prepared = {}
    if function.prepare is not None:
        before = rt.Plan(function.prepare)
        tensors = {
            b.name: to_torch(inputs[b.name])
            for b in function.prepare.by_role(rt.INPUT, rt.WEIGHT)
        }
        outputs = function.prepare.by_role(rt.OUTPUT)
        for b in outputs:
            tensors[b.name] = torch.empty(
                before.bytes(b), dtype=torch.uint8, device="cuda"
            )
        space = torch.empty(
            before.workspace_bytes, dtype=torch.uint8, device="cuda"
        )
        executable.launch(
            before,
            {name: t.data_ptr() for name, t in tensors.items()},
            (space.data_ptr(), space.numel()),
            torch.cuda.current_stream().cuda_stream,
        )
        torch.cuda.synchronize()
        for b in function.by_role(rt.PREPARED):
            prepared[b.name] = tensors[outputs[b.prepared_from].name]
    for b in function.by_role(rt.INPUT, rt.WEIGHT):
        prepared[b.name] = to_torch(inputs[b.name])
    copies = count_copies(
        sum(t.numel() * t.element_size() for t in prepared.values())
    )
    sets = [prepared] + [
        {name: t.clone() for name, t in prepared.items()}
        for _ in range(copies - 1)
    ]
    result = {
        b.name: torch.full((plan.bytes(b),), 0xFF, dtype=torch.uint8, device="cuda")
        for b in function.by_role(rt.OUTPUT)
    }
    space = torch.empty(plan.workspace_bytes, dtype=torch.uint8, device="cuda")
    launches = [
        executable.bind(
            plan,
            {n: t.data_ptr() for n, t in {**tensors, **result}.items()},
            (space.data_ptr() if space.numel() else 0, space.numel()),
        )
        for tensors in sets
    ]

    def call(i):
        launches[i](torch.cuda.current_stream().cuda_stream)

    call(0)
    torch.cuda.synchronize()
    check_sample(case, inputs, plan, result)
    kernels = [kernel for kernel, _ in plan.launches()]
    return dict(
        ours=time_calls(call, copies),
        kernels=[kernel.name.decode() for kernel in kernels],
        contract=largest_contract(kernels),
    )


def find_warnings(record):
    """Where a kernel's shape, not its tuning, must be wrong (issue's bounds)."""
    ours = record.get("ours")
    if not isinstance(ours, float):
        return []
    warnings = []
    baseline = find_baseline(record)
    if record["m"] == record["n"] == record["k"] == 4096:
        if isinstance(baseline, float) and ours > 4 * baseline:
            warnings.append("below a quarter of cuBLAS in 16 bits")
    if record["m"] == 1 and ours > 4 * record["read"]:
        warnings.append("below a quarter of the read bandwidth")
    return warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--json", required=True, help="where to write results")
    parser.add_argument("--only", default="", help="case names that contain this")
    parser.add_argument(
        "--no-inductor",
        action="store_true",
        help="leave torch.compile out, which takes seconds to a minute a line",
    )
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the results that are there"
    )
    parser.add_argument("--cutlass", help="folder of CUTLASS's kernels (ARTIFACTS/../cutlass)")
    options = parser.parse_args()

    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    entries = {entry["name"]: entry for entry in index["cases"]}
    context = rt.Context(rt.Library())
    # The runtime retains the primary context, which is PyTorch's.
    torch.cuda.init()
    cutlass = options.cutlass or os.path.join(options.artifacts, os.pardir, "cutlass")
    peers = Peers(inductor=not options.no_inductor, cutlass=cutlass)
    report = Report(
        options.json,
        context.name,
        index["commit"],
        "CUDA graph, operands rotated over more than 240 MB, median of "
        f"{REPLAYS} replays, microseconds per call",
        options.resume,
    )
    last = None
    for line in index["lines"]:
        if options.only not in line["case"]:
            continue
        entry = entries[line["case"]]
        case = programs.from_description(entry)
        place = dict(kind=line["kind"], m=line["m"], n=case.n, k=case.k)
        if report.find(**place):
            continue
        case.share_weight(last)
        last = case
        start = time.monotonic()
        record = dict(place, peers={})
        try:
            if "artifact" not in entry:
                raise rt.RuntimeFailure("did not compile")
            record |= time_ours(
                context,
                os.path.join(options.artifacts, entry["artifact"]),
                case,
                line["m"],
            )
        except (Failure, rt.RuntimeFailure, torch.cuda.OutOfMemoryError) as error:
            record["ours"] = f"failed: {error}"
        torch.cuda.empty_cache()
        if not options.no_peers:
            record["peers"] = peers.run(case, line["m"])
            if "CUTLASS" in record["peers"]:
                record["cutlass"] = peers.configurations.get((line["m"], case.n, case.k))
        record["read"] = time_read(case.n * case.k * case.bits // 8)
        record["warnings"] = find_warnings(record)
        record["seconds"] = round(time.monotonic() - start, 1)
        report.add(record)
        print_record(record)
    failed = [r for r in report.results if not isinstance(r["ours"], float)]
    print(f"{len(report.results)} lines, {len(failed)} failed")
    return 1 if failed or not report.results else 0


def print_record(record):
    def show(value):
        return f"{value:.1f}" if isinstance(value, float) else str(value)

    parts = [f"ours {show(record['ours'])}", f"read {show(record['read'])}"]
    parts += [f"{name} {show(t)}" for name, t in record["peers"].items()]
    text = f"{record['kind']} {record['m']}x{record['k']}x{record['n']}: "
    print(text + ", ".join(parts), *record["warnings"], sep=" !! ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
