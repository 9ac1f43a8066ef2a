"""measure_bundle.py, with the emulator in the place of a GPU: its clock says
nothing about one, but everything else is the same."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import measure_bundle  # noqa: E402

MLIR = """
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<?x72xbf16>, %w: tensor<21x72xbf16, #w4>, %b: tensor<21xf32>) -> tensor<?x21xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x72xbf16>
  %init = tensor.empty(%m) : tensor<?x21xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x72xbf16>, tensor<21x72xbf16, #w4>)
      epilogue(%b : tensor<21xf32>) maps [affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x21xf32>) {
  ^bb0(%acc: f32, %bias: f32):
    %0 = arith.addf %acc, %bias : f32
    quant_tensor.yield %0 : f32
  } -> tensor<?x21xf32>
  return %y : tensor<?x21xf32>
}
"""


@pytest.fixture(scope="module")
def bundle(tool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    (folder / "op.mlir").write_text(MLIR)
    path = folder / "op.qtune"
    tool("quant-tune", folder / "op.mlir", "--rows=1,9", "--limit=4", "-o", path)
    return path


def emulated(build_dir):
    """The environment in which the emulator is the driver."""
    return dict(
        os.environ,
        QUANTMLIR_LIBCUDA=str(build_dir / "lib" / "libquantmlir_emulator_driver.so"),
        QUANTMLIR_RUNTIME=str(build_dir / "lib" / "libquantmlir_runtime.so"),
    )


def measure(build_dir, bundle, output, *arguments):
    script = ROOT / "benchmarks" / "measure_bundle.py"
    return subprocess.run(
        [sys.executable, str(script), str(bundle), "-o", str(output), *arguments],
        capture_output=True,
        text=True,
        env=emulated(build_dir),
    )


def test_times_go_back_into_the_compiler(tool, build_dir, bundle, tmp_path):
    output = tmp_path / "timings.jsonl"
    done = measure(build_dir, bundle, output)
    assert done.returncode == 0, done.stdout + done.stderr
    index = measure_bundle.read_bundle(str(bundle))
    (op,) = index["ops"]
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(lines) == sum(len(c["rows"]) for c in op["candidates"]) >= 4
    for line in lines:
        assert line["op"] == op["op"] and line["rows"] in (1, 9)
        assert line["microseconds"] > 0 and line["method"] == "wall clock"
        assert line["check"] in ("equal", "agrees")
    assert "chosen without timings" in done.stdout

    # Nothing is measured twice; a line that was cut short is measured again.
    text = output.read_text()
    output.write_text(text[:-20])
    done = measure(build_dir, bundle, output)
    assert done.returncode == 0, done.stdout + done.stderr
    again = [json.loads(line) for line in output.read_text().splitlines()]
    assert again[:-1] == lines[:-1] and len(again) == len(lines)

    # The compiler takes the fastest of each number of rows.
    for line in lines:
        line["microseconds"] = 5.0
    slow = [x for x in lines if x["rows"] == 9]
    slow[-1]["microseconds"] = 1.0
    output.write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = bundle.parent / "op.mlir"
    out = tool("quant-compile", source, "--emit=schedule", f"--tuned={output}")
    best = slow[-1]["schedule"].partition(", weights")[0].partition("<")[2]
    assert best in out
    tool("quant-compile", source, f"--tuned={output}", "-o", tmp_path / "op.qmlir")


def test_wrong_results_get_no_time(build_dir, bundle, tmp_path):
    copy = tmp_path / "wrong.qtune"
    shutil.copytree(bundle, copy)
    index = json.loads((copy / "tuning.json").read_text())
    candidates = index["ops"][0]["candidates"]
    # One artifact is not there; another's manifest is cut short.
    shutil.rmtree(copy / candidates[1]["artifact"])
    manifest = copy / candidates[2]["artifact"] / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    output = tmp_path / "timings.jsonl"
    done = measure(build_dir, copy, output)
    assert done.returncode == 1
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    failed = {x["schedule"] for x in lines if "error" in x}
    assert failed == {candidates[1]["schedule"], candidates[2]["schedule"]}
    assert all("microseconds" not in x for x in lines if "error" in x)
    assert f"{len([x for x in lines if 'error' in x])} failed" in done.stdout


def make_comparison():
    at = measure_bundle.OpMeasurement.__new__(measure_bundle.OpMeasurement)
    at.op = {"op": "m=8 n=16 k=4096 lhs=bf16"}
    return at


def test_results_are_compared_within_their_contracts():
    rng = np.random.default_rng(1)
    expected = rng.standard_normal(1000) * 64
    at = make_comparison()
    near = expected * (1 + 2.0**-20)
    at.compare(near, expected, [2.0**-23, 0, 0], "f32")
    # A missing group of a hundredth of the columns is found.
    wrong = expected + rng.standard_normal(1000) * 6
    with pytest.raises(measure_bundle.Mismatch, match="elements differ"):
        at.compare(wrong, expected, [2.0**-23, 0, 0], "f32")
    with pytest.raises(measure_bundle.Mismatch, match="is nan"):
        at.compare(np.where(np.arange(1000) == 7, np.nan, expected), expected, [2.0**-23, 0, 0], "f32")
    # Integers have no bound: not one may differ.
    with pytest.raises(measure_bundle.Mismatch, match="1 of 1000"):
        at.compare(expected + (np.arange(1000) == 3), expected, [0, 0, 0], "i32")


@pytest.mark.parametrize("text", [None, "{", "[]", '{"format": "quantmlir-tuning-bundle", "version": 2}'])
def test_other_folders_are_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "tuning.json").write_text(text)
    with pytest.raises(SystemExit, match="tuning.json"):
        measure_bundle.read_bundle(str(tmp_path))


def test_other_outputs_are_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not json\n")
    with pytest.raises(SystemExit, match="notes.txt:1: not a line of JSON"):
        measure_bundle.read_lines(str(path))
    assert path.read_text() == "not json\n"


def test_random_data_is_finite():
    rng = np.random.default_rng(1)
    for element in ("i8", "i32", "f16", "f32", "bf16", "f8E4M3FN", "f8E5M2", "f8E8M0FNU"):
        for name in ("lhs", "rhs.scales", "rhs.zero_points"):
            array = measure_bundle.random_array(rng, name, element, (3, 5))
            assert array.shape == (3, 5)
            if element in ("f16", "f32", "bf16"):
                assert np.isfinite(measure_bundle.to_float(array, element)).all()


#: The context goes before its memory and its executable, as may be in a circle.
CIRCLE = """
import gc, sys
sys.path.insert(0, sys.argv[1])
import artifact as rt
from loaded import Loaded
context = rt.Context(rt.Library())
things = [context.allocate(64), Loaded(context, sys.argv[2])]
context.__del__()
del things, context
gc.collect()
"""


def test_what_is_left_of_a_context_goes_quietly(build_dir, bundle):
    (folder, *_) = sorted(bundle.glob("*/*"))
    result = subprocess.run(
        [sys.executable, "-c", CIRCLE, str(ROOT / "benchmarks"), str(folder)],
        capture_output=True, text=True, env=emulated(build_dir),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
