"""The benchmark harness without a GPU: its programs mean what its reference
computes, and its checker notices kernels that do nothing."""

import json
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import build_artifacts  # noqa: E402
import cases  # noqa: E402
import gpu_check  # noqa: E402
import marlin  # noqa: E402
import programs  # noqa: E402
import weights  # noqa: E402


@pytest.mark.parametrize("kind", [*cases.KINDS, *cases.TIMED_KINDS])
@pytest.mark.parametrize("shape", [(7, 64, None), (5, 131, 1), (3, 300, 4)])
def test_programs_mean_what_the_reference_computes(tool, tmp_path, kind, shape):
    n, k, m = shape
    case = cases.linear(kind, n, k, m)
    inputs = case.weights() | case.activations(9 if m is None else m)
    (tmp_path / "case.mlir").write_text(case.mlir())
    raw = {name: as_bits(array) for name, array in inputs.items()}
    np.savez(tmp_path / "in.npz", **raw)
    tool(
        "quant-reference", tmp_path / "case.mlir", "linear",
        tmp_path / "in.npz", tmp_path / "out.npz",
    )
    got = np.load(tmp_path / "out.npz")["y"].view(weights.DTYPES[case.out])
    got = got.astype(np.float64)
    exact, bound = case.reference(inputs, (2.0**-24, 0, 0))
    assert got.shape == exact.shape
    assert (np.abs(got - exact) <= bound).all()
    # The bound is tight enough to notice codes in the wrong order.
    case.weight.__dict__["codes"] = np.roll(case.weight.codes, 1, axis=1)
    case.weight.__dict__.pop("values", None)
    other, _ = case.reference(inputs, (2.0**-24, 0, 0))
    assert not (np.abs(got - other) <= bound).all()


def as_bits(array):
    return array.view(np.uint16) if array.dtype == weights.DTYPES["bf16"] else array


def test_check_shapes_cover_what_they_should():
    shapes = cases.CHECK_SHAPES
    assert any(n % 2 and k % 2 for n, k in shapes)
    assert any(k % 32 for _, k in shapes) and any(k % 128 == 0 for _, k in shapes)
    assert {0, 1, 300} <= set(cases.CHECK_ROWS)
    names = [case.name for case in cases.check_cases()]
    assert len(names) == len(set(names))


def test_descriptions_make_the_same_program():
    for case in cases.FAMILIES:
        entry = json.loads(json.dumps(programs.describe(case)))
        # Two new ones: who used `case` before moved its random numbers on.
        again, other = (programs.from_description(entry) for _ in range(2))
        assert again.name == case.name and again.mlir() == case.mlir()
        first, second = again.weights(), other.weights()
        assert first.keys() == case.weights().keys() == second.keys()
        for name, array in first.items():
            assert array.tobytes() == second[name].tobytes()


def test_a_part_of_a_layer():
    """Its result is those columns of the whole's."""
    some = [cases.linear(kind, 9, 64) for kind in [*cases.KINDS, *cases.FLOAT8_KINDS, *cases.SCHEDULED_KINDS]]
    # Blocks of several rows, a GELU, and two products in one.
    some += [programs.Float8(9, 64, group=32, rows=4), programs.Gated(9, 64, 3)]
    some += [programs.Layer(9, 64, x="quantized", storage="i8", activation="gelu", out="bf16")]
    for case in some:
        inputs = case.weights() | case.activations(3)
        columns = [7, 2]
        exact, bound = case.take(columns).reference(inputs, (0, 0, 0))
        whole, limit = case.reference(inputs, (0, 0, 0))
        np.testing.assert_allclose(exact, whole[:, columns], rtol=1e-14)
        np.testing.assert_allclose(bound, limit[:, columns], rtol=1e-14)


def test_weights_are_shared_by_equal_programs():
    """Drawing a large one takes seconds; other programs draw their own."""
    first = cases.linear("int4_g32", 9, 64)
    for kind, n, same in [("int4_g32", 9, True), ("int4_g32", 8, False), ("int4_g64", 9, False)]:
        other = cases.linear(kind, n, 64, 1)
        other.share_weight(first)
        assert (other.weight is first.weight) == same
    # One that is no layer has none to share.
    first.share_weight(cases.Integers(9, 64))


def test_scales_that_keep_the_size():
    weight = weights.Weight(weights.Encoding("i4", 32, "bf16"), 8, 64)
    before = weight.values
    weight.rescale(0.25)
    np.testing.assert_array_equal(weight.values, before / 4)


def test_fast_accumulation(tmp_path, build_dir):
    """Its artifacts say how much less they promise."""
    compiler = build_artifacts.Compiler(str(build_dir / "bin" / "quant-compile"))
    contracts = {}
    for kind in ("fp8_rows", "fp8_rows_fast"):
        case = cases.linear(kind, 256, 2048, 128)
        compiler.compile(case, str(tmp_path / kind))
        manifest = json.loads((tmp_path / kind / "manifest.json").read_text())
        contracts[kind] = max(k["contract"]["u_acc"] for k in manifest["kernels"])
    # A quarter of the sum of magnitudes, and a thirtieth.
    assert 5 * contracts["fp8_rows"] < contracts["fp8_rows_fast"] < 0.25 / 2048


@pytest.mark.parametrize("bits,k", [(2, 9), (4, 7), (4, 8), (8, 5)])
def test_packing(bits, k):
    limit = 1 << (bits - 1)
    codes = np.random.default_rng(0).integers(-limit, limit, (6, k))
    packed = weights.pack(codes, bits).view(np.uint8)
    assert packed.shape == (6, -(-k * bits // 8))
    for row in range(6):
        stream = int.from_bytes(packed[row].tobytes(), "little")
        for column in range(k):
            code = stream >> (column * bits) & ((1 << bits) - 1)
            assert code == codes[row, column] & ((1 << bits) - 1)


def test_a_real_weight_is_quantized_by_absmax():
    values = np.float32([[1.1, -2, 0.5, 0, 0, 0], [0.1, 0.2, -0.3, 7, 6, 5]])
    weight = weights.Weight(weights.Encoding("i4", 3, "f32"), 2, 6, values=values)
    np.testing.assert_allclose(
        weight.arrays["scales"], np.float32([[2 / 7, 1], [0.3 / 7, 1]]), rtol=1e-6
    )
    np.testing.assert_array_equal(
        weight.codes, [[4, -7, 2, 0, 0, 0], [2, 5, -7, 7, 6, 5]]
    )


def make_artifact(folder, case):
    """An artifact by hand: one kernel that takes pointers to everything."""
    ptx = (
        ".version 8.0\n.target sm_90a\n.address_size 64\n"
        ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c, "
        ".param .u64 d) { ret; }\n"
    )
    folder.mkdir()
    (folder / "module.ptx").write_text(ptx)
    n, k = case.n, case.k
    buffers = [
        ("x", "input", "bf16", ["d0", k]),
        ("w.codes", "weight", "i8", [n, k]),
        ("w.scales", "weight", "f32", [n, 1]),
        ("y", "output", "bf16", ["d0", n]),
    ]
    manifest = {
        "format": "quantmlir-artifact",
        "version": 1,
        "chip": "sm_90a",
        "images": [
            {
                "kind": "ptx",
                "file": "module.ptx",
                "bytes": len(ptx),
                "crc32": f"{zlib.crc32(ptx.encode()):08x}",
            }
        ],
        "kernels": [{"name": "k", "block": [64, 1, 1],
                     "parameters": ["pointer"] * 4,
                     "contract": {"u_acc": 2.0**-24, "u_decode": 0, "offset": 0}}],
        "functions": [
            {
                "name": "linear",
                "dims": [{"name": "d0", "argument": 0, "axis": 0}],
                "buffers": [
                    dict(name=name, role=role, element=element, shape=shape)
                    for name, role, element, shape in buffers
                ],
                "steps": [{"launch": "k", "grid": ["d0", 1, 1],
                           "arguments": [{"buffer": i} for i in range(4)]}],
            }
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def check(tmp_path, build_dir):
    """check(cases, **environment) runs gpu_check.py on hand-made artifacts of
    int8_weight cases; any other case is one that did not compile."""

    def run(chosen, **environment):
        entries = []
        for case in chosen:
            entry = programs.describe(case)
            if case.kind == "int8_weight":
                make_artifact(tmp_path / case.name, case)
                entry["artifact"] = case.name
            else:
                entry["error"] = "no such luck"
            entries.append(entry)
        index = dict(commit="none", cases=entries)
        (tmp_path / "index.json").write_text(json.dumps(index))
        result = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "gpu_check.py", tmp_path,
             "--json", tmp_path / "report.json"],
            env=dict(
                os.environ,
                QUANTMLIR_RUNTIME=str(build_dir / "lib/libquantmlir_runtime.so"),
                QUANTMLIR_LIBCUDA=str(
                    build_dir / "test/Unit/libquantmlir_fakecuda.so"
                ),
                **environment,
            ),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 1, result.stderr
        return json.loads((tmp_path / "report.json").read_text())["records"]

    return run


def test_checker_notices_kernels_that_do_nothing(check):
    """On the fake driver memory works and kernels do not run: every run with
    rows must fail, and the one with none pass."""
    records = check(
        [cases.linear("int8_weight", 5, 16), cases.linear("int4_g32", 5, 64)]
    )
    by_rows = {r.get("m"): r.get("error") for r in records}
    assert by_rows.pop(0) is None
    assert by_rows.pop(None) == "did not compile"
    assert set(by_rows) == set(cases.CHECK_ROWS) - {0}
    for rows, error in by_rows.items():
        assert error == f"{rows * 5} of {rows * 5} elements were never written"


def test_checker_goes_on_after_a_lost_context(check):
    """A driver's error ends its case, not the cases after it."""
    chosen = [cases.linear("int8_weight", n, 16) for n in (5, 6)]
    records = check(chosen, QUANTMLIR_FAKE_CUDA_FAIL="cuLaunchKernelEx:700")
    assert [(r["case"], r["m"]) for r in records] == [
        (case.name, rows) for case in chosen for rows in (0, 1)
    ]
    for record in records:
        lost = "launch of kernel 'k': CUDA_ERROR_FAKE (700)"
        assert (lost in record.get("error", "")) == (record["m"] == 1)


def test_checker_notices_wrong_numbers():
    """An error of two units in the last place of bf16 is out of bounds."""
    case = cases.linear("int8_scaled", 5, 64)
    inputs = case.weights() | case.activations(3)
    exact, _ = case.reference(inputs, (0, 0, 0))
    result = exact.astype(weights.DTYPES["bf16"])
    assert gpu_check.compare(case, inputs, result, (0, 0, 0)) <= 1
    result.view(np.uint16)[1, 2] += 2
    with pytest.raises(gpu_check.Failure, match=r"1 of 15 elements off, worst y\[1, 2\]"):
        gpu_check.compare(case, inputs, result, (0, 0, 0))


def test_marlin_is_scaled_by_cublas():
    assert marlin.estimate(16, 11008, 4096, 24.7) == pytest.approx(14.3)
    assert marlin.estimate(16, 11008, 4096, 2 * 24.7) == pytest.approx(2 * 14.3)
    assert marlin.estimate(2, 11008, 4096, 24.7) is None
    assert marlin.estimate(16, 22016, 4096, 40.0) is None


@pytest.mark.parametrize("kind", [k for k, v in cases.KINDS.items()
                                  if v["storage"][0] in "if" and "zero" not in v])
def test_weights_of_a_model_are_encoded(kind):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(24, 160)).astype(np.float32)
    values[3] = 0
    encoding = cases.linear(kind, 24, 160)._encoding
    weight = weights.Weight(encoding, 24, 160, values=values)
    assert np.isfinite(weight.values).all()
    # Half of the widest gap between two codes, by the absmax of a row at least.
    bits = encoding.bits
    if encoding.storage.startswith("i"):
        gap = 2.0 ** -(bits - 1)
    else:
        gap = 2.0**-2 if bits == 4 else 2.0**-4
    # Scales are rounded as well, those that are powers of two the most.
    slack = 2 if encoding.scale == "f8E8M0FNU" else 1.2
    largest = np.abs(values).max(axis=1, keepdims=True)
    assert (np.abs(weight.values - values) <= slack * gap * largest + 1e-12).all()
