"""Runs cases in the emulator."""

import pathlib
import subprocess
import tempfile

import numpy as np

from .case import Buffer


def describe_map(map):
    """A tensor map in the words of quant-emulate: outermost dimension first."""
    by = lambda sizes: "x".join(str(size) for size in reversed(sizes))
    element = {"u8": "i8", "u16": "i16"}.get(map.element, map.element)
    text = f"tensor_map {map.buffer} {element} {by(map.dims)} {by(map.box)} {map.swizzle}"
    return text + (f" {by(map.strides)}" if map.strides else "")


def launch(case, directory):
    """The attribute that tells quant-emulate how to launch the case."""
    texts = []
    for number, argument in enumerate(case.arguments):
        if not isinstance(argument, Buffer):
            texts.append(describe_map(argument))
            continue
        file = directory / f"{case.symbol}.{number}"
        if argument.data is not None:
            argument.data.tofile(file)
        texts.append(f"{argument.role} i32 {argument.words} file={file}")
    triple = lambda v: ", ".join(map(str, v if isinstance(v, tuple) else (v, 1, 1)))
    quoted = ", ".join(f'"{t}"' for t in texts)
    return (f"emulate.launch = {{grid = array<i64: {triple(case.grid)}>, block = array<i64: {triple(case.block)}>, "
            f"cluster = array<i64: {triple(case.cluster)}>, arguments = [{quoted}]}}")


def emulate(cases, tool):
    """What each case writes, by name, and what the emulator had to say."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        parts = ["gpu.module @kernels {"]
        for case in cases:
            text = case.mlir()
            parts.append(text.replace("attributes {gpu.kernel", f"attributes {{{launch(case, directory)}, gpu.kernel", 1))
        parts.append("}")
        source = directory / "cases.mlir"
        source.write_text("\n".join(parts))
        run = subprocess.run([str(tool), str(source)], capture_output=True, text=True)
        found = {}
        for case in cases:
            outputs = [directory / f"{case.symbol}.{n}" for n, a in enumerate(case.arguments)
                       if isinstance(a, Buffer) and a.recorded]
            if all(o.exists() for o in outputs):
                found[case.name] = np.concatenate([np.fromfile(o, np.uint32) for o in outputs])
        return found, run.stderr
