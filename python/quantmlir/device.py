"""Running an artifact's kernels on a CUDA device."""

import math

import numpy as np

from . import _runtime
from .arrays import check_names, check_shape, dtype_of, flatten, from_bytes, to_bytes

#: MLIR's spelling -> (DLPack type code, bits).
_DLPACK_TYPES = {
    "i1": (6, 8), "i8": (0, 8), "i16": (0, 16), "i32": (0, 32), "i64": (0, 64),
    "ui8": (1, 8), "ui16": (1, 16), "ui32": (1, 32), "ui64": (1, 64),
    "f16": (2, 16), "f32": (2, 32), "f64": (2, 64), "bf16": (4, 16),
    "f8E4M3FN": (10, 8), "f8E5M2": (12, 8), "f8E8M0FNU": (14, 8),
}
_CUDA = 2  # DLPack's kDLCUDA


class DeviceArray:
    """A row-major array in device memory.

    Anything that takes DLPack or `__cuda_array_interface__` reads it in place
    (`torch.from_dlpack(a)`, `cupy.asarray(a)`); `numpy()` copies it. Each of
    them waits for the stream on which the array was last written.
    """

    def __init__(self, context, ordinal, element, shape):
        self.element = element
        self.shape = tuple(shape)
        self.dtype = dtype_of(element)
        #: The stream of the last launch that wrote here; 0 is the default one.
        self.stream = 0
        self._context = context
        self.ordinal = ordinal
        bytes_ = math.prod(self.shape) * self.dtype.itemsize
        self._memory = _runtime.Memory(context, bytes_)

    @classmethod
    def upload(cls, context, ordinal, name, value, element, shape):
        data, actual = to_bytes(name, value, element, shape)
        result = cls(context, ordinal, element, actual)
        result._memory.upload(data.tobytes())
        return result

    @property
    def span(self):
        """(address, bytes)"""
        return self._memory.address, self._memory.bytes

    def numpy(self):
        return from_bytes(self._memory.download(self.stream), self.shape,
                          self.element)

    @property
    def __cuda_array_interface__(self):
        # The protocol has no bf16 or f8: raising AttributeError makes consumers
        # look for DLPack.
        if self.dtype.kind not in "biuf":
            raise AttributeError(f"no typestr for {self.element}; use DLPack")
        return {"shape": self.shape, "typestr": self.dtype.str,
                "data": (self._memory.address, False), "version": 3,
                # The protocol calls the default stream 1.
                "stream": self.stream or 1}

    def _dlpack(self):
        code, bits = _DLPACK_TYPES[self.element]
        return _runtime.export_dlpack(self._memory, list(self.shape), code,
                                      bits, self.ordinal)

    def __dlpack__(self, *, stream=None, **options):
        # The consumer names the stream that it will read on (None and 1: the
        # default one, -1: it needs no order). Waiting here is always enough.
        reader = 0 if stream in (None, 1) else stream
        if reader not in (-1, self.stream):
            self._context.synchronize(self.stream)
        return self._dlpack().__dlpack__(**options)

    def __dlpack_device__(self):
        return _CUDA, self.ordinal


def device_span(name, value, element, shape, ordinal):
    """(address, bytes, shape) of somebody's array on device `ordinal`.

    Raises TypeError or ValueError where the type, shape, place or strides are
    not what the kernels read.
    """
    if isinstance(value, DeviceArray):
        if value.element != element:
            raise TypeError(f"{name}: expected {element}, got {value.element}")
        _check_ordinal(name, value.ordinal, ordinal)
        check_shape(name, value.shape, shape)
        return *value.span, value.shape
    try:
        interface = value.__cuda_array_interface__
        dtype = np.dtype(interface["typestr"])
    except (AttributeError, KeyError, TypeError):
        interface = None
    # The protocol has no bf16 and no f8. PyTorch says "two bytes" (V2) or raises
    # a TypeError or KeyError, depending on its version and the type.
    if interface is None or dtype.kind == "V":
        return _dlpack_span(name, value, element, shape, ordinal)
    if dtype != dtype_of(element):
        raise TypeError(f"{name}: expected {element}, got {dtype}")
    check_shape(name, interface["shape"], shape)
    actual = tuple(interface["shape"])
    strides = interface.get("strides")
    if strides is not None and not _is_row_major(actual, strides, dtype.itemsize):
        raise ValueError(f"{name}: not contiguous in row-major order")
    return interface["data"][0], math.prod(actual) * dtype.itemsize, actual


def _dlpack_span(name, value, element, shape, ordinal):
    if not hasattr(value, "__dlpack__"):
        raise TypeError(f"{name}: {type(value).__name__} has neither "
                        "__cuda_array_interface__ nor __dlpack__")
    address, actual, bits, lanes, code, device, owner, contiguous = \
        _runtime.inspect_dlpack(value)
    if device != _CUDA:
        raise ValueError(f"{name}: not on a CUDA device")
    _check_ordinal(name, owner, ordinal)
    if (code, bits) != _DLPACK_TYPES[element] or lanes != 1:
        raise TypeError(f"{name}: expected {element}, got DLPack type {code} of "
                        f"{lanes} x {bits} bits")
    check_shape(name, actual, shape)
    if not contiguous:
        raise ValueError(f"{name}: not contiguous in row-major order")
    return address, math.prod(actual) * bits // 8, tuple(actual)


def _check_ordinal(name, actual, expected):
    if actual != expected:
        raise ValueError(f"{name}: on CUDA device {actual}, the kernels are on "
                         f"{expected}")


def _is_row_major(shape, strides, itemsize):
    if 0 in shape:
        return True
    expected = itemsize
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent != 1 and stride != expected:
            return False
        expected *= extent
    return True


class Device:
    """A CUDA device; RuntimeError where there is no driver or no such device."""

    def __init__(self, ordinal=0):
        self.ordinal = ordinal
        self.context = _runtime.open_device(ordinal)
        self.name = self.context.name
        self.compute_capability = self.context.compute_capability

    def synchronize(self, stream=0):
        self.context.synchronize(stream)

    @staticmethod
    def available():
        """Whether this machine has a driver and a device."""
        try:
            _runtime.open_device(0)
        except RuntimeError:
            return False
        return True


class BoundFunction:
    """A function of an artifact on a device, its weights prepared once.

    Calling it enqueues the kernels on `stream` and returns the outputs at once.
    NumPy arrays are copied to the device; arrays that are there are read in
    place. `out` names arrays to write to; others are allocated. `launcher` does
    all of that but the launch.
    """

    def __init__(self, executable, device, artifact, index, weights):
        self._executable = executable
        self._device = device
        self._artifact = artifact
        self._index = index
        self._function = artifact.functions[index]
        self._weights = {}
        self._prepared = []
        if self._function["prepare"] >= 0:
            self._prepared = self._prepare(weights)
        for buffer in self._function["buffers"]:
            if buffer["role"] != "weight":
                continue
            name = buffer["name"]
            if name not in weights:
                raise TypeError(f"missing weight {name}")
            self._weights[name] = self._place(buffer, weights[name])

    def __call__(self, stream=0, out=None, **arguments):
        launcher = self.launcher(out, **arguments)
        # Freeing device memory waits for the kernels that use it, so inputs
        # and workspace may go when this returns.
        return launcher(stream)

    def launcher(self, out=None, **arguments):
        """A Launcher: the call with all its memory in place.

        It may be captured in a CUDA graph and called again and again; it reads
        its arguments' memory anew each time.
        """
        given, out = flatten(arguments), out or {}
        buffers = self._function["buffers"]
        name = self._function["name"]
        check_names([b["name"] for b in buffers
                     if b["role"] in ("input", "weight")
                     and b["name"] not in self._weights], given, name)
        results = [b["name"] for b in buffers if b["role"] == "output"]
        if unknown := [name for name in out if name not in results]:
            raise TypeError(f"{name}() has the results {', '.join(results)}; "
                            f"unknown: {', '.join(unknown)}")
        placed = dict(self._weights)
        for buffer in buffers:
            if buffer["name"] in given:
                placed[buffer["name"]] = self._place(buffer,
                                                     given[buffer["name"]])
        dims = []
        for dim in self._function["dims"]:
            buffer = buffers[dim["buffer"]]
            if buffer["role"] == "prepared":
                shape = self._prepared[buffer["prepared_from"]].shape
            else:
                (_, _, shape), _ = placed[buffer["name"]]
            dims.append(shape[dim["axis"]])
        plan = _runtime.make_plan(self._artifact.handle, self._index, dims)
        spans, outputs = [], {}
        for position, buffer in enumerate(buffers):
            role = buffer["role"]
            if role == "temporary":
                spans.append((0, 0))
            elif role == "prepared":
                spans.append(self._prepared[buffer["prepared_from"]].span)
            elif role == "output":
                spans.append(self._output(plan, position, buffer, out, outputs))
            else:
                spans.append(placed[buffer["name"]][0][:2])
        workspace = DeviceArray(self._device.context, self._device.ordinal,
                                "i8", [plan.workspace_bytes])
        return Launcher(self._executable, plan, spans, workspace, outputs,
                        keep=(self, placed))

    def _place(self, buffer, value):
        """Puts a NumPy array on the device; (span and shape, what keeps it)."""
        name, element, shape = buffer["name"], buffer["element"], buffer["shape"]
        ordinal = self._device.ordinal
        if isinstance(value, (np.ndarray, np.generic)):
            value = DeviceArray.upload(self._device.context, ordinal, name,
                                       value, element, shape)
        return device_span(name, value, element, shape, ordinal), value

    def _prepare(self, weights):
        prepare = BoundFunction(self._executable, self._device, self._artifact,
                                self._function["prepare"], weights)
        names = [b["name"] for b in prepare._function["buffers"]
                 if b["role"] == "input"]
        outputs = prepare(**{n: weights[n] for n in names if n in weights})
        # Once, so that calls on any stream find the outputs done.
        self._device.synchronize()
        return list(outputs.values())

    def _output(self, plan, position, buffer, out, outputs):
        shape = plan.shape(position, len(buffer["shape"]))
        name = buffer["name"]
        array = out.get(name)
        if array is None:
            array = DeviceArray(self._device.context, self._device.ordinal,
                                buffer["element"], shape)
        outputs[name] = array
        return device_span(name, array, buffer["element"], shape,
                           self._device.ordinal)[:2]


class Launcher:
    """A call whose arguments, outputs and workspace have their memory.

    Calling it enqueues the kernels on `stream`, an integer handle such as
    PyTorch's `stream.cuda_stream`, and nothing else: it neither allocates nor
    waits, so that a CUDA graph can capture it. `outputs` holds the results by
    name; the memory lives as long as the launcher.
    """

    def __init__(self, executable, plan, spans, workspace, outputs, keep):
        self.outputs = outputs
        self._arguments = (executable, plan, spans, workspace.span)
        self._keep = (workspace, keep)

    def __call__(self, stream=0):
        _runtime.launch(*self._arguments, stream)
        for array in self.outputs.values():
            if isinstance(array, DeviceArray):
                array.stream = stream
        return self.outputs
