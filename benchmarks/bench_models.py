"""Times all linear layers of a model at once, as the runtime runs them and as PyTorch
does, in one run: SAM vit_h's with 8-bit dynamic quantization, and LLaMA-2-7B's with
weights of 8 and 4 bits for one token.

    python benchmarks/bench_models.py ARTIFACTS/sam --json sam.json
    python benchmarks/bench_models.py ARTIFACTS/llama --json llama.json

One CUDA graph holds every launch of the model; the figure is the median of its
replays. Layers have weights of their own, so that no cache holds any. Before it is
timed, a sample of each program's result in its first layer is compared with float64,
and all layers at once with the same layers one by one, bit for bit.

Memory is what stands allocated while a model runs: weights, the arrays between layers
and workspace; of PyTorch, what its allocator says, cuBLAS's workspace with it.
"""

import argparse
import gc
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artifact as rt  # noqa: E402
import models  # noqa: E402
from chain import Chain  # noqa: E402
from clock import find_clock  # noqa: E402
from gpu_check import Failure  # noqa: E402
from report import Report  # noqa: E402

REPLAYS = 9
OURS = "quant-mlir"
#: The way that others are compared with.
BASE = "bf16 cuBLAS"


def measure_ours(context, clock, folder, model, replays):
    """The fields of our record."""
    chain = Chain(context, folder, model)
    worst = chain.check()
    return dict(
        microseconds=clock.time([chain.run], replays=replays),
        bytes=chain.allocated,
        launches=sum(len(chain.programs[s.program].kernels()) for s in chain.steps),
        kernels=chain.kernel_names(),
        worst=max(worst.values()),
        method=clock.method,
    )


def rate(model, microseconds):
    """What a model computes in a second, by the name of it."""
    if isinstance(model, models.Sam):
        return dict(images_per_second=model.batch * 1e6 / microseconds)
    return dict(tokens_per_second=1e6 / microseconds)


def load_peers(device):
    """The module of PyTorch's ways and its arrays, or why there are none."""
    try:
        import torch

        import model_peers
    except ImportError as error:
        return None, None, str(error)
    if device == "cuda" and not torch.cuda.is_available():
        return None, None, "PyTorch finds no GPU"
    return model_peers, model_peers.Arrays(device), ""


def print_record(record):
    parts = [f"{record[name]:.1f} {name}" for name in record if name.endswith("_second")]
    if "microseconds" in record:
        parts.insert(0, f"{record['microseconds'] / 1000:.3f} ms")
        parts.append(f"{record['bytes'] / 1e9:.2f} GB")
    else:
        parts.append(record["error"])
    print(f"{record['label']}, {record['what']}: " + ", ".join(parts), flush=True)


def compare_rates(results):
    """Lines of a table: of each model, what each way computes in a second, and how many
    times as much as cuBLAS bf16 that is."""
    for name in dict.fromkeys(record["label"] for record in results):
        ways = {
            record["what"]: record["microseconds"]
            for record in results
            if record["label"] == name and "microseconds" in record
        }
        base = ways.get(BASE)
        for way, time in ways.items():
            (rate,) = (
                value
                for record in results
                if (record["label"], record["what"]) == (name, way)
                for field, value in record.items()
                if field.endswith("_per_second")
            )
            times = f"{base / time:.2f}x bf16" if base else ""
            yield f"{name:45} {way:45} {rate:7.1f} a second {times}".rstrip()


def label(model):
    if isinstance(model, models.Sam):
        part = f", MLPs by {model.mlp_images} images" if model.mlp_images else ""
        return f"{model.name}, batch {model.batch}{part}"
    return f"{model.name}, {model.kind}, " + ("fused" if model.fused else "each product alone")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", help="a step's folder that build_artifacts.py made")
    parser.add_argument("--json", help="where to write results")
    parser.add_argument("--only", default="", help="models whose label contains this")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-inductor", action="store_true", help="leave torch.compile out")
    parser.add_argument("--no-ours", action="store_true", help="time the peers alone")
    parser.add_argument("--replays", type=int, default=REPLAYS)
    parser.add_argument("--peers-on", default="cuda", help="PyTorch's device, to test them")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the results that are there"
    )
    options = parser.parse_args(arguments)

    with open(os.path.join(options.artifacts, "index.json")) as file:
        index = json.load(file)
    context = rt.Context(rt.Library())
    clock = find_clock(context)
    report = Report(
        options.json,
        context.name,
        index["commit"],
        f"all layers in one CUDA graph, median of {options.replays} replays",
        options.resume,
    )
    peers, arrays, reason = (None, None, "") if options.no_peers else load_peers(options.peers_on)
    if reason:
        print(f"peers are left out: {reason}", file=sys.stderr)
    failed = 0
    for entry in index["models"]:
        model = models.from_description(entry)
        if options.only not in label(model):
            continue
        ways = [] if options.no_ours else [(OURS, None)]
        if peers:
            ways += peers.peers_of(model, arrays, not options.no_inductor)
        for what, make in ways:
            record = dict(entry, label=label(model), what=what)
            if report.find(**record):
                continue
            start = time.monotonic()
            try:
                if make is None:
                    record |= measure_ours(
                        context, clock, options.artifacts, model, options.replays
                    )
                else:
                    record["microseconds"], record["bytes"] = peers.measure(
                        make(), options.peers_on, options.replays
                    )
                record |= rate(model, record["microseconds"])
            except (Failure, rt.RuntimeFailure) as error:
                record["error"] = str(error)
                failed += 1
            except Exception as error:
                if make is None:
                    raise
                # A peer's limits are no failure of ours.
                record["error"] = "not run: " + str(error).strip().split("\n")[0]
            gc.collect()
            if peers:
                peers.free()
            record["seconds"] = round(time.monotonic() - start, 1)
            report.add(record)
            print_record(record)
    for line in compare_rates(report.results):
        print(line)
    print(f"{len(report.results)} records, {failed} failed, on {context.name}")
    return 1 if failed or not report.results else 0


if __name__ == "__main__":
    sys.exit(main())
