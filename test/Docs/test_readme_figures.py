"""The tables of the README hold what benchmarks/results holds."""

import json
import re
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import tables  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text()


def load(name):
    return json.loads((RESULTS / name).read_text())


def table(title):
    """The cells of the table whose first header cell begins with `title`."""
    lines = README.splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith(f"| {title}")]
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows
    return rows


def says(cell, value):
    """Whether `cell` is `value`, rounded to the digits that it has."""
    digits = len(cell.partition(".")[2])
    assert abs(float(cell) - value) <= 0.5000001 * 10**-digits, (cell, value)


def test_tables_of_times():
    assert tables.update(README, tables.Results(RESULTS)) == README
    # Another figure, or a table that is not there, is noticed.
    changed = re.sub(r"(\| 65536×1280 \| )\d", r"\g<1>", README)
    assert changed != README
    assert tables.update(changed, tables.Results(RESULTS)) == README
    with pytest.raises(SystemExit, match="expected one table"):
        tables.update(README.replace("| per-token", "| other"), tables.Results(RESULTS))


def test_tables_say_what_they_are_of():
    """The commit and the date of each step, in the table in front of them."""
    rows = table("measured")
    for step, name in (("weights", "weights only"), ("formats", "weights only"),
                       ("llama", "LLaMA"), ("rows", "rows"),
                       ("float8", "e4m3"), ("int8", "int8 × int8"), ("sam", "SAM"),
                       ("check", "every kernel's check")):
        run = load(step + ".json")
        assert run["gpu"] == "NVIDIA H200"
        (row,) = [row for row in rows if name in row[0]]
        assert row[1].startswith(run["commit"][:7]) and row[2] == run["date"][:10], step


def test_lines_that_failed_are_told():
    results = load("weights.json")["results"]
    failed = [r for r in results if not isinstance(r["ours"], float)]
    words = ["none", "one", "two", "three"][len(failed)]
    assert not failed or f"{words} lines of `weights.json` failed" in " ".join(README.split()).lower()


def test_accuracy():
    results = load("accuracy.json")
    lines = {r["recipe"]: r for r in results["results"]}
    text = " ".join(README.split())
    assert f"all {len(lines)} recipes" in text
    assert f"({results['float_bytes'] / 1e6:.1f} MB)" in text
    for recipe, megabytes, cosine, spearman in table("recipe"):
        says(megabytes, lines[recipe]["bytes"] / 1e6)
        says(cosine, lines[recipe]["cosine"])
        says(spearman, lines[recipe]["spearman"])


def test_runs_on_the_gpu():
    check = load("check.json")
    text = " ".join(README.split())
    (count,) = re.findall(r"(\d+) runs on an H200", text)
    assert check["gpu"] == "NVIDIA H200"
    failed = [r for r in check["records"] if "error" in r]
    assert int(count) == len(check["records"])
    assert not failed
    assert f"of {check['commit'][:7]}" in text


def test_a_wrong_figure_is_found():
    says("3.6", 3.61)
    with pytest.raises(AssertionError):
        says("3.6", 3.66)
