"""Times every linear layer of the index beside PyTorch's own kernels, in one
run.

    python benchmarks/bench_linear.py ARTIFACTS --json results.json [--compile]

Every call is captured in a CUDA graph that goes around copies of the operands
of more than 240 MB, so that L2 holds none of them; the figure is the median of
the replays, per call. Data is random: zeros would run at higher clocks.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import cases  # noqa: E402

ROTATE_BYTES = 240_000_000
MIN_CALLS = 4
REPLAYS = 20


def time_calls(call, copies):
    """Microseconds of call(i), i going round `copies` sets of operands."""
    calls = max(copies, MIN_CALLS)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for i in range(min(copies, 3)):
            call(i)
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(calls):
            call(i % copies)
    for _ in range(3):
        graph.replay()
    times = []
    for _ in range(REPLAYS):
        start = torch.cuda.Event(enable_timing=True)
        stop = torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) * 1000 / calls)
    return statistics.median(times)


def count_copies(bytes_per_call):
    return max(1, min(512, -(-ROTATE_BYTES // bytes_per_call)))


def to_torch(array):
    """Device tensor of the same bits; uint16 (bf16 bits) as bfloat16."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array.view(np.int16)).cuda().view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(array)).cuda()


def random_bf16(*shape):
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def random_i8(*shape):
    return torch.randint(-127, 128, shape, device="cuda", dtype=torch.int8)


def time_ours(context, folder, case, rows, rng):
    """The artifact through the runtime: prepared once, launches captured."""
    artifact = rt.Artifact(context.library, folder)
    executable = rt.Executable(context, artifact)
    function = artifact.main()
    inputs = case.make_inputs(rng, rows)
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
        b.name: torch.empty(plan.bytes(b), dtype=torch.uint8, device="cuda")
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

    kernels = [kernel.name.decode() for kernel, _ in plan.launches()]
    return time_calls(call, copies), kernels


class Peers:
    """PyTorch's ways to compute the same product. Each returns microseconds."""

    def __init__(self, compile_variants):
        self.compile_variants = compile_variants

    def run(self, case, rows):
        """Times by name; the reason where a peer cannot run the shape."""
        m, n, k = rows, case.n, case.k
        table = {"bf16": lambda: self.bf16(m, n, k)}
        if case.kind in ("int8_scaled", "int8_dynamic"):
            table["_int_mm"] = lambda: self.int_mm(m, n, k, scaled=False)
            table["_int_mm then mul"] = lambda: self.int_mm(m, n, k, scaled=True)
            if self.compile_variants:
                table["compiled int8"] = lambda: self.compiled_int8(m, n, k)
        if case.kind == "int8_weight" and self.compile_variants:
            table["compiled weight-only"] = lambda: self.compiled_weight(m, n, k)
        if case.bits == 4:
            table["_weight_int4pack_mm"] = lambda: self.int4pack(
                m, n, k, case.group
            )
        results = {}
        for name, measure in table.items():
            try:
                results[name] = measure()
            except Exception as error:  # A peer's limits are no failure of ours.
                results[name] = "not run: " + str(error).strip().split("\n")[0]
            torch.cuda.empty_cache()
        return results

    def bf16(self, m, n, k):
        copies = count_copies(2 * (m * k + n * k))
        x = [random_bf16(m, k) for _ in range(copies)]
        w = [random_bf16(n, k) for _ in range(copies)]
        y = torch.empty(m, n, device="cuda", dtype=torch.bfloat16)
        return time_calls(
            lambda i: torch.mm(x[i], w[i].t(), out=y), copies
        )

    def int_mm(self, m, n, k, scaled):
        copies = count_copies(m * k + n * k)
        x = [random_i8(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        sx = torch.rand(m, 1, device="cuda")
        sw = torch.rand(1, n, device="cuda")

        def call(i):
            y = torch._int_mm(x[i], w[i].t())
            return (y * sx * sw).to(torch.bfloat16) if scaled else y

        return time_calls(call, copies)

    def compiled_int8(self, m, n, k):
        copies = count_copies(m * k + n * k)
        x = [random_i8(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        sx = torch.rand(m, 1, device="cuda")
        sw = torch.rand(1, n, device="cuda")

        @torch.compile(mode="max-autotune-no-cudagraphs", dynamic=False)
        def layer(a, b):
            return (torch._int_mm(a, b.t()) * sx * sw).to(torch.bfloat16)

        layer(x[0], w[0])
        return time_calls(lambda i: layer(x[i], w[i]), copies)

    def compiled_weight(self, m, n, k):
        copies = count_copies(2 * m * k + n * k)
        x = [random_bf16(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        s = torch.rand(n, device="cuda", dtype=torch.bfloat16)

        @torch.compile(mode="max-autotune-no-cudagraphs", dynamic=False)
        def layer(a, b):
            if m == 1:
                product = a.unsqueeze(1) * b.to(torch.bfloat16).unsqueeze(0)
                return product.sum(dim=-1) * s
            return torch.mm(a, b.to(torch.bfloat16).t()) * s

        layer(x[0], w[0])
        return time_calls(lambda i: layer(x[i], w[i]), copies)

    def int4pack(self, m, n, k, group):
        copies = count_copies(2 * m * k + n * k // 2)
        x = [random_bf16(m, k) for _ in range(copies)]
        w = []
        for _ in range(copies):
            codes = torch.randint(
                0, 256, (n, k // 2), device="cuda", dtype=torch.uint8
            )
            w.append(torch.ops.aten._convert_weight_to_int4pack(codes, 8))
        scales = random_bf16(k // group, n, 2)
        return time_calls(
            lambda i: torch.ops.aten._weight_int4pack_mm(
                x[i], w[i], group, scales
            ),
            copies,
        )


def time_read(size):
    """Microseconds to read `size` bytes: a sum over int32, the floor of a
    batch-1 layer in this run."""
    words = max(1, size // 4)
    copies = count_copies(4 * words)
    data = [
        torch.randint(0, 1 << 30, (words,), device="cuda", dtype=torch.int32)
        for _ in range(copies)
    ]
    return time_calls(lambda i: torch.sum(data[i], dtype=torch.int32), copies)


def find_warnings(record):
    """Where a kernel's shape, not its tuning, must be wrong (issue's bounds)."""
    ours = record.get("ours")
    if not isinstance(ours, float):
        return []
    warnings = []
    bf16 = record["peers"].get("bf16")
    if record["m"] == record["n"] == record["k"] == 4096:
        if isinstance(bf16, float) and ours > 4 * bf16:
            warnings.append("below a quarter of cuBLAS bf16")
    if record["m"] == 1 and ours > 4 * record["read"]:
        warnings.append("below a quarter of the read bandwidth")
    return warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", help="folder made by build_artifacts.py")
    parser.add_argument("--json", required=True, help="where to write results")
    parser.add_argument("--only", default="", help="case names that contain this")
    parser.add_argument(
        "--compile", action="store_true", help="time torch.compile too (slow)"
    )
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()

    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    entries = {entry["name"]: entry for entry in index["cases"]}
    context = rt.Context(rt.Library())
    # The runtime retains the primary context, which is PyTorch's.
    torch.cuda.init()
    peers = Peers(options.compile)
    rng = np.random.default_rng(1)
    driver = subprocess.run(
        ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    report = dict(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(),
        gpu=context.name,
        driver=driver,
        torch=torch.__version__,
        cuda=torch.version.cuda,
        commit=index["commit"],
        chip=index["chip"],
        method="CUDA graph, operands rotated over more than 240 MB, median of "
        f"{REPLAYS} replays, microseconds per call",
        results=[],
    )
    peer_cache = {}
    for line in index["bench"]:
        if options.only not in line["case"]:
            continue
        case = cases.Case.from_description(entries[line["case"]])
        record = dict(
            kind=case.kind, m=line["m"], n=case.n, k=case.k, peers={}
        )
        folder = entries[line["case"]].get("artifact")
        try:
            if folder is None:
                raise rt.RuntimeFailure("did not compile")
            record["ours"], record["kernels"] = time_ours(
                context,
                os.path.join(options.artifacts, folder),
                case,
                line["m"],
                rng,
            )
        except (rt.RuntimeFailure, torch.cuda.OutOfMemoryError) as error:
            record["ours"] = f"failed: {error}"
        torch.cuda.empty_cache()
        if not options.no_peers:
            key = (case.kind, line["m"], case.n, case.k)
            if key not in peer_cache:
                peer_cache[key] = peers.run(case, line["m"])
            record["peers"] = peer_cache[key]
        record["read"] = time_read(case.n * case.k * case.bits // 8)
        record["warnings"] = find_warnings(record)
        report["results"].append(record)
        print_record(record)
        # Written after each line: a run that is cut short keeps what it has.
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)
    failed = [r for r in report["results"] if not isinstance(r["ours"], float)]
    print(f"{len(report['results'])} lines, {len(failed)} failed")
    return 1 if failed or not report["results"] else 0


def print_record(record):
    def show(value):
        return f"{value:.1f}" if isinstance(value, float) else str(value)

    parts = [f"ours {show(record['ours'])}", f"read {show(record['read'])}"]
    parts += [f"{name} {show(t)}" for name, t in record["peers"].items()]
    text = f"{record['kind']} {record['m']}x{record['k']}x{record['n']}: "
    print(text + ", ".join(parts), *record["warnings"], sep=" !! ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
