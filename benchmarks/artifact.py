"""Loads and launches artifacts through libquantmlir_runtime.so with ctypes.

Needs nothing but Python and the library: the machine with the GPU has no MLIR.
Device memory is whatever has an address; `Context.allocate` gives some, and so
does any framework.
"""

import ctypes
import os
from ctypes import (
    Structure,
    byref,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

INPUT, WEIGHT, PREPARED, OUTPUT, TEMPORARY = range(5)


class _FunctionInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("prepare", c_int64),
        ("num_dims", c_size_t),
        ("num_buffers", c_size_t),
        ("num_steps", c_size_t),
    ]


class _DimInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("buffer", c_size_t),
        ("axis", c_size_t),
        ("min", c_int64),
        ("max", c_int64),
    ]


class _BufferInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("role", c_int),
        ("element", c_char_p),
        ("element_bytes", c_size_t),
        ("rank", c_size_t),
        ("alignment", c_size_t),
        ("prepared_from", c_int64),
    ]


class _KernelInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("block", c_uint32 * 3),
        ("cluster", c_uint32 * 3),
        ("dynamic_shared_memory", c_uint32),
        ("dependent_launch", c_int),
        ("num_parameters", c_size_t),
        ("u_acc", c_double),
        ("u_decode", c_double),
        ("offset", c_double),
    ]


class _Buffer(Structure):
    _fields_ = [("address", c_uint64), ("bytes", c_size_t)]


DRIVER_ERROR = 7


class RuntimeFailure(Exception):
    """A call of the runtime failed; the text is the runtime's message."""

    def __init__(self, message, status=None):
        super().__init__(message)
        #: The QuantmlirRtStatus. After DRIVER_ERROR the process's context may
        #: be lost: a kernel's illegal access fails all later calls too.
        self.status = status


def find_library():
    """The path of the library: $QUANTMLIR_RUNTIME, or below the repository."""
    here = os.path.dirname(os.path.abspath(__file__))
    candidates = [
        os.environ.get("QUANTMLIR_RUNTIME", ""),
        os.path.join(here, "libquantmlir_runtime.so"),
        os.path.join(here, "..", "build", "lib", "libquantmlir_runtime.so"),
    ]
    for candidate in candidates:
        if candidate and os.path.exists(candidate):
            return candidate
    raise FileNotFoundError(
        "libquantmlir_runtime.so not found; set QUANTMLIR_RUNTIME to its path"
    )


class Library:
    """The shared library; its functions raise RuntimeFailure."""

    def __init__(self, path=None):
        self.dll = ctypes.CDLL(path or find_library())
        self.dll.quantmlirRtGetLastErrorMessage.restype = c_char_p
        self.dll.quantmlirRtArtifactGetChip.restype = c_char_p
        self.dll.quantmlirRtContextGetDeviceName.restype = c_char_p
        for name in (
            "ArtifactGetNumFunctions",
            "PlanGetWorkspaceBytes",
            "PlanGetNumLaunches",
        ):
            getattr(self.dll, "quantmlirRt" + name).restype = c_size_t

    def raw(self, name, *arguments):
        """Calls a function that cannot fail."""
        return getattr(self.dll, "quantmlirRt" + name)(*arguments)

    def call(self, name, *arguments):
        """Calls a function that returns a status."""
        status = self.raw(name, *arguments)
        if status != 0:
            message = self.dll.quantmlirRtGetLastErrorMessage()
            raise RuntimeFailure(message.decode(errors="replace"), status)

    def destroy(self, name, handle):
        if handle:
            self.raw(name, handle)


class Buffer:
    """What the manifest says about one buffer of a function."""

    def __init__(self, index, info, shape):
        self.index = index
        self.name = info.name.decode()
        self.role = info.role
        self.element = info.element.decode()
        self.element_bytes = info.element_bytes
        self.prepared_from = info.prepared_from
        #: Sizes; -1 where dynamic.
        self.shape = shape


class Function:
    """One function of an artifact."""

    def __init__(self, artifact, index):
        self.artifact = artifact
        self.index = index
        library, handle = artifact.library, artifact.handle
        info = _FunctionInfo()
        library.call(
            "ArtifactGetFunctionInfo", handle, c_size_t(index), byref(info)
        )
        self.name = info.name.decode()
        self.prepare_index = info.prepare
        self.buffers = []
        for i in range(info.num_buffers):
            buffer = _BufferInfo()
            library.call(
                "ArtifactGetBufferInfo",
                handle,
                c_size_t(index),
                c_size_t(i),
                byref(buffer),
            )
            shape = (c_int64 * max(1, buffer.rank))()
            library.call(
                "ArtifactGetBufferShape",
                handle,
                c_size_t(index),
                c_size_t(i),
                shape,
                c_size_t(buffer.rank),
            )
            self.buffers.append(Buffer(i, buffer, list(shape[: buffer.rank])))
        #: (name, buffer, axis) of each dynamic dimension.
        self.dims = []
        for i in range(info.num_dims):
            dim = _DimInfo()
            library.call(
                "ArtifactGetDimInfo",
                handle,
                c_size_t(index),
                c_size_t(i),
                byref(dim),
            )
            self.dims.append((dim.name.decode(), dim.buffer, dim.axis))

    @property
    def prepare(self):
        """The function that computes the prepared buffers, or None."""
        if self.prepare_index < 0:
            return None
        return self.artifact.functions[self.prepare_index]

    def by_role(self, *roles):
        return [buffer for buffer in self.buffers if buffer.role in roles]


class Artifact:
    """A loaded and validated artifact directory."""

    def __init__(self, library, path):
        self.library = library
        self.handle = c_void_p()
        library.call(
            "ArtifactLoad", os.fsencode(path), byref(self.handle)
        )
        self.chip = library.raw("ArtifactGetChip", self.handle).decode()
        self.functions = []
        count = library.raw("ArtifactGetNumFunctions", self.handle)
        for i in range(count):
            self.functions.append(Function(self, i))

    def __del__(self):
        self.library.destroy("ArtifactDestroy", getattr(self, "handle", None))

    def main(self):
        """The only function that is not another's prepare function."""
        prepares = {f.prepare_index for f in self.functions}
        (main,) = [f for f in self.functions if f.index not in prepares]
        return main

    def kernel(self, index):
        info = _KernelInfo()
        self.library.call(
            "ArtifactGetKernelInfo", self.handle, c_size_t(index), byref(info)
        )
        return info


class Plan:
    """A function at fixed dimensions."""

    def __init__(self, function, dims=()):
        self.function = function
        self.library = function.artifact.library
        self.handle = c_void_p()
        values = (c_int64 * max(1, len(dims)))(*dims)
        self.library.call(
            "PlanCreate",
            function.artifact.handle,
            c_size_t(function.index),
            values,
            c_size_t(len(dims)),
            byref(self.handle),
        )
        self.workspace_bytes = self.library.raw(
            "PlanGetWorkspaceBytes", self.handle
        )

    def __del__(self):
        self.library.destroy("PlanDestroy", getattr(self, "handle", None))

    def bytes(self, buffer):
        result = c_size_t()
        self.library.call(
            "PlanGetBufferBytes",
            self.handle,
            c_size_t(buffer.index),
            byref(result),
        )
        return result.value

    def shape(self, buffer):
        rank = len(buffer.shape)
        shape = (c_int64 * max(1, rank))()
        self.library.call(
            "PlanGetBufferShape",
            self.handle,
            c_size_t(buffer.index),
            shape,
            c_size_t(rank),
        )
        return tuple(shape[:rank])

    def launches(self):
        """The kernel and the grid of each launch."""
        result = []
        for i in range(self.library.raw("PlanGetNumLaunches", self.handle)):
            kernel = c_size_t()
            grid = (c_uint32 * 3)()
            self.library.call(
                "PlanGetLaunch", self.handle, c_size_t(i), byref(kernel), grid
            )
            info = self.function.artifact.kernel(kernel.value)
            result.append((info, tuple(grid)))
        return result


class Context:
    """A CUDA device."""

    def __init__(self, library, ordinal=0):
        self.library = library
        self.handle = c_void_p()
        #: Bytes of all Memory that there is.
        self.allocated = 0
        library.call("ContextCreate", c_int(ordinal), byref(self.handle))
        self.name = library.raw("ContextGetDeviceName", self.handle).decode()
        self.capability = library.raw(
            "ContextGetComputeCapability", self.handle
        )

    def __del__(self):
        # Objects that refer to each other in a circle, as all may at the end of
        # a process, go in any order: what is left must find no context.
        handle, self.handle = getattr(self, "handle", None), None
        self.library.destroy("ContextDestroy", handle)

    def allocate(self, size):
        return Memory(self, size)

    def synchronize(self, stream=None):
        self.library.call(
            "StreamSynchronize", self.handle, c_void_p(stream)
        )


class Memory:
    """Device memory of the runtime's own, freed with the object."""

    def __init__(self, context, size):
        self.context = context
        self.buffer = _Buffer(0, 0)
        context.library.call(
            "MemoryAllocate", context.handle, c_size_t(size), byref(self.buffer)
        )
        self.address = self.buffer.address
        self.size = size
        context.allocated += size

    def __del__(self):
        if getattr(self, "size", None) is not None:
            self.context.allocated -= self.size
        buffer, handle = getattr(self, "buffer", None), self.context.handle
        if handle and buffer is not None and buffer.address:
            self.context.library.raw("MemoryFree", handle, buffer)

    def _part(self, offset, size):
        assert 0 <= offset and offset + size <= self.size
        return _Buffer(self.address + offset, size)

    def write(self, data, offset=0):
        """Copies bytes to the memory from `offset` on."""
        self.context.library.call(
            "MemoryCopyToDevice",
            self.context.handle,
            self._part(offset, len(data)),
            c_char_p(data),
            c_size_t(len(data)),
            None,
        )

    def read(self, offset=0, size=None):
        """`size` bytes from `offset` on; all that follow where it is not given."""
        size = self.size - offset if size is None else size
        data = ctypes.create_string_buffer(max(1, size))
        self.context.library.call(
            "MemoryCopyToHost",
            self.context.handle,
            data,
            self._part(offset, size),
            c_size_t(size),
            None,
        )
        return data.raw[:size]


class Executable:
    """An artifact's kernels on a device."""

    AUTO, PTX, CUBIN = range(3)

    def __init__(self, context, artifact, image=AUTO):
        self.context = context
        self.library = context.library
        self.handle = c_void_p()
        self.library.call(
            "ExecutableCreate",
            context.handle,
            artifact.handle,
            c_int(image),
            byref(self.handle),
        )

    def __del__(self):
        if self.context.handle:
            self.library.destroy("ExecutableDestroy", getattr(self, "handle", None))

    def launch(self, plan, addresses, workspace=(0, 0), stream=None):
        self.bind(plan, addresses, workspace)(stream)

    def bind(self, plan, addresses, workspace=(0, 0)):
        """A function that launches the plan on a stream.

        `addresses` has the address of each buffer by name; temporaries live in
        `workspace`, an (address, bytes) pair.
        """
        count = len(plan.function.buffers)
        buffers = (_Buffer * max(1, count))()
        for buffer in plan.function.buffers:
            if buffer.role != TEMPORARY:
                buffers[buffer.index] = _Buffer(
                    addresses[buffer.name], plan.bytes(buffer)
                )
        space = _Buffer(*workspace)

        def launch(stream=None):
            self.library.call(
                "Launch",
                self.handle,
                plan.handle,
                buffers,
                c_size_t(count),
                space,
                c_void_p(stream),
            )

        return launch
