"""quant-report: errors of layers as NumPy computes them, and a page of its own."""

import json
import os
import xml.etree.ElementTree

import numpy as np
import pytest
import quantmlir
from safetensors.numpy import load_file, save_file


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(3)
    weights = {"a.fc.weight": rng.standard_normal((24, 64)).astype(np.float32),
               "b.fc.weight": rng.standard_t(2, (10, 96)).astype(np.float32),
               "a.fc.bias": np.ones(24, np.float32),
               "norm.weight": np.ones(64, np.float32)}
    # Nothing but zeros: no error, and no division by zero.
    weights["zero.weight"] = np.zeros((4, 64), np.float32)
    save_file(weights, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors", weights


def write_statistics(path, weights, drop=()):
    rng = np.random.default_rng(4)
    tensors, seen = {}, {}
    for name, matrix in weights.items():
        if matrix.ndim != 2:
            continue
        layer = name.removesuffix(".weight")
        k = matrix.shape[1]
        x = (rng.standard_normal((300, k)) @ rng.standard_normal((k, k))).astype(np.float32)
        seen[layer] = x.astype(np.float64)
        edges = np.linspace(-128, 128, 4097)
        tensors |= {f"{layer}.input.count": np.array([300, k]),
                    f"{layer}.input.xtx": (seen[layer].T @ seen[layer]).astype(np.float32),
                    f"{layer}.input.absmean": np.abs(seen[layer]).mean(axis=0),
                    f"{layer}.input.histogram": np.histogram(x, edges)[0],
                    f"{layer}.input.histogram_range": np.array([-128, 128], np.float32)}
    tensors = {k: v for k, v in tensors.items() if not k.endswith(tuple(drop))}
    save_file(tensors, path, {"format": "quantmlir.statistics", "version": "1"})
    return seen


def test_errors_are_what_numpy_says(tool, tmp_path, model):
    path, weights = model
    seen = write_statistics(tmp_path / "s.safetensors", weights)
    report = tmp_path / "report.json"
    output = tool("quant-report", path, "--scheme=int4,group=32", "--statistics",
                  tmp_path / "s.safetensors", "--json", report)
    (scheme,) = json.loads(report.read_text())["schemes"]
    assert [e["layer"] for e in scheme["layers"]] == ["a.fc", "b.fc", "zero"]
    for entry in scheme["layers"][:2]:
        w = weights[entry["layer"] + ".weight"].astype(np.float64)
        made = quantmlir.quantize_weights(w.astype(np.float32), "int4,group=32")
        e = w - made.dequantize()
        x = seen[entry["layer"]]
        assert entry["weight_db"] == pytest.approx(
            10 * np.log10((w**2).sum() / (e**2).sum()), rel=1e-6)
        assert entry["output_db"] == pytest.approx(
            10 * np.log10(((x @ w.T)**2).sum() / ((x @ e.T)**2).sum()), rel=1e-3)
        assert entry["max_error"] == pytest.approx(np.abs(e).max(), rel=1e-6)
        assert entry["cosine"] == pytest.approx(
            (w * (w - e)).sum() / np.linalg.norm(w) / np.linalg.norm(w - e), rel=1e-6)
        assert entry["bytes_before"] == w.size * 4
        assert entry["bytes_after"] == w.size // 2 + w.size // 32 * 4
        assert entry["layer"] in output
    # No signal and no error.
    assert scheme["layers"][2]["max_error"] == 0
    assert scheme["layers"][2]["cosine"] == 1
    assert scheme["layers"][2]["weight_db"] is None


def test_sweep_and_page(tool, tmp_path, model):
    path, weights = model
    write_statistics(tmp_path / "s.safetensors", weights)
    page, report = tmp_path / "r.html", tmp_path / "r.json"
    output = tool("quant-report", path, "--scheme=nf4,group=32", "--sweep", "--layers=?.fc",
                  "--statistics", tmp_path / "s.safetensors", "--html", page, "--json", report)
    schemes = json.loads(report.read_text())["schemes"]
    # 4 widths, 3 groups, 4 methods, and the one that was named.
    assert len(schemes) == 4 * 3 * 4 + 1
    by_name = {(s["scheme"], s["method"]): s for s in schemes}
    for bits in (4, 3, 2):
        for group in (128, 64, 32):
            name = f"int{bits},group={group},asymmetric"
            assert name in output
            assert by_name[name, "gptq"]["output_db"] > by_name[name, "round"]["output_db"]
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    # Well formed, and nothing is fetched from anywhere.
    root = xml.etree.ElementTree.fromstring(
        text.removeprefix("<!DOCTYPE html>").replace('<meta charset="utf-8">', ""))
    assert not [e for e in root.iter() if {"src", "href"} & e.attrib.keys()]
    # Size against error, errors by layer, and two distributions of two layers.
    plots = [e for e in root.iter() if e.tag.endswith("svg")]
    assert len(plots) == 2 + 2 * 2
    assert sum(e.tag.endswith("circle") for e in plots[0].iter()) >= len(schemes)


@pytest.mark.parametrize("arguments, message", [
    (["--scheme=int9"], "int9"),
    (["--scheme=int8/int8"], "the scheme quantizes activations, and there are weights alone"),
    (["--scheme=int4,group=32", "--method=gptq"], "gptq needs --statistics"),
    (["--scheme=int4", "--layers=x*"], "no layer is called like 'x*'"),
    (["--scheme=int4", "--json=/nowhere/r.json"], "/nowhere/r.json"),
    ([], "nothing to try"),
])
def test_bad_requests(tool, model, arguments, message):
    path, _ = model
    result = tool("quant-report", path, *arguments, check=False)
    assert result.returncode != 0 and message in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_files(tool, tmp_path, model):
    path, weights = model
    nan = {"x.weight": np.full((2, 4), np.nan, np.float32)}
    save_file(nan, tmp_path / "nan.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:100])
    for name, message in (("nan", "x.weight"), ("cut", "cut.safetensors"),
                          ("none", "none.safetensors")):
        result = tool("quant-report", tmp_path / f"{name}.safetensors",
                      "--scheme=int4,group=32", "--json", tmp_path / "r.json",
                      check=False)
        assert result.returncode == 1 and "error" in result.stderr
        assert message in result.stderr and "Traceback" not in result.stderr
    write_statistics(tmp_path / "s.safetensors", weights, drop=[".xtx"])
    result = tool("quant-report", path, "--scheme=int4,group=32", "--method=gptq",
                  "--statistics", tmp_path / "s.safetensors", check=False)
    assert result.returncode == 1 and "a.fc.input has no xtx" in result.stderr
    assert not os.path.exists(tmp_path / "r.json")


@pytest.mark.parametrize("kind, value, message", [
    ("xtx", np.ones(64, np.float32), "a.fc.input.xtx is of shape (64,), expected (64, 64)"),
    ("xtx", np.ones((5, 5), np.float32), "a.fc.input.xtx is of shape (5, 5), expected (64, 64)"),
    ("histogram", np.ones(7, np.int64), "a.fc.input.histogram is of shape (7,), expected (4096,)"),
    ("histogram", np.full(4096, -1), "a.fc.input.histogram counts from -128.0 to 128.0, or less than nothing"),
    ("histogram_range", None, "a.fc.input has no histogram_range"),
    ("histogram_range", np.array([1, np.nan], np.float32), "a.fc.input.histogram counts from 1.0 to nan")])
def test_statistics_that_are_none(tool, tmp_path, model, kind, value, message):
    path, weights = model
    write_statistics(tmp_path / "s.safetensors", weights)
    tensors = load_file(tmp_path / "s.safetensors")
    tensors[f"a.fc.input.{kind}"] = value
    save_file({n: t for n, t in tensors.items() if t is not None}, tmp_path / "s.safetensors",
              metadata={"format": "quantmlir.statistics", "version": "1"})
    result = tool("quant-report", path, "--scheme=int4,group=32", "--statistics", tmp_path / "s.safetensors",
                  "--html", tmp_path / "r.html", check=False)
    assert result.returncode == 1 and message in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "r.html").exists()
