"""Running an artifact's kernels on a CUDA device."""

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
    (`torch.from_dlpack(a)`, `cupy.asarray(a)`); `numpy()` copies it.
    """

    def __init__(self, context, ordinal, element, shape):
        self.element = element
        self.shape = tuple(shape)
        self.dtype = dtype_of(element)
        self._ordinal = ordinal
        bytes_ = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        self._memory = _runtime.Memory(context, bytes_)

    @classmethod
    def upload(cls, context, ordinal, name, value, element, shape):
        data = to_bytes(name, value, element, shape)
        result = cls(context, ordinal, element, np.asarray(value).shape)
        result._memory.upload(data.tobytes())
        return result

    @property
    def span(self):
        """(address, bytes)"""
        return self._memory.address, self._memory.bytes

    def numpy(self):
        return from_bytes(self._memory.download(), self.shape, self.element)

    @property
    def __cuda_array_interface__(self):
        # The protocol has no bf16 or f8: raising AttributeError makes consumers
        # look for DLPack.
        if self.dtype.kind not in "biuf":
            raise AttributeError(f"no typestr for {self.element}; use DLPack")
        return {"shape": self.shape, "typestr": self.dtype.str,
                "data": (self._memory.address, False), "version": 3,
                "stream": 1}

    def _dlpack(self):
        code, bits = _DLPACK_TYPES[self.element]
        return _runtime.export_dlpack(self._memory, list(self.shape), code,
                                      bits, self._ordinal)

    def __dlpack__(self, **options):
        return self._dlpack().__dlpack__(**options)

    def __dlpack_device__(self):
        return _CUDA, self._ordinal


def device_span(name, value, element, shape):
    """(address, bytes, shape) of somebody's array on the device.

    Raises TypeError or ValueError where the type, shape, place or strides are
    not what the kernels read.
    """
    if isinstance(value, DeviceArray):
        if value.element != element:
            raise TypeError(f"{name}: expected {element}, got {value.element}")
        check_shape(name, value.shape, shape)
        return *value.span, value.shape
    try:
        interface = value.__cuda_array_interface__
    except (AttributeError, TypeError):
        # PyTorch raises TypeError for types that the protocol lacks.
        return _dlpack_span(name, value, element, shape)
    dtype = np.dtype(interface["typestr"])
    if dtype != dtype_of(element):
        raise TypeError(f"{name}: expected {element}, got {dtype}")
    check_shape(name, interface["shape"], shape)
    actual = tuple(interface["shape"])
    strides = interface.get("strides")
    if strides is not None and not _is_row_major(actual, strides, dtype.itemsize):
        raise ValueError(f"{name}: not contiguous in row-major order")
    count = int(np.prod(actual, dtype=np.int64))
    return interface["data"][0], count * dtype.itemsize, actual


def _dlpack_span(name, value, element, shape):
    if not hasattr(value, "__dlpack__"):
        raise TypeError(f"{name}: {type(value).__name__} has neither "
                        "__cuda_array_interface__ nor __dlpack__")
    address, actual, bits, code, device, contiguous = \
        _runtime.inspect_dlpack(value)
    if device != _CUDA:
        raise ValueError(f"{name}: not on a CUDA device")
    if (code, bits) != _DLPACK_TYPES[element]:
        raise TypeError(f"{name}: expected {element}, got DLPack type {code} of "
                        f"{bits} bits")
    check_shape(name, actual, shape)
    if not contiguous:
        raise ValueError(f"{name}: not contiguous in row-major order")
    count = int(np.prod(actual, dtype=np.int64))
    return address, count * bits // 8, tuple(actual)


def _is_row_major(shape, strides, itemsize):
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
    place. `out` names arrays to write to; others are allocated.
    """

    def __init__(self, executable, device, artifact, index, weights):
        self._executable = executable
        self._device = device
        self._artifact = artifact
        self._index = index
        self._function = artifact.functions[index]
        self._weights = {}
        prepared = []
        if self._function["prepare"] >= 0:
            prepared = self._prepare(weights)
        self._prepared = prepared
        wanted = [b["name"] for b in self._function["buffers"]
                  if b["role"] == "weight"]
        for name in wanted:
            if name not in weights:
                raise TypeError(f"missing weight {name}")
            buffer = next(b for b in self._function["buffers"]
                          if b["name"] == name)
            self._weights[name] = self._place(buffer, weights[name])

    def _place(self, buffer, value):
        """Puts a NumPy array on the device; (span and shape, what keeps it)."""
        if isinstance(value, (np.ndarray, np.generic)):
            value = DeviceArray.upload(self._device.context,
                                       self._device.ordinal, buffer["name"],
                                       value, buffer["element"],
                                       buffer["shape"])
        return device_span(buffer["name"], value, buffer["element"],
                           buffer["shape"]), value

    def _prepare(self, weights):
        prepare = BoundFunction.__new__(BoundFunction)
        prepare.__dict__.update(self.__dict__)
        prepare._index = self._function["prepare"]
        prepare._function = self._artifact.functions[prepare._index]
        prepare._prepared = []
        names = [b["name"] for b in prepare._function["buffers"]
                 if b["role"] in ("input", "weight")]
        outputs = prepare._launch({n: weights[n] for n in names if n in weights},
                                  {}, 0)
        return list(outputs.values())

    def __call__(self, stream=0, out=None, **arguments):
        return self._launch(flatten(arguments), out or {}, stream)

    def _launch(self, given, out, stream):
        buffers = self._function["buffers"]
        check_names([b["name"] for b in buffers
                     if b["role"] in ("input", "weight")
                     and b["name"] not in self._weights],
                    given, self._function["name"])
        placed = dict(self._weights)
        for buffer in buffers:
            if buffer["name"] in given:
                placed[buffer["name"]] = self._place(buffer,
                                                     given[buffer["name"]])
        dims = []
        for dim in self._function["dims"]:
            (_, _, shape), _ = placed[buffers[dim["buffer"]]["name"]]
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
        _runtime.launch(self._executable, plan, spans, workspace.span, stream)
        # Freeing device memory waits for the kernels that use it, so inputs and
        # workspace may go now.
        return outputs

    def _output(self, plan, position, buffer, out, outputs):
        shape = plan.shape(position, len(buffer["shape"]))
        name = buffer["name"]
        array = out.get(name)
        if array is None:
            array = DeviceArray(self._device.context, self._device.ordinal,
                                buffer["element"], shape)
        outputs[name] = array
        return device_span(name, array, buffer["element"], shape)[:2]
