"""Draws a results file of bench_linear.py: time relative to cuBLAS bf16.

    python benchmarks/plot.py results.json plot.png
"""

import argparse
import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("image")
    options = parser.parse_args()
    with open(options.results) as file:
        report = json.load(file)

    kinds = sorted({record["kind"] for record in report["results"]})
    if not kinds:
        parser.error(f"{options.results} holds no results")
    figure, axes = plt.subplots(
        len(kinds), 1, figsize=(14, 4.2 * len(kinds)), squeeze=False
    )
    for axis, kind in zip(axes[:, 0], kinds):
        draw(axis, kind, [r for r in report["results"] if r["kind"] == kind])
    figure.suptitle(
        f"{report['gpu']}, {report['date'][:10]}, commit "
        f"{report['commit'][:10]}, torch {report['torch']}: "
        "speed relative to cuBLAS bf16 (higher is better)"
    )
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(options.image, dpi=110)


def draw(axis, kind, records):
    """One group of bars for each shape; what did not run has no bar."""
    names = ["quant-mlir"]
    for record in records:
        names += [n for n in record["peers"] if n not in names and n != "bf16"]
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = []
        for record in records:
            time = record["ours"] if i == 0 else record["peers"].get(name)
            base = record["peers"].get("bf16")
            both = isinstance(time, float) and isinstance(base, float)
            heights.append(base / time if both else 0)
        positions = [p + i * width for p in range(len(records))]
        # A label that begins with an underscore is left out of the legend.
        is_named = i == 0 or name.startswith("CUTLASS")
        label = name if is_named else f"PyTorch {name.lstrip('_')}"
        axis.bar(positions, heights, width, label=label)
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_title(kind, loc="left")
    axis.set_ylabel("bf16 time / time")
    axis.set_xticks(
        [p + 0.4 - width / 2 for p in range(len(records))],
        [f"{r['m']}×{r['k']}×{r['n']}" for r in records],
        rotation=60,
        ha="right",
        fontsize=7,
    )
    axis.legend(fontsize=8)


if __name__ == "__main__":
    main()
