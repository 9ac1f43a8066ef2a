"""CUTLASS's int8 product with scales, from the libraries that cutlass/build.py
makes."""

import ctypes
import json
import os

import torch
from timing import count_copies, time_calls

#: Rows (or columns) of tiles that are walked side by side.
SWIZZLES = [1, 2, 8]


class CutlassFailure(Exception):
    """A configuration that does not run this shape."""


class Configuration:
    """One tile, cluster and schedule."""

    def __init__(self, name, path):
        self.name = name
        self._library = ctypes.CDLL(path)
        self._library.quantmlir_cutlass_release.restype = None

    def prepare(self, x, w, sx, sw, y, swizzle):
        """A handle of the call for `run`; the caller keeps the tensors."""
        (m, k), (n, _) = x.shape, w.shape
        handle = ctypes.c_void_p()
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in (x, w, sx, sw, y)]
        status = self._library.quantmlir_cutlass_prepare(
            m, n, k, *pointers, swizzle, ctypes.byref(handle)
        )
        if status:
            raise CutlassFailure(f"status {status}")
        return handle

    def run(self, handle, dependent):
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        status = self._library.quantmlir_cutlass_run(handle, stream, int(dependent))
        if status:
            raise CutlassFailure(f"status {status}")

    def release(self, handle):
        self._library.quantmlir_cutlass_release(handle)


def load_configurations(folder):
    """Those of an index.json; none where there is none."""
    path = os.path.join(folder, "index.json") if folder else ""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        index = json.load(file)
    return [
        Configuration(entry["name"], os.path.join(folder, entry["library"]))
        for entry in index["configs"]
        if "library" in entry
    ]


def check(result, x, w, sx, sw):
    """Raises where y is not what the scales make of the exact product."""
    rows = torch.randperm(len(x), device="cuda")[:64]
    exact = (x[rows].double() @ w.double().t()) * sx[rows].double()[:, None] * sw.double()
    error = (result[rows].double() - exact).abs() - exact.abs() * 2.0**-8
    if not bool((error <= 1e-30).all()):
        raise CutlassFailure("wrong result")


def time_cutlass(configurations, m, n, k):
    """Microseconds of every configuration by name, and of the fastest one once
    more where a call may start while the one before it ends."""
    copies = count_copies(m * k + n * k)
    x = [random_codes(m, k) for _ in range(copies)]
    w = [random_codes(n, k) for _ in range(copies)]
    sx = torch.rand(m, device="cuda") + 0.5
    sw = torch.rand(n, device="cuda") + 0.5
    y = torch.empty(m, n, device="cuda", dtype=torch.bfloat16)

    def measure(configuration, swizzle, dependent):
        handles = []
        try:
            for i in range(copies):
                handles.append(configuration.prepare(x[i], w[i], sx, sw, y, swizzle))
            y.fill_(float("nan"))
            configuration.run(handles[0], dependent)
            torch.cuda.synchronize()
            check(y, x[0], w[0], sx, sw)
            return time_calls(lambda i: configuration.run(handles[i], dependent), copies)
        finally:
            torch.cuda.synchronize()
            for handle in handles:
                configuration.release(handle)

    times, errors, best = {}, {}, None
    for configuration in configurations:
        for swizzle in SWIZZLES:
            # Tiles of one row or column have one order.
            if swizzle > 1 and m <= 128:
                continue
            name = configuration.name + (f", swizzle {swizzle}" if swizzle > 1 else "")
            try:
                times[name] = measure(configuration, swizzle, False)
            except CutlassFailure as error:
                errors[name] = str(error)
                continue
            if best is None or times[name] < best[0]:
                best = times[name], configuration, swizzle
    if best is None:
        raise CutlassFailure(f"no configuration runs: {errors}")
    dependent = measure(best[1], best[2], True)
    return dict(times=times, errors=errors, best=best[0], dependent=dependent)


def random_codes(*shape):
    return torch.randint(-127, 128, shape, device="cuda", dtype=torch.int8)
