"""The GPU side of the package, on a driver that takes notes.

The runtime opens the test driver of test/Unit/Runtime, whose device memory is
host memory: what reaches a kernel can be read back, nothing is computed. Runs in
a process of its own, because a driver is opened once.
"""

import json
import os
import subprocess
import sys
import textwrap
import zlib

import pytest

PTX = """\
.version 8.0
.target sm_90a
.address_size 64
.visible .entry main(.param .u64 a, .param .u64 b, .param .u64 c, .param .s64 d)
{ ret; }
.visible .entry repack(.param .u64 a, .param .u64 b) { ret; }
"""

MANIFEST = {
    "format": "quantmlir-artifact", "version": 1, "chip": "sm_90a",
    "kernels": [
        {"name": "main", "block": [128, 1, 1],
         "parameters": ["pointer", "pointer", "pointer", "i64"]},
        {"name": "repack", "block": [32, 1, 1],
         "parameters": ["pointer", "pointer"]}],
    "functions": [
        {"name": "linear", "prepare": "linear.prepare",
         "dims": [{"name": "d0", "argument": 0, "axis": 0}],
         "buffers": [
             {"name": "x", "role": "input", "element": "bf16",
              "shape": ["d0", 4]},
             {"name": "w.codes", "role": "prepared", "from": 0,
              "element": "i32", "shape": [2]},
             {"name": "y", "role": "output", "element": "f32",
              "shape": ["d0", 2]}],
         "steps": [{"launch": "main", "grid": ["d0", 1, 1],
                    "arguments": [{"buffer": 0}, {"buffer": 1}, {"buffer": 2},
                                  {"i64": "d0"}]}]},
        {"name": "linear.prepare",
         "buffers": [
             {"name": "w.codes", "role": "input", "element": "i8",
              "shape": [2, 4]},
             {"name": "packed", "role": "output", "element": "i32",
              "shape": [2]}],
         "steps": [{"launch": "repack", "grid": [1, 1, 1],
                    "arguments": [{"buffer": 0}, {"buffer": 1}]}]}],
}


@pytest.fixture
def artifact(tmp_path):
    data = PTX.encode()
    (tmp_path / "module.ptx").write_bytes(data)
    image = {"kind": "ptx", "file": "module.ptx", "bytes": len(data),
             "crc32": f"{zlib.crc32(data):08x}"}
    (tmp_path / "manifest.json").write_text(
        json.dumps(MANIFEST | {"images": [image]}))
    return tmp_path


@pytest.fixture
def run(build_dir, artifact):
    """run(script): its output; `artifact`, `np`, `calls()` are there for it."""
    driver = build_dir / "test" / "Unit" / "libquantmlir_fakecuda.so"
    assert driver.exists(), f"{driver} is not built"
    prelude = f"""\
import ctypes
import ml_dtypes
import numpy as np
import quantmlir
from quantmlir import Device, DeviceArray
driver = ctypes.CDLL({str(driver)!r})
driver.fakeCudaTakeLog.restype = ctypes.c_char_p
calls = lambda: driver.fakeCudaTakeLog().decode().splitlines()
artifact = quantmlir.load({str(artifact)!r})
x = np.arange(12, dtype=np.float32).reshape(3, 4).astype(ml_dtypes.bfloat16)
codes = np.arange(8, dtype=np.int8).reshape(2, 4)
"""

    def call(script):
        environment = os.environ | {
            "QUANTMLIR_LIBCUDA": str(driver),
            "PYTHONPATH": str(build_dir / "python")}
        result = subprocess.run(
            [sys.executable, "-c", prelude + textwrap.dedent(script)],
            capture_output=True, text=True, env=environment, timeout=60)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return call


def test_prepares_once_and_launches(run):
    out = run("""
        f = artifact.bind("linear", **{"w.codes": codes})
        log = [c for c in calls() if c.startswith("cuLaunchKernel")]
        assert len(log) == 1 and "repack" in log[0], log
        for _ in range(2):
            y = f(x=x)["y"]
        log = [c for c in calls() if c.startswith("cuLaunchKernel")]
        assert len(log) == 2 and all("main" in c for c in log), log
        assert y.shape == (3, 2) and y.numpy().dtype == np.float32
    """)
    assert out == ""


def test_launches_of_a_plan(run):
    run("""
        assert artifact.launches("linear", d0=5) == [("main", (5, 1, 1))]
        assert artifact.launches("linear", d0=0) == []
    """)


def test_device_arrays_are_read_in_place(run):
    run("""
        device = Device()
        on_device = DeviceArray.upload(device.context, 0, "x", x, "bf16", [3, 4])
        assert (on_device.numpy() == x).all()
        address = on_device.span[0]

        class Interface:  # as CuPy says it
            __cuda_array_interface__ = {
                "shape": (3, 4), "typestr": "<f4", "data": (address, False),
                "version": 3}
        class DLPack:  # as PyTorch says it
            def __dlpack__(self, **options): return on_device.__dlpack__(**options)
            def __dlpack_device__(self): return on_device.__dlpack_device__()
        class Both(DLPack):  # as PyTorch 2.11 says bf16
            __cuda_array_interface__ = {
                "shape": (3, 4), "typestr": "<V2", "data": (address, False),
                "version": 2}

        f = artifact.bind("linear", **{"w.codes": codes})
        for array in (on_device, DLPack(), Both()):
            calls()
            f(x=array)
            launch, = [c for c in calls() if c.startswith("cuLaunchKernel")]
            assert hex(address) in launch, (hex(address), launch)
        try:
            f(x=Interface())
        except TypeError as error:
            assert "expected bf16" in str(error)
        else:
            raise AssertionError("a float32 array was taken for bf16")
    """)


def test_dlpack_in_every_form(run):
    """Capsules made by hand: offsets, strides, vectors, other places."""
    run("""
        import ctypes as c
        class Tensor(c.Structure):
            _fields_ = [("data", c.c_void_p), ("device", c.c_int * 2),
                        ("ndim", c.c_int), ("code", c.c_uint8), ("bits", c.c_uint8),
                        ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)),
                        ("strides", c.POINTER(c.c_int64)), ("offset", c.c_uint64),
                        ("context", c.c_void_p), ("deleter", c.c_void_p)]
        make = c.pythonapi.PyCapsule_New
        make.restype, make.argtypes = c.py_object, [c.c_void_p, c.c_char_p, c.c_void_p]
        device = Device()
        memory = DeviceArray.upload(device.context, 0, "x", x, "bf16", [3, 4])
        address = memory.span[0]
        class Foreign:
            def __init__(self, shape, strides=None, offset=0, type=(4, 16, 1),
                         place=(2, 0), data=address):
                self.shape = (c.c_int64 * len(shape))(*shape)
                self.strides = strides and (c.c_int64 * len(shape))(*strides)
                self.place = place
                self.tensor = Tensor(data, place, len(shape), *type, self.shape,
                                     self.strides, offset)
            def __dlpack__(self, **options):
                return make(c.addressof(self.tensor), b"dltensor", None)
            def __dlpack_device__(self): return self.place

        f = artifact.bind("linear", **{"w.codes": codes})
        def launches(*arguments, **options):
            calls()
            f(x=Foreign(*arguments, **options))
            return [l for l in calls() if l.startswith("cuLaunchKernel")]
        at = lambda place, lines: len(lines) == 1 and hex(place) in lines[0]
        assert at(address, launches((3, 4)))
        assert at(address, launches((3, 4), (4, 1)))
        assert at(address, launches((1, 4), (999, 1)))
        assert at(address + 16, launches((1, 4), offset=16))
        assert launches((0, 4), (7, 9), data=0) == []
        for wrong, words in [
            (dict(shape=(2, 4), offset=8), "not aligned to 16 bytes"),
            (dict(shape=(3, 4), strides=(1, 3)), "not contiguous"),
            (dict(shape=(3, 4), strides=(0, 1)), "not contiguous"),
            (dict(shape=(3, 4), strides=(-4, 1)), "not contiguous"),
            (dict(shape=(3, 4), type=(4, 8, 2)), "expected bf16, got DLPack type 4 of 2 x 8"),
            (dict(shape=(3, 4), type=(2, 16, 1)), "expected bf16"),
            (dict(shape=(3, 4), place=(1, 0)), "not on a CUDA device"),
            (dict(shape=(3, 4), place=(2, 1)), "x: on CUDA device 1"),
            (dict(shape=(3, 4), data=None), "is null"),
            (dict(shape=()), "expected ?x4, got a scalar"),
        ]:
            try:
                launches(**wrong)
            except (TypeError, ValueError) as error:
                assert words in str(error), (wrong, error)
            else:
                raise AssertionError(wrong)
        try:
            DeviceArray(device.context, 0, "f32", [2**62, 4])
        except (TypeError, RuntimeError, MemoryError):
            pass
        else:
            raise AssertionError("more bytes than there are")
    """)


def test_a_launcher_only_launches(run):
    """No allocation, copy or wait: a CUDA graph can capture the call."""
    run("""
        f = artifact.bind("linear", **{"w.codes": codes})
        launch = f.launcher(x=x)
        calls()
        for _ in range(2):
            assert launch(stream=7) is launch.outputs
        log = [c.split("(")[0] for c in calls()]
        log = [c for c in log if "Ctx" not in c]
        assert len(log) == 2 and log[0].startswith("cuLaunchKernel"), log
    """)


def test_results_are_read_after_the_stream_that_wrote_them(run):
    run("""
        f = artifact.bind("linear", **{"w.codes": codes})
        y = f(x=x, stream=7)["y"]
        waits = lambda: [c for c in calls() if c.startswith("cuStreamSynchronize")]
        def check(read, expected):
            calls()
            read()
            found = waits()
            assert len(found) == expected, found
            assert all("0x7" in wait for wait in found), found
        assert y.__cuda_array_interface__["stream"] == 7
        check(lambda: y.numpy(), 1)
        check(lambda: y.__dlpack__(), 1)
        check(lambda: y.__dlpack__(stream=1), 1)
        check(lambda: y.__dlpack__(stream=7), 0)
        check(lambda: y.__dlpack__(stream=-1), 0)
        y = f(x=x)["y"]
        assert y.__cuda_array_interface__["stream"] == 1
        check(lambda: y.__dlpack__(), 0)
    """)


def test_the_runtime_needs_no_compiler(run):
    """Where MLIR is not installed, artifacts still load and launch."""
    run("""
        import sys
        assert "quantmlir._compiler" not in sys.modules
        sys.modules["quantmlir._compiler"] = None  # Importing it fails.
        f = artifact.bind("linear", **{"w.codes": codes})
        f(x=x)
        try:
            quantmlir.compile("")
        except ImportError as error:
            assert "_compiler" in str(error)
        else:
            raise AssertionError("compiled without a compiler")
        try:
            quantmlir.nothing
        except AttributeError as error:
            assert "'nothing'" in str(error)
    """)


@pytest.mark.parametrize("call, error, words", [
    ("f()", "TypeError", "missing: x"),
    ("f(x=x, z=x)", "TypeError", "unknown: z"),
    ("f(x=x.astype(np.float32))", "TypeError", "expected bfloat16"),
    ("f(x=x[:, :3])", "ValueError", "expected ?x4, got 3x3"),
    ("f(x=3)", "TypeError", "neither"),
    ("f(x=x, out={'z': x})", "TypeError", "has the results y; unknown: z"),
    ("f(x=DeviceArray(Device().context, 1, 'bf16', [3, 4]))", "ValueError",
     "x: on CUDA device 1, the kernels are on 0"),
    ("artifact.launches('linear')", "TypeError", "missing: d0"),
    ("artifact.bind('linear')", "TypeError", "missing: w.codes"),
    ("artifact.bind('linear', **{'w.codes': codes, 'typo': 1})", "TypeError",
     "linear() has no weight typo; its weights: w.codes"),
    ("artifact.bind('nothing')", "TypeError", "no function 'nothing'"),
])
def test_wrong_arguments_are_refused_before_a_launch(run, call, error, words):
    out = run(f"""
        f = artifact.bind("linear", **{{"w.codes": codes}})
        calls()
        try:
            {call}
        except Exception as error:
            print(type(error).__name__, error)
        assert not [c for c in calls() if c.startswith("cuLaunchKernel")]
    """)
    assert out.startswith(error) and words in out, out


def test_a_damaged_artifact_is_refused(artifact):
    import quantmlir

    (artifact / "module.ptx").write_text(PTX + " ")
    with pytest.raises(ValueError, match="module.ptx"):
        quantmlir.load(artifact)
    with pytest.raises(FileNotFoundError):
        quantmlir.load(artifact / "nothing")
