"""How far what is chosen without timings is from the best schedule measured.

    .venv/bin/python benchmarks/tuned_table.py timings.jsonl --json table.json

reads what measure_bundle.py wrote of the int8 products of cases.py, asks this
build's compiler what it chooses for each, and prints both times. A choice that
was not measured has none: its line says so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
#: Set by hand in lists of schedules, or written out: the same either way.
DEFAULT_CONTRACT = "contract = <u_acc = 0.000000e+00, u_decode = 0.000000e+00, offset = 0.000000e+00>, "


def normalize(schedule):
    return schedule.replace(DEFAULT_CONTRACT, "")


def choose(tuner, n, k, rows):
    """The schedule chosen for each number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        result = {}
        for m in rows:
            source = os.path.join(folder, f"{m}.mlir")
            with open(source, "w") as file:
                file.write(cases.linear("int8_scaled", n, k, m).mlir())
            listed = subprocess.run(
                [tuner, source, "--chip=sm_90a", "--list"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            (line,) = [text for text in listed.splitlines() if "// chosen" in text]
            result[m] = normalize(line.split(" //")[0].strip())
    return result


def field(op, name):
    """An extent in the text of an op."""
    return next(int(part[len(name) + 1 :]) for part in op.split() if part.startswith(name + "="))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("timings", help="lines of measure_bundle.py")
    parser.add_argument("--json", help="where to write the table")
    parser.add_argument("--quant-tune", default=os.path.join(ROOT, "build", "bin", "quant-tune"))
    options = parser.parse_args(arguments)

    times, gpus = {}, set()
    with open(options.timings) as file:
        for line in map(json.loads, file):
            key = field(line["op"], "n"), field(line["op"], "k")
            measured = times.setdefault(key, {}).setdefault(line["rows"], {})
            gpus.add(line["gpu"])
            if "microseconds" in line:
                measured[normalize(line["schedule"])] = line["microseconds"]
    unseen = {(m, n, k) for m, k, n in cases.UNSEEN_SHAPES}
    table = []
    for (n, k), by_rows in times.items():
        chosen = choose(options.quant_tune, n, k, by_rows)
        for m, measured in by_rows.items():
            best = min(measured, key=measured.get)
            own = measured.get(chosen[m])
            table.append(
                dict(
                    m=m, k=k, n=n, unseen=(m, n, k) in unseen, candidates=len(measured),
                    best=best, best_us=measured[best], chosen=chosen[m], chosen_us=own,
                    ratio=own and round(own / measured[best], 4),
                )
            )
    for row in table:
        name = f"{row['m']}x{row['k']}x{row['n']}" + (" (unseen)" if row["unseen"] else "")
        if row["ratio"] is None:
            text = f"chosen not measured: {row['chosen']}"
        else:
            text = f"chosen {row['chosen_us']:.2f} us, {row['ratio']:.3f} of the best"
        print(f"{name}: best of {row['candidates']} {row['best_us']:.2f} us, {text}")
    ratios = sorted(row["ratio"] for row in table if row["ratio"])
    if ratios:
        within = sum(ratio <= 1.05 for ratio in ratios)
        print(f"{within} of {len(table)} within 5 %, the worst {ratios[-1]:.3f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(dict(gpus=sorted(gpus), table=table), file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
