"""quant-run --calibrate: statistics of a model against NumPy, and bad input."""

import json
import struct

import numpy as np
import pytest

from quantmlir.demo_layers import read_safetensors

MODEL = """
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#out = affine_map<(m, n) -> (m, n)>
func.func @mlp(%x: tensor<?x13xf32> {quant_tensor.name = "x"},
    %up: tensor<11x13xf32> {quant_tensor.name = "up.weight", quant_tensor.weight},
    %down: tensor<11x7xf32> {quant_tensor.name = "down.weight", quant_tensor.weight})
    -> (tensor<?x7xf32> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x13xf32>
  %e0 = tensor.empty(%m) : tensor<?x11xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x11xf32>) -> tensor<?x11xf32>
  %h = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %up : tensor<?x13xf32>, tensor<11x13xf32>) outs(%z0 : tensor<?x11xf32>) -> tensor<?x11xf32>
  %r = linalg.generic {indexing_maps = [#out, #out], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<?x11xf32>) outs(%e0 : tensor<?x11xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.maximumf %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<?x11xf32>
  %e1 = tensor.empty(%m) : tensor<?x7xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x7xf32>) -> tensor<?x7xf32>
  %y = linalg.matmul ins(%r, %down : tensor<?x11xf32>, tensor<11x7xf32>)
      outs(%z1 : tensor<?x7xf32>) -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}
"""


def read_all(path):
    """Every tensor of a safetensors file, and its metadata."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    types = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
    return {
        name: np.frombuffer(data[8 + length:][slice(*entry["data_offsets"])],
                            types[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()}, metadata


@pytest.fixture
def model(tool, tmp_path):
    (tmp_path / "m.mlir").write_text(MODEL)
    tool("quant-opt", "--quant-tensor-insert-observers="
         "kinds=minmax,absmean,histogram,xtx weights=true",
         tmp_path / "m.mlir", "-o", tmp_path / "observed.mlir")
    rng = np.random.default_rng(1)
    weights = {"up.weight": rng.standard_normal((11, 13), dtype=np.float32),
               "down.weight": rng.standard_normal((11, 7), dtype=np.float32)}
    np.savez(tmp_path / "w.npz", **weights)
    return tmp_path, weights


def calibrate(tool, folder, data, out, *more, **options):
    return tool("quant-run", folder / "observed.mlir", f"--inputs={folder}/w.npz",
                *(f"--calibrate={folder / name}" for name in data),
                f"--stats={folder / out}", *more, **options)


def check(statistics, name, x):
    """Of the rows `x`, in float64."""
    rows, channels = x.shape
    x = x.astype(np.float64)
    assert statistics[f"{name}.count"].tolist() == [rows, channels]
    np.testing.assert_array_equal(statistics[f"{name}.min"], x.min(0))
    np.testing.assert_array_equal(statistics[f"{name}.max"], x.max(0))
    np.testing.assert_allclose(statistics[f"{name}.absmean"], np.abs(x).mean(0), rtol=1e-12)
    low, high = statistics[f"{name}.histogram_range"]
    assert high == 2.0 ** (np.floor(np.log2(np.abs(x).max())) + 1) and low == -high
    expected, _ = np.histogram(x, bins=4096, range=(low, high))
    np.testing.assert_array_equal(statistics[f"{name}.histogram"], expected)
    if f"{name}.xtx" in statistics:
        np.testing.assert_allclose(statistics[f"{name}.xtx"], x.T @ x, rtol=1e-6,
                                   atol=1e-6 * np.abs(x.T @ x).max())


def test_statistics_against_numpy(tool, model):
    folder, weights = model
    rng = np.random.default_rng(2)
    # Samples of two lengths, of values with outliers and a channel of zeros.
    long = rng.standard_normal((3, 9, 13), dtype=np.float32)
    short = rng.standard_normal((4, 2, 13), dtype=np.float32)
    for x in (long, short):
        x[..., 5] = 0
        x[..., 7] *= 100
    np.savez(folder / "long.npz", x=long)
    np.savez(folder / "short.npz", x=short)
    said = calibrate(tool, folder, ["long.npz", "short.npz"], "s.safetensors")
    assert said == "7 samples, statistics of 4 tensors\n"
    statistics, metadata = read_all(folder / "s.safetensors")
    assert metadata == {"format": "quantmlir.statistics", "version": "1"}
    rows = np.concatenate([long.reshape(-1, 13), short.reshape(-1, 13)])
    check(statistics, "up.input", rows)
    hidden = np.maximum(rows.astype(np.float64) @ weights["up.weight"].T.astype(np.float64), 0)
    assert statistics["down.input.count"].tolist() == [len(rows), 11]
    np.testing.assert_allclose(statistics["down.input.max"], hidden.max(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(statistics["down.input.absmean"], hidden.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics["down.input.xtx"], hidden.T @ hidden, rtol=1e-5)
    # The weight is seen in every call, along K whichever way it lies.
    check(statistics, "up.weight", np.tile(weights["up.weight"], (7, 1)))
    check(statistics, "down.weight", np.tile(weights["down.weight"].T, (7, 1)))

    # Two runs, merged either way, are one.
    calibrate(tool, folder, ["long.npz"], "a.safetensors")
    calibrate(tool, folder, ["short.npz"], "b.safetensors", f"--merge={folder}/a.safetensors")
    calibrate(tool, folder, ["short.npz"], "c.safetensors")
    tool("quant-run", f"--merge={folder}/c.safetensors", f"--merge={folder}/a.safetensors",
         f"--stats={folder}/d.safetensors")
    for name in ("b", "d"):
        merged, _ = read_all(folder / f"{name}.safetensors")
        assert merged.keys() == statistics.keys()
        for key, value in statistics.items():
            if key.endswith((".xtx", ".absmean")):
                np.testing.assert_allclose(merged[key], value, rtol=1e-6,
                                           atol=1e-7 * np.abs(value).max())
            else:
                np.testing.assert_array_equal(merged[key], value)


def test_observers_of_an_artifact(tool, model):
    """The reference that an artifact carries keeps its observers."""
    folder, _ = model
    tool("quant-compile", folder / "observed.mlir", "-o", folder / "m.qmlir")
    x = np.random.default_rng(3).standard_normal((2, 3, 13), dtype=np.float32)
    np.savez(folder / "x.npz", x=x)
    tool("quant-run", folder / "m.qmlir", f"--inputs={folder}/w.npz",
         f"--calibrate={folder}/x.npz", f"--stats={folder}/s.safetensors")
    statistics, _ = read_all(folder / "s.safetensors")
    check(statistics, "up.input", x.reshape(-1, 13))


def fails(tool, folder, data, part, *more):
    result = calibrate(tool, folder, data, "bad.safetensors", *more, check=False)
    assert result.returncode == 1, result
    assert part in result.stderr, result.stderr
    left = [p.name for p in folder.iterdir() if p.name.startswith("bad.safetensors")]
    assert not left


def test_samples_that_are_bits(tool, tmp_path):
    """NumPy has no bf16: its bits count as such where --bits says so, and nothing is guessed."""
    (tmp_path / "m.mlir").write_text("""
func.func @f(%x: tensor<?x4xbf16> {quant_tensor.name = "x"}) -> tensor<?x4xbf16> {
  %y = quant_tensor.observe %x name("x") kinds([minmax]) : tensor<?x4xbf16>
  return %y : tensor<?x4xbf16>
}""")
    bits = np.float32([[[1, -2, 3, -4]]]).view(np.uint32) >> 16
    np.savez(tmp_path / "s.npz", x=bits.astype(np.uint16))
    run = ["quant-run", tmp_path / "m.mlir", f"--calibrate={tmp_path}/s.npz", f"--stats={tmp_path}/s.safetensors"]
    result = tool(*run, check=False)
    assert result.returncode == 1 and "--bits takes the integers for its bits" in result.stderr, result.stderr
    tool(*run, "--bits")
    assert read_all(tmp_path / "s.safetensors")[0]["x.max"].tolist() == [1, -2, 3, -4]
    tool(*run, "--convert")
    assert read_all(tmp_path / "s.safetensors")[0]["x.max"][0] == float(bits[0, 0, 0])


def test_bad_samples(tool, model):
    folder, _ = model
    x = np.ones((3, 2, 13), np.float32)
    np.savez(folder / "good.npz", x=x)
    for value, word in ((np.nan, "NaN"), (-np.inf, "infinity")):
        bad = x.copy()
        bad[2, 1, 4] = value
        np.savez(folder / "bad.npz", x=bad)
        fails(tool, folder, ["good.npz", "bad.npz"],
              f"sample 2 of '{folder}/bad.npz': 'up.input' holds {word} in row 1, channel 4")
    # A finite input whose product is not.
    np.savez(folder / "large.npz", x=np.full((1, 1, 13), 3e38, np.float32))
    fails(tool, folder, ["large.npz"], "'down.input' holds")
    np.savez(folder / "flat.npz", x=x[0])
    fails(tool, folder, ["flat.npz"], "samples of an argument of rank 2 have one dimension more")
    np.savez(folder / "wide.npz", x=np.ones((3, 2, 14), np.float32))
    fails(tool, folder, ["wide.npz"], "which are none of the argument's shape")
    np.savez(folder / "other.npz", z=x)
    fails(tool, folder, ["other.npz"], "no array for 'x'")
    np.savez(folder / "more.npz", x=x, z=x)
    fails(tool, folder, ["more.npz"], "the function has no argument 'z'")
    np.savez(folder / "empty.npz")
    np.save(folder / "x.npy", x[0])
    result = calibrate(tool, folder, ["empty.npz"], "bad.safetensors",
                       f"--input=x={folder}/x.npy", check=False)
    assert "there are no samples in it" in result.stderr
    np.savez(folder / "counts.npz", **{"x": x, "up.weight": np.ones((2, 11, 13), np.float32)})
    fails(tool, folder, ["counts.npz"], "3 samples of 'x' and 2 of 'up.weight'")
    fails(tool, folder, ["none.npz"], "none.npz")
    (folder / "cut.npz").write_bytes((folder / "good.npz").read_bytes()[:60])
    fails(tool, folder, ["cut.npz"], "cut.npz")
    (folder / "huge.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    fails(tool, folder, ["huge.safetensors"], "a header of")
    result = tool("quant-run", folder / "m.mlir", f"--calibrate={folder}/good.npz",
                  f"--inputs={folder}/w.npz", f"--stats={folder}/bad.safetensors", check=False)
    assert result.returncode == 1 and "observes nothing" in result.stderr
    # Where statistics cannot go is told before samples that would fail run.
    result = calibrate(tool, folder, ["large.npz"], "s.npz", check=False)
    assert result.returncode == 1 and "statistics are written to a file named .safetensors" in result.stderr
    result = tool("quant-run", folder / "observed.mlir", f"--calibrate={folder}/good.npz",
                  check=False)
    assert result.returncode == 1 and "--stats" in result.stderr


def test_bad_statistics(tool, model):
    """Files that do not match each other or the model; nothing is written."""
    folder, _ = model
    np.savez(folder / "x.npz", x=np.ones((1, 2, 13), np.float32))
    calibrate(tool, folder, ["x.npz"], "s.safetensors")
    data = (folder / "s.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(data[:-4])
    fails(tool, folder, ["x.npz"], "cut.safetensors", f"--merge={folder}/cut.safetensors")
    (folder / "bad.dtype.safetensors").write_bytes(
        data.replace(b'"F32","shape":[13]', b'"I32","shape":[13]', 1).replace(
            b'"shape":[13],"dtype":"F32"', b'"shape":[13],"dtype":"I32"'))
    out = folder / "q.mlir"
    for name, part in (("cut", "cut.safetensors"), ("missing", "missing.safetensors")):
        result = tool("quant-opt", "--quant-tensor-quantize-model=scheme=int8/int8,tensor,static "
                      f"stats={folder}/{name}.safetensors", folder / "m.mlir", "-o", out, check=False)
        assert result.returncode != 0 and part in result.stderr
        assert not out.exists()
    # Of another model: a layer is missing, or of another width.
    renamed = folder / "renamed.mlir"
    renamed.write_text(MODEL.replace('"up.weight"', '"gate.weight"'))
    narrow = folder / "narrow.mlir"
    narrow.write_text(MODEL.replace("x13xf32", "x12xf32"))
    for path, part in ((renamed, "no statistics of 'gate.input'; there are 'down.input'"),
                       (narrow, "of 'up' contracts 12 channels, and the statistics of 'up.input' "
                                "are of 13")):
        result = tool("quant-opt", "--quant-tensor-quantize-model=scheme=int8/int8,tensor,static "
                      f"stats={folder}/s.safetensors", path, "-o", out, check=False)
        assert result.returncode != 0 and part in result.stderr, result.stderr
        assert ".mlir:" in result.stderr.splitlines()[0]
        assert not out.exists()
    assert read_safetensors(folder / "s.safetensors")
