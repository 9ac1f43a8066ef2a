"""Runs MLIR functions on NumPy arrays through quant-reference.

One process compiles a module and makes any number of calls: most of a test's
time is the start of a process and the compilation.
"""

import json
import os
import pathlib
import subprocess

import ml_dtypes
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("QUANTMLIR_BUILD_DIR", ROOT / "build"))

# Types that .npz files cannot name travel as their bits.
BITS = {1: np.uint8, 2: np.uint16}


def to_bits(array):
    array = np.asarray(array)
    if array.dtype.kind == "V" or array.dtype.name.startswith(("bfloat", "float8")):
        return array.view(BITS[array.dtype.itemsize])
    return array


def from_bits(array, dtype):
    return array.view(np.dtype(dtype))


def run(tmp_path, text, calls, check=True):
    """Makes `calls`, a list of (function, {argument: array}); returns a list of
    {result: array}. With check=False returns the CompletedProcess of a run that
    is to fail."""
    module = tmp_path / "module.mlir"
    module.write_text(text)
    command = [str(BUILD / "bin" / "quant-reference"), str(module)]
    outputs = []
    for index, (function, arrays) in enumerate(calls):
        inputs = tmp_path / f"in{index}.npz"
        np.savez(inputs, **{k: to_bits(v) for k, v in arrays.items()})
        outputs.append(tmp_path / f"out{index}.npz")
        command += [function, str(inputs), str(outputs[-1])]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not check:
        return result
    assert result.returncode == 0, result.stderr
    return [dict(np.load(path)) for path in outputs]


def run_artifact(tool, tmp_path, text, inputs, *options):
    """Compiles a program and runs it on {argument: array}: the bits of its first
    result on the CPU and in the emulator, and the artifact's manifest."""
    (tmp_path / "f.mlir").write_text(text)
    artifact = tmp_path / "f.qmlir"
    tool("quant-compile", tmp_path / "f.mlir", "-o", artifact)
    np.savez(tmp_path / "in.npz", **{name: to_bits(a) for name, a in inputs.items()})
    results = []
    for device in ("cpu", "emulator"):
        tool("quant-run", artifact, f"--device={device}", "--bits", *options,
             f"--inputs={tmp_path}/in.npz", f"--output={tmp_path}/out.npz")
        results.append(np.load(tmp_path / "out.npz")["result0"])
    return results, json.loads((artifact / "manifest.json").read_text())


def quantize_function(name, shape, encoding, element="f32", given=True):
    """MLIR of a function that quantizes a tensor of `shape` ('?' for dynamic).

    Its results are result0.codes and so on. With `given`, scales and zero
    points are arguments 1 and 2 by the names scales and zero_points.
    """
    tensor = f"tensor<{'x'.join(map(str, shape))}x{element}>"
    encoded = f"{tensor[:-1]}, {encoding['alias']}>"
    arguments = [f"%x: {tensor} {{quant_tensor.name = \"x\"}}"]
    operands = ""
    if given:
        scales = f"tensor<{encoding['scales']}>"
        arguments.append(f"%s: {scales} {{quant_tensor.name = \"scales\"}}")
        operands += f" scales(%s : {scales})"
        if "zero_points" in encoding:
            points = f"tensor<{encoding['zero_points']}>"
            arguments.append(f"%z: {points} {{quant_tensor.name = \"zero_points\"}}")
            operands += f" zero_points(%z : {points})"
    return f"""
func.func @{name}({', '.join(arguments)}) -> {encoded} {{
  %q = quant_tensor.quantize %x{operands} : {tensor} -> {encoded}
  return %q : {encoded}
}}
"""


def pack(codes, bits):
    """Codes of `bits` bits (any integer array) as row-major little-endian bit
    streams, one per row."""
    codes = np.asarray(codes).astype(np.int64) & ((1 << bits) - 1)
    stream = (codes[..., None] >> np.arange(bits)) & 1
    stream = stream.reshape(*codes.shape[:-1], codes.shape[-1] * bits).astype(np.uint8)
    return np.packbits(stream, axis=-1, bitorder="little")


def unpack(packed, bits, count, signed):
    """The inverse of `pack`: `count` codes per row, sign-extended."""
    stream = np.unpackbits(
        packed.view(np.uint8), axis=-1, count=count * bits, bitorder="little"
    )
    stream = stream.reshape(*packed.shape[:-1], count, bits).astype(np.int64)
    codes = (stream << np.arange(bits)).sum(axis=-1)
    return np.where(codes >> (bits - 1) != 0, codes - (1 << bits), codes) if signed else codes


def expand_blocks(parameters, block, shape):
    """Scales or zero points of blocks, repeated for every element."""
    for axis, extent in enumerate(block):
        size = shape[axis]
        parameters = np.repeat(parameters, extent or size, axis=axis)
        parameters = np.take(parameters, np.arange(size), axis=axis)
    return parameters


BFLOAT16 = ml_dtypes.bfloat16
