"""What ptxas makes of the kernels that stream weights.

The schedules chosen for few rows leave a kernel 65536 / (threads * occupancy)
registers. A spill would cost more than whatever the schedule gains. And the
instructions that a decode takes are counted: they are what stands between a
kernel and the memory's speed.
"""

import json
import re
import subprocess

import pytest

#: Codebooks: the type of their codes, and how an encoding names them.
CODEBOOKS = {
    "nf4": ("ui4", ", codebook = nf4"),
    "book3": ("ui3", ", codebook = [-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 3.0]"),
    "book2": ("ui2", ", codebook = [-1.0, -0.25, 0.25, 1.0]"),
}
SHAPES = [(4096, 4096), (4096, 11008), (11008, 4096), (4099, 517), (300, 64)]
#: storage, group (0: a whole row), scale, zero point.
ENCODINGS = [
    ("i4", 128, "bf16", None),
    ("i4", 32, "bf16", None),
    ("i4", 0, "f32", None),
    ("ui4", 128, "bf16", "ui4"),
    ("ui4", 32, "f32", "bf16"),
    ("i8", 0, "f32", None),
    ("ui8", 64, "bf16", "ui8"),
    ("i2", 128, "bf16", None),
    ("f8E4M3FN", 0, "f32", None),
    ("f4E2M1FN", 32, "f8E8M0FNU", None),
    ("f4E2M1FN", 16, "f8E4M3FN", None),
    ("ui4", 16, "bf16", "ui4"),
    ("i3", 128, "bf16", None),
    ("ui3", 32, "bf16", "ui3"),
    ("ui5", 32, "f32", "bf16"),
    ("i6", 128, "bf16", None),
    ("ui7", 64, "bf16", "ui7"),
    ("nf4", 64, "bf16", None),
    ("nf4", 32, "f32", None),
]


def write(encoding, shapes, rows, element="bf16"):
    storage, group, scale, zero = encoding
    point = f", zero_point = {zero}" if zero else ""
    if storage in CODEBOOKS:
        storage, point = CODEBOOKS[storage]
    text = (
        f"#w = #quant_tensor.encoding<{{storage = {storage}, block = [1, {group}], "
        f"scale = {scale}{point}}}>\n"
    )
    for k, n in shapes:
        for m in rows:
            x, w = f"tensor<{m}x{k}x{element}>", f"tensor<{n}x{k}x{element}, #w>"
            y = f"tensor<{m}x{n}x{element}>"
            text += (
                f"func.func @f{m}_{k}_{n}(%x: {x}, %w: {w}) -> {y} {{\n"
                f"  %init = tensor.empty() : {y}\n"
                f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}) maps [] "
                f"outs(%init : {y}) {{\n  ^bb0(%acc: f32):\n"
                f"    %r = arith.truncf %acc : f32 to {element}\n"
                f"    quant_tensor.yield %r : {element}\n  }} -> {y}\n"
                f"  return %y : {y}\n}}\n"
            )
    return text


def compile_to(tool, tmp_path, text):
    source, folder = tmp_path / "w.mlir", tmp_path / "w.qmlir"
    source.write_text(text)
    tool("quant-compile", source, "--chip=sm_90a", "-o", folder)
    return folder


def check_entries(ptxas, folder, prefix, count):
    """Of an artifact: so many kernels have names that start with `prefix`, none spills."""
    done = subprocess.run(
        [ptxas, "-v", "-arch=sm_90a", folder / "module.ptx", "-o", folder / "module.cubin"],
        capture_output=True, text=True, check=True,
    )
    entries = done.stderr.split("Compiling entry function '")[1:]
    named = [e for e in entries if e.startswith(prefix)]
    assert len(named) == count
    for entry in named:
        assert "0 bytes stack frame, 0 bytes spill stores" in entry, entry


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: "-".join(map(str, e)))
def test_no_spills(tool, ptxas, tmp_path, encoding):
    shapes = [s for s in SHAPES if encoding[1] <= s[0]]
    # Of some, wgmma decodes 16 rows of large weights.
    folder = compile_to(tool, tmp_path, write(encoding, shapes, [1, 3, 16]))
    check_entries(ptxas, folder, "matmul_", 3 * len(shapes))


@pytest.mark.parametrize("storage", ["i2", "i3", "nf4"])
def test_no_spills_of_large_weights(tool, ptxas, tmp_path, storage):
    """Where the model counts on what ptxas finds room for, whatever the family."""
    shapes = [(8192, 28672), (4096, 22016), (13824, 5120)]
    encoding = (storage, 64 if storage == "nf4" else 128, "bf16", None)
    folder = compile_to(tool, tmp_path, write(encoding, shapes, [1, 16]))
    check_entries(ptxas, folder, "matmul_", 2 * len(shapes))


#: Extents at which kernels spilled once, and others that few rows are many of.
FEW = [(3712, 6272), (5504, 5408), (4096, 5632), (4096, 22016), (11264, 14400), (5120, 5120)]


@pytest.mark.parametrize("element", ["bf16", "f16"])
@pytest.mark.parametrize(
    "encoding",
    [
        ("i4", 128, None),
        ("i4", 64, None),
        ("i4", 32, None),
        ("ui4", 64, "ui4"),
        ("nf4", 64, None),
        ("f4E2M1FN", 32, None),
    ],
    ids=lambda e: "-".join(map(str, e)),
)
def test_no_spills_of_few_rows(tool, ptxas, tmp_path, encoding, element):
    """Two to eight rows, which a kernel of 2, 4 or 8 computes."""
    storage, group, zero = encoding
    text = write((storage, group, element, zero), FEW, [2, 4, 8], element)
    folder = compile_to(tool, tmp_path, text)
    check_entries(ptxas, folder, "matmul_mma_stream", 3 * len(FEW))


#: Extents of bytes at which kernels spilled once, beside these.
BYTES = FEW + [(2304, 1227), (3584, 4544), (2560, 17472), (5688, 2912), (3328, 5200)]


@pytest.mark.parametrize("element", ["bf16", "f16"])
@pytest.mark.parametrize("storage", ["i8", "ui8", "f8E4M3FN"])
def test_no_spills_of_bytes(tool, ptxas, tmp_path, storage, element):
    """Two to sixteen rows of bytes with one scale for each row of weights."""
    text = write((storage, 0, element, None), BYTES, [2, 8, 16], element)
    folder = compile_to(tool, tmp_path, text)
    check_entries(ptxas, folder, "matmul_mma_stream", 3 * len(BYTES))


#: Storage, group and zero point of weights that have no model.
UNMODELLED = [
    ("f4E2M1FN", 16, None),
    ("i3", 64, None),
    ("i5", 128, None),
    ("i6", 128, None),
    ("i7", 64, None),
    ("ui4", 32, "ui4"),
    ("ui4", 64, "bf16"),
    ("ui8", 128, "ui8"),
]


@pytest.mark.parametrize("encoding", UNMODELLED, ids=lambda e: "-".join(map(str, e)))
def test_no_spills_of_unmodelled(tool, ptxas, tmp_path, encoding):
    storage, group, zero = encoding
    scale = "f8E4M3FN" if group == 16 else "bf16"
    shapes = FEW + [(4096, 4096), (8192, 28672), (2048, 10816), (3712, 2896)]
    folder = compile_to(tool, tmp_path, write((storage, group, scale, zero), shapes, [1, 2, 8, 16]))
    check_entries(ptxas, folder, "matmul_", 4 * len(shapes))


#: Extents at which one row multiplies weights that are scaled.
SCALED = [(4096, 22016), (4096, 11008), (8192, 28672), (5120, 25600), (4096, 24592), (7168, 51200)]


@pytest.mark.parametrize("group", [64, 32])
def test_no_spills_of_one_scaled_row(tool, ptxas, tmp_path, group):
    text = write(("i4", group, "bf16", None), SCALED, [1])
    folder = compile_to(tool, tmp_path, text)
    check_entries(ptxas, folder, "matmul_mma_stream", len(SCALED))


#: Bit operations, packed float arithmetic and reads of a table for each weight, at
#: most; the table stands in the documentation of quant_tile.decode. Integers of
#: 4 bits are decoded without a bias.
CAPS = [
    ("i2", "bf16", 0.63),
    ("i4", "bf16", 1.13),
    ("ui4", "f16", 1.13),
    ("i8", "bf16", 1.75),
    ("ui8", "bf16", 1.75),
    ("i8", "f16", 0.75),
    ("f8E4M3FN", "bf16", 2.25),
    ("f8E5M2", "bf16", 2.25),
    ("f4E2M1FN", "bf16", 1.0),
    ("f4E2M1FN", "f16", 1.0),
    ("i3", "bf16", 0.85),
    ("ui3", "f16", 0.76),
    ("i5", "bf16", 1.13),
    ("ui5", "f16", 1.13),
    ("i6", "bf16", 1.1),
    ("ui6", "f16", 1.1),
    ("i7", "bf16", 1.2),
    ("ui7", "f16", 1.2),
    ("nf4", "bf16", 1.0),
    ("nf4", "f16", 1.0),
    ("book3", "bf16", 3.6),
    ("book2", "bf16", 3.5),
    ("f8E4M3FN", "f16", 2.25),
    ("ui2", "f16", 0.57),
]
DECODES = re.compile(
    r"^\t(lop3|prmt|shr|shl|and|or|xor)\.(b32|u32)|^\t(add|sub|mul|fma)\.\S*x2\b", re.M
)
LOOK_UPS = re.compile(r"^\tld\.shared\.b32", re.M)


@pytest.mark.parametrize("storage,element,cap", CAPS)
def test_decode_instructions(tool, tmp_path, storage, element, cap):
    # One round, so that all is straight-line code, for eight warps.
    folder = compile_to(
        tool, tmp_path, write((storage, 0, "f32", None), [(1024, 16)], [1], element)
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    (kernel,) = [k for k in manifest["kernels"] if "mma_stream" in k["name"]]
    ptx = (folder / "module.ptx").read_text()
    body = ptx[ptx.index(f".entry {kernel['name']}("):].split("\n}\n")[0]
    # A table is filled before the first barrier, and sums are read after the last.
    if body.count("bar.sync") > 1:
        body = body[body.index("bar.sync"):]
    threads = kernel["block"][0]
    weights = 1024 * 16 / threads
    # What addresses and the end of the kernel take does not grow with it.
    count = len(DECODES.findall(body)) - 8
    count += len(LOOK_UPS.findall(body[: body.rindex("bar.sync")]))
    assert cap / 2 <= count / weights <= cap, (count, weights)
