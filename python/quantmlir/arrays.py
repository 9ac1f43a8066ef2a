"""NumPy arrays under MLIR's names for element types."""

import dataclasses
import json

import ml_dtypes
import numpy as np

#: MLIR's spelling -> NumPy's type. Codes narrower than a byte are packed i8.
DTYPES = {
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui16": np.dtype(np.uint16),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
    "index": np.dtype(np.int64),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "f8E8M0FNU": np.dtype(ml_dtypes.float8_e8m0fnu),
}


@dataclasses.dataclass(frozen=True)
class Encoded:
    """An encoded tensor taken apart, as `quant_tensor.assemble` takes it."""

    codes: object
    scales: object
    zero_points: object = None
    group_index: object = None

    def parts(self, name):
        """{"<name>.codes": ..., ...}: the parts under their buffers' names."""
        found = {f"{name}.codes": self.codes, f"{name}.scales": self.scales}
        if self.zero_points is not None:
            found[f"{name}.zero_points"] = self.zero_points
        if self.group_index is not None:
            found[f"{name}.group_index"] = self.group_index
        return found


#: safetensors' spelling -> NumPy's type.
_SAFETENSORS = {
    "I8": "i8", "I16": "i16", "I32": "i32", "I64": "i64",
    "U8": "ui8", "U16": "ui16", "U32": "ui32", "U64": "ui64",
    "F16": "f16", "BF16": "bf16", "F32": "f32", "F64": "f64",
    "F8_E4M3": "f8E4M3FN", "F8_E5M2": "f8E5M2", "F8_E8M0": "f8E8M0FNU",
}


def read_safetensors(path):
    """The arrays of a safetensors file by name; they map it."""
    data = np.memmap(path, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    return {name: data[start + entry["data_offsets"][0]:
                       start + entry["data_offsets"][1]]
            .view(DTYPES[_SAFETENSORS[entry["dtype"]]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


def dtype_of(element):
    """The NumPy type of an MLIR element type; TypeError where there is none."""
    try:
        return DTYPES[element]
    except KeyError:
        raise TypeError(f"NumPy has no element type '{element}'") from None


def flatten(arguments):
    """Arguments by name, each `Encoded` replaced by its parts."""
    flat = {}
    for name, value in arguments.items():
        flat.update(value.parts(name) if isinstance(value, Encoded)
                    else {name: value})
    return flat


def check_names(wanted, given, function):
    """Refuses missing and unknown arguments with the names there are."""
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    if missing or unknown:
        raise TypeError(
            f"{function}() takes {', '.join(wanted)}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; unknown: {', '.join(unknown)}" if unknown else ""))


def check_shape(name, shape, expected):
    """`expected` has -1 for dynamic extents."""
    fits = len(shape) == len(expected) and all(
        wanted in (-1, extent) for extent, wanted in zip(shape, expected))
    if not fits:
        wanted = "x".join("?" if e < 0 else str(e) for e in expected)
        raise ValueError(
            f"{name}: expected {wanted or 'a scalar'}, "
            f"got {'x'.join(map(str, shape)) or 'a scalar'}")


def to_bytes(name, value, element, shape):
    """`value` as a contiguous array of bytes, and its shape, both checked.

    The type must be exact: a silent conversion could hide a wrong argument.
    """
    array = np.asarray(value)
    dtype = dtype_of(element)
    if array.dtype != dtype:
        raise TypeError(f"{name}: expected {dtype} ({element}), got {array.dtype}")
    check_shape(name, array.shape, shape)
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8), array.shape


def from_bytes(data, shape, element):
    """An array that owns its memory."""
    return np.frombuffer(data, dtype=dtype_of(element)).reshape(shape).copy()
