"""Groups of row-local ops as one kernel, in the emulator and on the CPU.

Norms, softmax, gated activations and per-token quantization behind them, on
rows of every shape that matters: one warp or several, tails, odd lengths, no
rows at all. Float results against float64; codes may differ by one only where
the quotient is on the border between two.
"""

import json
import pathlib
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "test" / "Integration")]
import reference_runner as reference  # noqa: E402
from rows import exact, program  # noqa: E402

DTYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16}


def check(kind, inputs, codes, scales):
    """Codes and scales against float64, to the rounding of f32 before them."""
    y = exact(kind, inputs)
    if not y.shape[0]:
        return
    # max |y| / 127; a row of zeros has scale 1.
    wanted = np.abs(y).max(axis=1, keepdims=True) / 127
    wanted[wanted == 0] = 1
    np.testing.assert_allclose(scales, wanted, rtol=4e-6)
    quotient = y / scales.astype(np.float64)
    slack = 0.5 + 2e-3
    assert np.all(np.abs(codes - np.clip(quotient, -128, 127)) <= slack)
    assert np.abs(codes.astype(int)).max(axis=1).tolist() == [
        127 if np.any(row) else 0 for row in y
    ]


CASES = [
    # One warp a row; tails of a vector, of a warp; rows that have no vectors.
    ("plain", 64, "f32"), ("plain", 77, "f32"), ("plain", 200, "bf16"), ("plain", 2, "f16"),
    ("rmsnorm", 384, "bf16"), ("rmsnorm", 131, "f32"), ("gate", 96, "f16"),
    # Several warps a row, with and without a tail.
    ("plain", 4096, "bf16"), ("rmsnorm", 1536, "bf16"), ("rmsnorm", 1031, "f32"),
    ("gate", 1100, "bf16"), ("plain", 11008, "f16"),
    ("layernorm", 131, "bf16"), ("layernorm", 1280, "bf16"), ("gelu", 200, "bf16"),
    ("gelu", 1100, "f16"),
]


@pytest.mark.parametrize("kind, columns, element", CASES, ids=lambda value: str(value))
def test_quantized_rows(tool, tmp_path, kind, columns, element):
    source, folder = tmp_path / "rows.mlir", tmp_path / "rows.qmlir"
    source.write_text(program(kind, columns, element))
    tool("quant-compile", source, "-o", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [kernel["name"] for kernel in manifest["kernels"]] == ["rows_0"]
    assert not [b for f in manifest["functions"] for b in f["buffers"] if b["role"] == "temporary"]
    rng = np.random.default_rng(columns)
    for rows in (0, 1, 13):
        x = rng.standard_normal((rows, columns)) * 3
        if rows == 13:
            x[4] = 0
        inputs = {"x": x.astype(DTYPES[element])}
        if kind in ("rmsnorm", "layernorm"):
            inputs["gamma"] = rng.uniform(0.5, 2, columns).astype(np.float32)
        if kind == "layernorm":
            inputs["beta"] = rng.uniform(-1, 1, columns).astype(np.float32)
        if kind == "gate":
            inputs["up"] = rng.standard_normal((rows, columns)).astype(DTYPES[element])
        file = tmp_path / "inputs.npz"
        np.savez(file, **{n: reference.to_bits(a) for n, a in inputs.items()})
        for device in ("emulator", "cpu") if rows == 13 else ("emulator",):
            output = tmp_path / f"{device}.npz"
            tool("quant-run", folder, f"--device={device}", f"--inputs={file}",
                 "--bits", f"--output={output}")
            results = np.load(output)
            check(kind, inputs, results["codes"].view(np.int8),
                  results["scales"].view(np.float32))


@pytest.mark.parametrize("kind", ["plain", "gelu", "gate", "rmsnorm", "layernorm"])
def test_chosen_rows_fit_registers(tool, tmp_path, ptxas, kind):
    """Where room for more blocks is asked for, threads have the registers that they
    need."""
    for columns, element in ((1100, "bf16"), (1536, "f32"), (4096, "bf16"), (11008, "f16")):
        source, ptx = tmp_path / "rows.mlir", tmp_path / "rows.ptx"
        source.write_text(program(kind, columns, element))
        tool("quant-compile", source, "--emit=ptx", "-o", ptx)
        done = subprocess.run([ptxas, "-arch=sm_90a", "-v", str(ptx), "-o", str(tmp_path / "k.cubin")],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert re.findall(r"(\d+) bytes (?:stack|spill)", done.stderr) == ["0"] * 3, (columns, done.stderr)


@pytest.mark.parametrize("kind, columns, warps, rows", [
    ("layernorm", 1280, 2, 2), ("gate", 1100, 3, 3), ("plain", 4096, 4, 2), ("rmsnorm", 131, 2, 4),
])
def test_rows_in_turn(tool, tmp_path, kind, columns, warps, rows):
    """A block that computes several rows, by a schedule written by hand, gives the
    bits of one that computes one, also where rows are left over."""
    text = program(kind, columns, "bf16")
    listed = tool("quant-opt", "-", "--quant-to-ptx", "--mlir-print-ir-after=select-row-schedule",
                  "-o", "/dev/null", stdin=text, check=False).stderr
    (chosen,) = re.findall(r"schedule <(chip[^>]*)>", listed)
    vector = re.search(r"vector = \d+", chosen)[0]
    results = []
    for at_once in (1, rows):
        schedule = f'chip = "sm_90a", warps = {warps}, rows = {at_once}, {vector}, occupancy = 2'
        source, folder = tmp_path / f"{at_once}.mlir", tmp_path / f"{at_once}.qmlir"
        lines = listed.replace(chosen, schedule).splitlines()
        source.write_text("\n".join(line for line in lines if not line.startswith("// ---")))
        tool("quant-compile", source, "-o", folder)
        assert re.search(r"\.minnctapersm\s+2\b", (folder / "module.ptx").read_text())
        rng = np.random.default_rng(columns)
        for count in (0, 1, 9):
            inputs = {n: rng.standard_normal((count, columns)).astype(ml_dtypes.bfloat16) for n in ("x", "up")}
            inputs |= {n: rng.uniform(0.5, 2, columns).astype(np.float32) for n in ("gamma", "beta")}
            used = {n: reference.to_bits(a) for n, a in inputs.items() if f'"{n}"' in text}
            np.savez(tmp_path / "in.npz", **used)
            tool("quant-run", folder, "--device=emulator", f"--inputs={tmp_path}/in.npz", "--bits",
                 f"--output={tmp_path}/out.npz")
            results.append(dict(np.load(tmp_path / "out.npz")))
    for one, several in zip(results[:3], results[3:]):
        assert one["codes"].shape[0] == several["codes"].shape[0]
        np.testing.assert_array_equal(one["codes"], several["codes"])
        np.testing.assert_array_equal(one["scales"], several["scales"])


def border_rows(rng, rows, columns):
    """Numbers next to where a code ends, by the scale that their row has, and rows
    whose quotients no reciprocal gives."""
    scale = rng.uniform(1e-3, 1e3, (rows, 1)).astype(np.float32)
    largest = (scale * np.float32(127)).astype(np.float32)
    scale = (largest / np.float32(127)).astype(np.float32)
    code = rng.integers(-126, 126, (rows, columns)) + np.float32(0.5)
    x = (code * scale).astype(np.float32)
    # One place up or down, or none.
    x = (x.view(np.int32) + rng.integers(-1, 2, x.shape, dtype=np.int32)).view(np.float32)
    x[:, :1] = largest
    x[0] *= np.float32(1e-38)
    x[1] *= np.float32(2.0**-140)
    x[2] *= np.float32(1e33)
    x[3, 5], x[4, 7], x[5, 9] = np.nan, np.inf, -np.inf
    x[6] = 0
    x[7, 1:] = rng.uniform(-1e-30, 1e-30, columns - 1)
    return x


@pytest.mark.parametrize("columns, element", [(200, "f32"), (5120, "bf16"), (4200, "f32")])
@pytest.mark.parametrize("is_computed", [False, True])
def test_quotients_are_those_of_divisions(tool, tmp_path, columns, element, is_computed):
    """A row's quotients come from its scale's reciprocal: to the last bit, so that
    every code is the definition's. Codes of what is computed, here twice the half of
    what is read, need no quotients, but where two of them are close."""
    source, folder = tmp_path / "rows.mlir", tmp_path / "rows.qmlir"
    text = program("plain", columns, element)
    if is_computed:
        text = text.replace("    linalg.yield %v32 : f32", """    %half = arith.constant 0.5 : f32
    %h = arith.mulf %v32, %half : f32
    %v64 = arith.addf %h, %h : f32
    linalg.yield %v64 : f32""")
        assert "%v64" in text
    source.write_text(text)
    tool("quant-compile", source, "-o", folder)
    x = border_rows(np.random.default_rng(columns), 24, columns).astype(DTYPES[element])
    np.savez(tmp_path / "in.npz", x=reference.to_bits(x))
    results = {}
    for device in ("emulator", "cpu"):
        tool("quant-run", folder, f"--device={device}", f"--inputs={tmp_path}/in.npz", "--bits",
             f"--output={tmp_path}/out.npz")
        results[device] = dict(np.load(tmp_path / "out.npz"))
    for name in ("codes", "scales"):
        np.testing.assert_array_equal(results["emulator"][name], results["cpu"][name])
    scales = results["cpu"]["scales"].view(np.float32)
    with np.errstate(all="ignore"):
        x = x.astype(np.float32)
        quotient = ((x * np.float32(0.5) * 2 if is_computed else x) / scales).astype(np.float32)
    quotient[np.isnan(quotient)] = 0
    codes = np.clip(np.rint(quotient), -128, 127)
    np.testing.assert_array_equal(results["cpu"]["codes"].view(np.int8), codes)
