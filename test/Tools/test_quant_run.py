"""quant-run on a small artifact: the reference on the CPU, the launch path on a
driver that only takes notes, and what it says to wrong input."""

import json
import os
import shutil
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

PROGRAM = """
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @dequantize(
    %w: tensor<3x4xf32, #w8> {quant_tensor.name = "w"},
    %x: tensor<?x4xf32> {quant_tensor.name = "x"})
    -> (tensor<3x4xf32> {quant_tensor.name = "y"}) {
  %d = quant_tensor.dequantize %w : tensor<3x4xf32, #w8> -> tensor<3x4xf32>
  return %d : tensor<3x4xf32>
}
func.func @widen(%x: tensor<?xbf16> {quant_tensor.name = "x"})
    -> (tensor<?xbf16> {quant_tensor.name = "y"}) {
  return %x : tensor<?xbf16>
}
"""

PTX = """.version 8.0
.target sm_90a
.address_size 64
.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c) { ret; }
"""

MANIFEST = {
    "format": "quantmlir-artifact",
    "version": 1,
    "chip": "sm_90a",
    "kernels": [
        {"name": "k", "block": [64, 1, 1], "parameters": ["pointer"] * 3}
    ],
    "functions": [
        {
            "name": "dequantize",
            "prepare": "dequantize.prepare",
            "dims": [{"name": "d0", "argument": 0, "axis": 0}],
            "buffers": [
                {"name": "x", "role": "input", "element": "f32", "shape": ["d0", 4]},
                {"name": "w.codes", "role": "prepared", "from": 0,
                 "element": "i32", "shape": [3]},
                {"name": "w.scales", "role": "weight", "element": "f32",
                 "shape": [3, 1]},
                {"name": "y", "role": "output", "element": "f32", "shape": [3, 4]},
                {"name": "tmp0", "role": "temporary", "element": "i8",
                 "shape": [["mul", "d0", 100]]},
            ],
            "steps": [
                {"launch": "k", "grid": ["d0", 1, 1],
                 "arguments": [{"buffer": 1}, {"buffer": 4}, {"buffer": 3}]}
            ],
        },
        {
            "name": "dequantize.prepare",
            "buffers": [
                {"name": "w.codes", "role": "input", "element": "i8",
                 "shape": [3, 4]},
                {"name": "packed", "role": "output", "element": "i32",
                 "shape": [3]},
            ],
            "steps": [
                {"launch": "k", "grid": [1, 1, 1],
                 "arguments": [{"buffer": 0}, {"buffer": 0}, {"buffer": 1}]}
            ],
        },
        {
            "name": "widen",
            "dims": [{"name": "d0", "argument": 0, "axis": 0}],
            "buffers": [
                {"name": "x", "role": "input", "element": "bf16", "shape": ["d0"]},
                {"name": "y", "role": "output", "element": "bf16", "shape": ["d0"]},
            ],
            "steps": [],
        },
    ],
}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory, tool):
    folder = tmp_path_factory.mktemp("artifact")
    source = folder / "program.mlir"
    source.write_text(PROGRAM)
    reference = folder / "reference.mlirbc"
    tool("quant-opt", source, "--emit-bytecode", "-o", reference)
    (folder / "module.ptx").write_text(PTX)

    def describe(name):
        data = (folder / name).read_bytes()
        return {"file": name, "bytes": len(data), "crc32": f"{zlib.crc32(data):08x}"}

    manifest = dict(MANIFEST)
    manifest["images"] = [{"kind": "ptx", **describe("module.ptx")}]
    manifest["reference"] = describe("reference.mlirbc")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


CODES = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
SCALES = np.float32([[0.5], [1], [2]])
X = np.zeros((2, 4), np.float32)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"w.codes": CODES, "w.scales": SCALES, "other": X}, path)
    return path


@pytest.fixture
def x(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    return f"--input=x={path}"


def fails(tool, *arguments):
    """Runs quant-run, which must fail cleanly; returns what it said."""
    result = tool("quant-run", *arguments, check=False)
    assert result.returncode == 1, result
    assert result.stderr.startswith("quant-run: error: ")
    return result.stderr


def test_list(tool, artifact):
    text = tool("quant-run", "--list", artifact)
    assert text.startswith("artifact for sm_90a\n")
    assert "function dequantize (prepared by dequantize.prepare)" in text
    rows = {tuple(line.split()[:3]): line.split()[3:] for line in text.split("\n")}
    assert rows[("input", "x", "?x4xf32")] == ["?", "bytes"]
    assert rows[("prepared", "w.codes", "3xi32")] == ["12", "bytes"]
    assert rows[("k", "64x1x1", "1x1x1")] == ["0", "3"]


def test_list_one_function(tool, artifact):
    text = tool("quant-run", "--list", "--function=dequantize.prepare", artifact)
    assert "function dequantize.prepare\n" in text
    assert "function dequantize " not in text and "kernel " not in text
    assert "'nosuch'" in fails(tool, "--list", "--function=nosuch", artifact)
    assert "--size does nothing with --list" in fails(tool, "--list", "--size=3", artifact)


def test_cpu(tool, artifact, weights, x, tmp_path):
    output = tmp_path / "out.npz"
    text = tool(
        "quant-run", artifact, "--function=dequantize", f"--inputs={weights}", x,
        f"--output={output}", "--bench=2",
    )
    assert "y: 3x4xf32" in text and "us per run, mean of 2" in text
    np.testing.assert_array_equal(np.load(output)["y"], CODES * SCALES)


def test_preview(tool, artifact, weights, x):
    text = tool(
        "quant-run", artifact, "--function=dequantize", f"--inputs={weights}", x
    )
    assert text == "y: 3x4xf32 = -3 -2.5 -2 -1.5 -2 -1 0 1 ...\n"


def test_bfloat16(tool, artifact, tmp_path):
    """.npy has no bf16: the bits or a conversion, and only when asked for."""
    bits = np.uint16([0x3F80, 0xC000])
    floats = np.float32([1, -2])
    np.save(tmp_path / "bits.npy", bits)
    np.save(tmp_path / "floats.npy", floats)
    run = [artifact, "--function=widen"]
    given = f"--input=x={tmp_path / 'bits.npy'}"
    assert "--bits takes the integers for its bits" in fails(tool, *run, given)
    as_floats = f"--input=x={tmp_path / 'floats.npy'}"
    message = fails(tool, *run, as_floats)
    assert "'x' is 2xf32, expected ?xbf16; --convert converts" in message
    out = tmp_path / "out.npz"
    tool("quant-run", *run, given, "--bits", f"--output={out}")
    np.testing.assert_array_equal(np.load(out)["y"], bits)
    tool("quant-run", *run, as_floats, "--convert", f"--output={out}")
    np.testing.assert_array_equal(np.load(out)["y"], floats)


def test_safetensors_keep_bfloat16(tool, artifact, tmp_path):
    np.save(tmp_path / "x.npy", np.float32([1.5]))
    out = tmp_path / "out.safetensors"
    tool(
        "quant-run", artifact, "--function=widen", "--convert",
        f"--input=x={tmp_path / 'x.npy'}", f"--output={out}",
    )
    # safetensors' NumPy reader gives bf16 as ml_dtypes has it.
    import ml_dtypes

    result = load_file(out)["y"]
    assert result.dtype == ml_dtypes.bfloat16
    assert result.astype(np.float32) == 1.5
    again = [artifact, "--function=widen", f"--inputs={tmp_path / 'in.safetensors'}"]
    save_file({"x": result}, tmp_path / "in.safetensors")
    assert "which .npz lacks" in fails(tool, *again, f"--output={tmp_path}/o.npz")


def test_cuda_path(tool, artifact, weights, x, tmp_path, build_dir, monkeypatch):
    """Everything but the kernels themselves, on the fake driver."""
    fake = build_dir / "test" / "Unit" / "libquantmlir_fakecuda.so"
    monkeypatch.setenv("QUANTMLIR_LIBCUDA", str(fake))
    output = tmp_path / "out.safetensors"
    text = tool(
        "quant-run", artifact, "--function=dequantize", f"--inputs={weights}", x,
        "--device=cuda", f"--output={output}", "--bench=3",
    )
    assert "y: 3x4xf32" in text and "us per run, mean of 3" in text
    assert load_file(output)["y"].shape == (3, 4)
    assert "there is no CUDA device 3" in fails(
        tool, artifact, "--function=dequantize", f"--inputs={weights}", x,
        "--device=cuda", "--ordinal=3",
    )


def test_no_driver(tool, artifact, weights, x, monkeypatch):
    monkeypatch.setenv("QUANTMLIR_LIBCUDA", "/nowhere/libcuda.so.1")
    assert "no driver: cannot open the CUDA driver '/nowhere/" in fails(
        tool, artifact, "--function=dequantize", f"--inputs={weights}", x,
        "--device=cuda",
    )


def test_wrong_input(tool, artifact, weights, x, tmp_path):
    run = [artifact, "--function=dequantize"]
    assert "choose with --function one of: dequantize, widen" in fails(tool, artifact)
    assert "there is no function 'f'" in fails(tool, artifact, "--function=f")
    assert "no array for 'w.codes' (3x4xi8)" in fails(tool, *run, x)
    assert "the function has no argument 'z'" in fails(
        tool, *run, f"--inputs={weights}", x, x.replace("x=", "z=", 1)
    )
    assert "'x' is given twice" in fails(tool, *run, x, x)
    assert "expects NAME=FILE.npy, got 'x'" in fails(tool, *run, "--input=x")
    assert "cannot open" in fails(tool, *run, "--inputs=/nowhere/w.npz")
    assert "named .npz or .safetensors" in fails(tool, *run, "--inputs=w.bin")
    np.save(tmp_path / "x.npy", np.zeros((2, 5), np.float32))
    assert "'x' is 2x5xf32, expected ?x4xf32" in fails(
        tool, *run, f"--inputs={weights}", x
    )
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01")
    assert "x.npy': not a .npy file" in fails(tool, *run, f"--inputs={weights}", x)
    assert "manifest.json': No such file" in fails(tool, tmp_path)


@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_arrays_that_disagree_on_a_dimension(tool, tmp_path, device):
    """The same words on every device, before anything runs."""
    source = tmp_path / "add.mlir"
    source.write_text("""
        func.func @add(%a: tensor<?x4xf32> {quant_tensor.name = "a"},
                       %b: tensor<?x4xf32> {quant_tensor.name = "b"})
            -> (tensor<?x4xf32> {quant_tensor.name = "y"}) {
          %y = arith.addf %a, %b : tensor<?x4xf32>
          return %y : tensor<?x4xf32>
        }""")
    tool("quant-compile", source, "-o", tmp_path / "add.qmlir")
    run = [tmp_path / "add.qmlir", f"--device={device}"]
    for name, rows in ("a", 3), ("b", 5):
        np.save(tmp_path / f"{name}.npy", np.ones((rows, 4), np.float32))
        run.append(f"--input={name}={tmp_path / name}.npy")
    message = fails(tool, *run)
    assert "(size 0 of 'a') is 3" in message and "(size 0 of 'b') is 5" in message
    np.save(tmp_path / "b.npy", np.ones((3, 4), np.float32))
    assert tool("quant-run", *run).startswith("y: 3x4xf32 = 2 2")


def test_an_array_that_the_other_arrays_contradict(tool, artifact, tmp_path):
    """A manifest may give two buffers the same dimension."""
    copy = tmp_path / "artifact"
    copy.mkdir()
    for file in artifact.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["functions"][2]["buffers"].append(
        {"name": "z", "role": "input", "element": "f32", "shape": ["d0"]})
    (copy / "manifest.json").write_text(json.dumps(manifest))
    np.save(tmp_path / "x.npy", np.zeros(2, np.uint16))
    np.save(tmp_path / "z.npy", np.zeros(3, np.float32))
    assert "'z' is 3xf32; with the other arrays' dimensions it has to be 2xf32" in fails(
        tool, copy, "--function=widen", "--bits",
        f"--input=x={tmp_path / 'x.npy'}", f"--input=z={tmp_path / 'z.npy'}",
    )


@pytest.mark.parametrize("arguments, message", [
    (["--size=-1"], "--size is negative"),
    (["--profile"], "--profile needs --device=emulator"),
    (["--max-steps=9", "--device=cuda"], "--max-steps needs --device=emulator"),
    (["--ordinal=1"], "--ordinal needs --device=cuda"),
    (["--image=ptx"], "--image has no meaning with --device=cpu"),
    (["--stats=s.safetensors"], "--stats goes with --calibrate or --merge"),
    (["--merge=s.safetensors"], "--merge alone runs nothing"),
    (["--calibrate=x.npz"], "--calibrate needs --stats=FILE"),
    (["--output=y.txt"], "expected a file named .npz or .safetensors"),
])
def test_options_that_would_do_nothing(tool, artifact, arguments, message):
    assert message in fails(tool, artifact, *arguments)


def test_no_artifact(tool):
    assert "name an artifact to run" in fails(tool)
    assert "--merge needs --stats=FILE to write to" in fails(tool, "--merge=s.safetensors")


def test_no_reference(tool, artifact, tmp_path):
    """Artifacts need not hold what only a CPU runs."""
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["reference"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    np.save(tmp_path / "x.npy", np.zeros(2, np.uint16))
    assert "holds no reference, which --device=cpu runs" in fails(
        tool, copy, "--function=widen", "--bits", f"--input=x={tmp_path / 'x.npy'}")
    np.savez(tmp_path / "samples.npz", x=np.zeros((1, 2), np.uint16))
    assert "holds no reference, which --calibrate runs" in fails(
        tool, copy, f"--calibrate={tmp_path}/samples.npz", f"--stats={tmp_path}/s.safetensors")


def test_damaged_artifact(tool, artifact, tmp_path):
    copy = tmp_path / "artifact"
    copy.mkdir()
    for file in artifact.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    ptx = (copy / "module.ptx").read_bytes()
    (copy / "module.ptx").write_bytes(ptx[:-1])
    assert "malformed artifact" in fails(tool, "--list", copy)


def test_pipes_in_place_of_files(tool, artifact, tmp_path):
    """To open one would wait for ever."""
    os.mkfifo(tmp_path / "manifest.json")
    assert "manifest.json' is not a regular file" in fails(tool, tmp_path, "--list")
    os.mkfifo(tmp_path / "x.npz")
    assert "x.npz' is not a regular file" in fails(
        tool, artifact, "--function=widen", f"--inputs={tmp_path / 'x.npz'}")


def test_arrays_without_a_type(tool, artifact, tmp_path):
    """Strings and objects are no matter until somebody asks for them."""
    arrays = {"x": np.zeros(2, np.uint16), "names": np.array(["a", "b"]),
              "config": np.array([{}], dtype=object)}
    np.savez(tmp_path / "a.npz", **arrays)
    run = [artifact, "--function=widen", "--bits", f"--inputs={tmp_path / 'a.npz'}"]
    assert tool("quant-run", *run).startswith("y: 2xbf16")
    np.savez(tmp_path / "a.npz", **arrays | {"x": np.array([None, None])})
    assert "a.npz': 'x': unknown dtype" in fails(tool, *run)


def test_a_full_disk(tool, tmp_path):
    """What cannot be written whole is an error, and no file."""
    source = tmp_path / "negate.mlir"
    source.write_text("""
        func.func @negate(%x: tensor<4xf32> {quant_tensor.name = "x"})
            -> (tensor<4xf32> {quant_tensor.name = "y"}) {
          %y = arith.negf %x : tensor<4xf32>
          return %y : tensor<4xf32>
        }""")
    tool("quant-compile", source, "-o", tmp_path / "negate.qmlir")
    run = [tmp_path / "negate.qmlir", "--random=1", "--device=emulator"]
    assert "'/dev/full'" in fails(tool, *run, "--profile-json=/dev/full")
    os.symlink("/dev/full", tmp_path / "y.npz")
    assert "is there and no regular file" in fails(
        tool, *run, f"--output={tmp_path / 'y.npz'}")
    assert os.readlink(tmp_path / "y.npz") == "/dev/full"


def test_more_memory_than_there_is(tool, tmp_path):
    source = tmp_path / "negate.mlir"
    source.write_text("""
        func.func @negate(%x: tensor<?xf32>) -> tensor<?xf32> {
          %y = arith.negf %x : tensor<?xf32>
          return %y : tensor<?xf32>
        }""")
    tool("quant-compile", source, "-o", tmp_path / "negate.qmlir")
    assert "not enough memory to make up 'arg0'" in fails(
        tool, tmp_path / "negate.qmlir", "--random=1", f"--size={2**50}")
    # The emulator's device has no more than the machine, either.
    manifest = json.loads((tmp_path / "negate.qmlir" / "manifest.json").read_text())
    output, = (b for b in manifest["functions"][0]["buffers"] if b["role"] == "output")
    output["shape"] = [2**45]
    (tmp_path / "negate.qmlir" / "manifest.json").write_text(json.dumps(manifest))
    assert "out of memory" in fails(
        tool, tmp_path / "negate.qmlir", "--random=1", "--device=emulator")
