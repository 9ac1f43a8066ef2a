"""The tables of the README hold what benchmarks/results holds."""

import json
import re

import pytest

from conftest import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PATTERN = {"int4, groups of 128": "int4_g128", "int4, groups of 32": "int4_g32",
           "int8": "int8_weight"}


def load(name):
    return json.loads((RESULTS / name).read_text())


def table(title):
    """The cells of the table whose first header cell begins with `title`."""
    lines = (ROOT / "README.md").read_text().splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith(f"| {title}")]
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows
    return rows


def shape(text):
    """M, K and N (or M and K) of "65536×1280×3840"."""
    return tuple(map(int, re.match(r"\d+(×\d+)+", text).group().split("×")))


def says(cell, value):
    """Whether `cell` is `value`, rounded to the digits that it has."""
    digits = len(cell.partition(".")[2])
    assert abs(float(cell) - value) <= 0.5000001 * 10**-digits, (cell, value)


def test_int8():
    lines = {(r["m"], r["k"], r["n"]): r for r in load("wgmma_h100.json")["results"]
             if r["kind"] == "int8_scaled"}
    for where, ours, cutlass, bf16 in table("int8 × int8, fused scales, H100"):
        line = lines[shape(where)]
        peers = [v for name, v in line["peers"].items() if name.startswith("CUTLASS")]
        assert len(peers) == 6
        says(ours, line["ours"]["chosen"])
        says(cutlass, min(peers))
        says(bf16, line["peers"]["bf16"])


def test_weights_only():
    (run,) = [run for run in load("wgmma_decode.json")["runs"]
              if run["note"].startswith("bench_linear.py")]
    assert run["gpu"] == "NVIDIA H200"
    key = lambda r: (r["kind"], r["m"], r["k"], r["n"])
    lines = {key(r): r for r in run["results"]}
    peers = {key(r): r["peers"] for r in load("linear.json")["results"]}
    kind = None
    for name, where, ours, read, bf16, peer in table("weights only, bf16 activations, H200"):
        kind = PATTERN[name] if name else kind
        line = lines[(kind, *shape(where))]
        says(ours, line["microseconds"])
        says(read, line["read"])
        says(bf16, line["bf16"])
        if peer:
            says(peer, peers[(kind, *shape(where))]["_weight_int4pack_mm"])


def test_rows():
    results = load("rows.json")
    assert results["gpu"] == "NVIDIA H200"
    lines = {(r["kind"], r["m"], r["k"]): r for r in results["results"]}
    for where, ours, copy in table("per-token int8 quantization"):
        kind = ("rmsnorm" if "RMSNorm" in where else
                "gate" if "gate" in where else "plain")
        line = lines[(kind, *shape(where))]
        says(ours, line["ours"])
        says(copy, line["copy"])


def test_float8():
    results = load("float8_by_hand.json")
    assert results["gpu"] == "NVIDIA H200"

    def best(where, what, **more):
        m, k, n = shape(where)
        wanted = {"m": m, "k": k, "n": n, "what": what, **more}
        return min(r["microseconds"] for r in results["results"]
                   if wanted.items() <= r.items() and "microseconds" in r)

    for where, rows, blocks, scaled, fast in table("e4m3 × e4m3 -> bf16, H200"):
        says(rows, best(where, "scales of rows"))
        says(blocks, best(where, "scales of 1x128 and 128x128"))
        says(scaled, best(where, "torch._scaled_mm, rowwise", use_fast_accum=False))
        says(fast, best(where, "torch._scaled_mm, rowwise", use_fast_accum=True))


def test_accuracy():
    results = load("accuracy.json")
    lines = {r["recipe"]: r for r in results["results"]}
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"all {len(lines)} recipes" in text
    assert f"({results['float_bytes'] / 1e6:.1f} MB)" in text
    for recipe, megabytes, cosine, spearman in table("recipe"):
        says(megabytes, lines[recipe]["bytes"] / 1e6)
        says(cosine, lines[recipe]["cosine"])
        says(spearman, lines[recipe]["spearman"])


def test_runs_on_the_gpu():
    check = load("check.json")
    text = " ".join((ROOT / "README.md").read_text().split())
    (count,) = re.findall(r"(\d+) runs on an H200", text)
    assert check["gpu"] == "NVIDIA H200"
    assert int(count) == len(check["records"])


def test_a_wrong_figure_is_found():
    says("3.6", 3.61)
    with pytest.raises(AssertionError):
        says("3.6", 3.66)
