"""Draws a results file: of bench_linear.py, speed relative to cuBLAS bf16 for each
layer, or as curves over the rows or over the size of the weights; of bench_models.py,
what each way computes in a second and its memory.

    python benchmarks/plot.py results.json plot.png [--over rows|size]
"""

import argparse
import functools
import json
import statistics

from report import BASELINES, find_baseline

OURS = "quant-mlir"


def show_way(name):
    """PyTorch's own kernels say whose they are. (A legend leaves out labels that begin
    with an underscore.)"""
    return f"PyTorch {name[1:]}" if name.startswith("_") else name


def is_models(report):
    """Whether the results are of whole models."""
    return all("what" in record for record in report["results"])


def relative_speeds(records):
    """By name, how much faster than cuBLAS bf16 each layer is; 0 where it did not
    run."""
    names = [OURS]
    for record in records:
        names += [n for n in record["peers"] if n not in names and n not in BASELINES]
    speeds = {name: [] for name in names}
    for record in records:
        base = find_baseline(record)
        for name in names:
            time = record["ours"] if name == OURS else record["peers"].get(name)
            both = isinstance(time, float) and isinstance(base, float)
            speeds[name].append(base / time if both else 0)
    return speeds


def speed_curves(records, over):
    """By (label, way), the points of a curve of speed relative to cuBLAS bf16: of a
    layer's shape over its rows, or of a number of rows over the MiB of weights (in
    bf16; the geometric mean where several shapes have as many). Ways are ours and
    PyTorch's; what did not run is not there."""
    curves = {}
    for record in records:
        m, n, k = (record[name] for name in "mnk")
        label, x = (f"{k}×{n}", m) if over == "rows" else (f"M = {m}", n * k * 2 / 2**20)
        base = find_baseline(record)
        ways = {OURS: record["ours"]} | record["peers"]
        for way, time in ways.items():
            if way not in BASELINES and isinstance(time, float) and isinstance(base, float):
                curves.setdefault((label, way), {}).setdefault(x, []).append(base / time)
    return {
        name: [(x, statistics.geometric_mean(speeds)) for x, speeds in sorted(points.items())]
        for name, points in curves.items()
    }


def rates_by_model(records):
    """By the label of a model: (way, rate, unit, GB) of what ran, in their order."""
    models = {}
    for record in records:
        units = [name for name in record if name.endswith("_per_second")]
        if units:
            (unit,) = units
            way = (record["what"], record[unit], unit.replace("_", " "), record["bytes"] / 1e9)
            models.setdefault(record["label"], []).append(way)
    return models


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("results")
    parser.add_argument("image")
    parser.add_argument("--over", choices=["rows", "size"], help="draw curves")
    options = parser.parse_args()
    with open(options.results) as file:
        report = json.load(file)
    if not report["results"]:
        parser.error(f"{options.results} holds no results")

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    if is_models(report):
        if options.over:
            parser.error("--over is for the results of single layers")
        groups = rates_by_model(report["results"])
        draw, width, what = draw_model, 10, "all linear layers in one CUDA graph"
    else:
        groups = {}
        for record in report["results"]:
            groups.setdefault(record["kind"], []).append(record)
        groups = dict(sorted(groups.items()))
        draw, width, what = draw_layers, 14, "speed relative to cuBLAS bf16 (higher is better)"
        if options.over:
            draw, width = functools.partial(draw_curves, over=options.over), 10
    if not groups:
        parser.error(f"nothing in {options.results} ran")
    height = 2.6 if draw is draw_model else 4.2
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(width, height * len(groups) + 0.6), squeeze=False
    )
    for axis, (title, records) in zip(axes[:, 0], groups.items()):
        axis.set_title(title, loc="left")
        draw(axis, records)
    figure.suptitle(
        f"{report['gpu']}, {report['date'][:10]}, commit {report['commit'][:10]}, "
        f"torch {report['torch']}: {what}"
    )
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(options.image, dpi=110)


def draw_layers(axis, records):
    """One group of bars for each shape; what did not run has no bar."""
    speeds = relative_speeds(records)
    width = 0.8 / len(speeds)
    for i, (name, heights) in enumerate(speeds.items()):
        positions = [p + i * width for p in range(len(records))]
        axis.bar(positions, heights, width, label=show_way(name))
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_ylabel("bf16 time / time")
    axis.set_xticks(
        [p + 0.4 - width / 2 for p in range(len(records))],
        [f"{r['m']}×{r['k']}×{r['n']}" for r in records],
        rotation=60,
        ha="right",
        fontsize=7,
    )
    axis.legend(fontsize=8)


def draw_curves(axis, records, over):
    """Ours as lines, others in the same color, dashed."""
    from matplotlib import colormaps

    curves = speed_curves(records, over)
    labels = list(dict.fromkeys(label for label, _ in curves))
    for (label, way), points in curves.items():
        color = colormaps["turbo"]((labels.index(label) + 0.5) / len(labels))
        style = dict(marker="o", label=label) if way == OURS else dict(linestyle="--", marker=".")
        axis.plot(*zip(*points), color=color, markersize=4, **style)
    others = sorted({way for _, way in curves if way != OURS})
    for way in others:
        axis.plot([], [], color="gray", linestyle="--", label=show_way(way))
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_xscale("log", base=2)
    axis.set_ylim(bottom=0)
    ticks = sorted({x for points in curves.values() for x, _ in points})
    axis.set_xticks(ticks, [f"{x:.0f}" for x in ticks])
    axis.minorticks_off()
    axis.set_xlabel("rows (M)" if over == "rows" else "MiB of weights in bf16")
    axis.set_ylabel("bf16 time / time")
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def draw_model(axis, ways):
    """One bar for each way, with its memory."""
    names = [name for name, *_ in ways]
    rates = [rate for _, rate, *_ in ways]
    colors = ["tab:blue" if name == OURS else "tab:gray" for name in names]
    bars = axis.barh(names, rates, color=colors)
    axis.invert_yaxis()
    texts = [f" {rate:.1f}, {memory:.1f} GB" for _, rate, _, memory in ways]
    axis.bar_label(bars, texts, fontsize=8)
    axis.set_xlim(0, 1.2 * max(rates))
    axis.set_xlabel(ways[0][2])


if __name__ == "__main__":
    main()
