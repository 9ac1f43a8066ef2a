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
    ("gelu", 1100, "f16"), ("layernorm", 5120, "bf16"),
    # Rows so long that an SM has one block.
    ("rmsnorm", 28672, "bf16"), ("layernorm", 28672, "bf16"),
    ("gelu", 22016, "bf16"),
    # And longer than a block has registers for.
    ("rmsnorm", 53248, "bf16"), ("gate", 45056, "bf16"), ("gelu", 36866, "f32"), ("rmsnorm", 35999, "bf16"),
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
        # The reference adds a row up in order: of long ones it knows less than that.
        for device in ("emulator", "cpu") if rows == 13 and columns < 20000 else ("emulator",):
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
    for columns, element in (
        (768, "bf16"), (1100, "bf16"), (1280, "bf16"), (1536, "f32"), (2048, "bf16"), (3072, "bf16"),
        (4096, "bf16"), (5120, "bf16"), (8192, "bf16"), (11008, "f16"), (14336, "bf16"), (22016, "bf16"),
        (28672, "bf16"), (32768, "bf16"), (2560, "bf16"), (3584, "bf16"), (6144, "f32"), (7168, "bf16"),
        (12288, "bf16"), (18432, "bf16"), (20480, "bf16"), (24576, "f16"), (53248, "bf16"), (65536, "bf16"),
        # Lengths that no vector divides.
        (1443, "f32"), (1927, "bf16"), (3953, "f16"), (23987, "bf16"), (29383, "f16"),
    ):
        source, ptx = tmp_path / "rows.mlir", tmp_path / "rows.ptx"
        source.write_text(program(kind, columns, element))
        tool("quant-compile", source, "--emit=ptx", "-o", ptx)
        done = subprocess.run([ptxas, "-arch=sm_90a", "-v", str(ptx), "-o", str(tmp_path / "k.cubin")],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert re.findall(r"(\d+) bytes (?:stack|spill)", done.stderr) == ["0"] * 3, (columns, done.stderr)


def list_schedule(tool, text):
    """The program once its rows have a schedule, and the text of that."""
    listed = tool("quant-opt", "-", "--quant-to-ptx", "--mlir-print-ir-after=select-row-schedule",
                  "-o", "/dev/null", stdin=text, check=False).stderr
    (chosen,) = re.findall(r"schedule <(chip[^>]*)>", listed)
    return "\n".join(line for line in listed.splitlines() if not line.startswith("// ---")), chosen


def run_counts(tool, tmp_path, folder, text, columns, counts):
    """What the emulator computes of as many random rows as each of `counts` says."""
    rng = np.random.default_rng(columns)
    results = []
    for count in counts:
        arrays = {n: rng.standard_normal((count, columns)).astype(ml_dtypes.bfloat16) for n in ("x", "up")}
        arrays |= {n: rng.uniform(0.5, 2, columns).astype(np.float32) for n in ("gamma", "beta")}
        used = {n: reference.to_bits(a) for n, a in arrays.items() if f'"{n}"' in text}
        np.savez(tmp_path / "in.npz", **used)
        tool("quant-run", folder, "--device=emulator", f"--inputs={tmp_path}/in.npz", "--bits",
             f"--output={tmp_path}/out.npz")
        results.append(dict(np.load(tmp_path / "out.npz")))
    return results


@pytest.mark.parametrize("kind, columns, warps", [("layernorm", 1280, 2), ("gate", 1104, 3), ("gelu", 136, 1)])
def test_prefetched_rows(tool, tmp_path, kind, columns, warps):
    """A schedule that brings other rows into L2 gives the bits of one that does not, and
    asks for no byte beyond the last row: the emulator would report it."""
    text = program(kind, columns, "bf16")
    scheduled, chosen = list_schedule(tool, text)
    results = []
    for ahead in (0, 3):
        rows = 4 if warps == 1 else 1
        schedule = (f'chip = "sm_90a", warps = {warps}, rows = {rows}, vector = 8, occupancy = 2, '
                    f"prefetch = {ahead}")
        source, folder = tmp_path / f"{ahead}.mlir", tmp_path / f"{ahead}.qmlir"
        source.write_text(scheduled.replace(chosen, schedule))
        tool("quant-compile", source, "-o", folder)
        ptx = (folder / "module.ptx").read_text()
        assert re.search(r"\.minnctapersm\s+2\b", ptx)
        inputs = ptx.count("cp.async.bulk.prefetch.L2")
        assert inputs == (0 if not ahead else 2 if kind == "gate" else 1)
        results.append(run_counts(tool, tmp_path, folder, text, columns, (0, 1, 9)))
    for without, ahead in zip(*results, strict=True):
        for name in ("codes", "scales"):
            np.testing.assert_array_equal(without[name], ahead[name])


@pytest.mark.parametrize("kind, columns, warps, rows, stages, resident", [
    # Rings that go round, of one row and of several, of one input and of two; warps that
    # each combine a few partial results, and lanes that take one each.
    ("layernorm", 256, 2, 1, 1, 2), ("layernorm", 328, 1, 2, 2, 1), ("gate", 256, 2, 1, 2, 0),
    ("gelu", 256, 1, 1, 1, 0), ("gelu", 1096, 9, 1, 4, 0), ("rmsnorm", 328, 3, 1, 2, 1),
    # Rows side by side, each of several warps with a barrier of their own.
    ("layernorm", 256, 2, 3, 1, 2), ("rmsnorm", 328, 3, 2, 2, 1), ("gelu", 1096, 9, 2, 1, 0),
])
def test_staged_rows(tool, tmp_path, kind, columns, warps, rows, stages, resident):
    """Rows that come through shared memory give the bits of rows that do not, however
    many each block computes; the emulator would report one that is read before it is
    there, or written while it is read."""
    text = program(kind, columns, "bf16")
    scheduled, chosen = list_schedule(tool, text)
    results = []
    for staged in (False, True):
        schedule = f'chip = "sm_90a", warps = {warps}, rows = {rows}, vector = 8'
        schedule += f", stages = {stages}, resident = {resident}" if staged else ""
        source, folder = tmp_path / f"{staged}.mlir", tmp_path / f"{staged}.qmlir"
        source.write_text(scheduled.replace(chosen, schedule))
        tool("quant-compile", source, "-o", folder)
        copies = (folder / "module.ptx").read_text().count("cp.async.bulk.shared::cluster.global")
        assert copies == (0 if not staged else (2 if kind == "gate" else 1) * (stages + 1) + resident)
        # Blocks of all multiprocessors, each several times.
        counts = (0, 3, 132 * rows * (2 * stages + 1) + 5)
        results.append(run_counts(tool, tmp_path, folder, text, columns, counts))
    for without, staged in zip(*results, strict=True):
        for name in ("codes", "scales"):
            np.testing.assert_array_equal(without[name], staged[name])


@pytest.mark.parametrize("kind, columns, warps, rows, stages, resident, blocks", [
    # Rows of few warps, whose partial results each thread combines, and of so many that
    # lanes take one each; parts with and without a tail; all in several turns.
    ("layernorm", 256, 2, 1, 1, 2, 2), ("layernorm", 1312, 3, 2, 2, 2, 4), ("rmsnorm", 1536, 9, 2, 1, 1, 2),
    ("layernorm", 1408, 4, 3, 1, 1, 8), ("gate", 512, 2, 2, 2, 0, 2), ("gelu", 4352, 16, 1, 1, 0, 2),
])
def test_shared_rows(tool, tmp_path, kind, columns, warps, rows, stages, resident, blocks):
    """Rows that several blocks share, however many there are: the emulator would report
    a message that is read before it has come, or takes the place of one that is read."""
    text = program(kind, columns, "bf16")
    scheduled, chosen = list_schedule(tool, text)
    source, folder = tmp_path / "rows.mlir", tmp_path / "rows.qmlir"
    source.write_text(scheduled.replace(
        chosen, f'chip = "sm_90a", warps = {warps}, rows = {rows}, vector = 8, stages = {stages}, '
                f"resident = {resident}, blocks = {blocks}"))
    tool("quant-compile", source, "-o", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (kernel,) = manifest["kernels"]
    assert kernel["cluster"][0] == blocks
    ptx = (folder / "module.ptx").read_text()
    assert "st.async.shared::cluster.mbarrier::complete_tx::bytes.b32" in ptx or ".bytes.f32" in ptx
    rng = np.random.default_rng(columns)
    # Clusters that run at once: of a block for each of 132 multiprocessors.
    clusters = {2: 66, 4: 30, 8: 15}[blocks]
    for count in (0, 1, clusters * rows * (stages + 1) + 5):
        arrays = {n: rng.standard_normal((count, columns)).astype(ml_dtypes.bfloat16) for n in ("x", "up")}
        arrays |= {n: rng.uniform(0.5, 2, columns).astype(np.float32) for n in ("gamma", "beta")}
        arrays["x"][count // 2:count // 2 + 1] = 0
        inputs = {n: a for n, a in arrays.items() if f'"{n}"' in text}
        np.savez(tmp_path / "in.npz", **{n: reference.to_bits(a) for n, a in inputs.items()})
        tool("quant-run", folder, "--device=emulator", f"--inputs={tmp_path}/in.npz", "--bits",
             f"--output={tmp_path}/out.npz")
        results = dict(np.load(tmp_path / "out.npz"))
        if kind == "layernorm" and count:
            # A row of zeros is beta there.
            assert np.all(results["scales"] > 0)
        check(kind, inputs, results["codes"], results["scales"].view(np.float32))


def test_prefetch_only_where_rows_are_computed(tool):
    """Where SMs only move bytes they wait for memory in any case, and rows that 16 bytes
    do not divide cannot be asked for."""
    def chosen(kind, columns, chip="sm_90a"):
        listed = tool("quant-opt", "-", f"--quant-to-ptx=chip={chip}", "-o", "/dev/null",
                      "--mlir-print-ir-after=select-row-schedule", stdin=program(kind, columns, "bf16"),
                      check=False).stderr
        return int((re.findall(r"prefetch = (\d+)", listed) or [0])[0])

    assert chosen("gelu", 4096) and chosen("layernorm", 30040)
    assert not chosen("plain", 4096) and not chosen("gate", 4096)
    assert not chosen("gelu", 1100) and not chosen("gelu", 4096, "sm_80")


def test_nan_among_what_is_computed(tool, tmp_path):
    """The largest magnitude passes NaNs over, also where a whole thread has nothing else,
    and their codes are zero."""
    text = program("gelu", 2048, "bf16")
    source, folder = tmp_path / "rows.mlir", tmp_path / "rows.qmlir"
    source.write_text(text)
    tool("quant-compile", source, "-o", folder)
    x = np.random.default_rng(3).standard_normal((4, 2048)).astype(ml_dtypes.bfloat16)
    x[0, 7], x[1, :], x[2, 8:2048] = np.nan, np.nan, np.nan
    np.savez(tmp_path / "in.npz", x=reference.to_bits(x))
    tool("quant-run", folder, "--device=emulator", f"--inputs={tmp_path}/in.npz", "--bits",
         f"--output={tmp_path}/out.npz")
    results = np.load(tmp_path / "out.npz")
    codes, scales = results["codes"].view(np.int8), results["scales"].view(np.float32)
    y = exact("gelu", {"x": x})
    assert (codes[np.isnan(y)] == 0).all()
    largest = np.nanmax(np.abs(np.where(np.isnan(y), 0, y)), axis=1, keepdims=True)
    np.testing.assert_allclose(scales, np.where(largest == 0, 1, largest / 127), rtol=4e-6)
    there = ~np.isnan(y)
    assert (np.abs(codes - y / scales)[there] <= 0.5 + 2e-3).all()


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
