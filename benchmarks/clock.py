"""A stopwatch for launches through the runtime: the driver's CUDA graphs, without
any framework."""

import ctypes
import math
import os
import statistics
import time
from ctypes import byref, c_float, c_int, c_uint64, c_void_p

import artifact as rt

REPLAYS = 9


class GraphClock:
    """Times calls that are captured in a CUDA graph, through the driver."""

    method = "graph"

    def __init__(self, dll):
        self.dll = dll
        device, context = c_int(), c_void_p()
        self.call("cuInit", c_int(0))
        self.call("cuDeviceGet", byref(device), c_int(0))
        self.call("cuDevicePrimaryCtxRetain", byref(context), device)
        self.call("cuCtxSetCurrent", context)
        self.stream, self.events = c_void_p(), [c_void_p(), c_void_p()]
        self.call("cuStreamCreate", byref(self.stream), c_int(1))
        for event in self.events:
            self.call("cuEventCreate", byref(event), c_int(0))

    def call(self, name, *arguments):
        status = getattr(self.dll, name)(*arguments)
        if status != 0:
            text = ctypes.c_char_p()
            self.dll.cuGetErrorName(c_int(status), byref(text))
            reason = (text.value or b"unknown error").decode()
            raise rt.RuntimeFailure(f"{name}: {reason}", rt.DRIVER_ERROR)

    def time(self, calls, limit=math.inf, replays=REPLAYS):
        """Microseconds of one of `calls`. Fewer replays where the first is
        slower than `limit`: it will not be chosen."""
        graph, instance = c_void_p(), c_void_p()
        calls[0](self.stream.value)
        self.call("cuStreamSynchronize", self.stream)
        self.call("cuStreamBeginCapture_v2", self.stream, c_int(0))
        try:
            for call in calls:
                call(self.stream.value)
        finally:
            self.call("cuStreamEndCapture", self.stream, byref(graph))
        self.call("cuGraphInstantiateWithFlags", byref(instance), graph, c_uint64(0))
        times = []
        try:
            for replay in range(replays + 1):
                self.call("cuEventRecord", self.events[0], self.stream)
                self.call("cuGraphLaunch", instance, self.stream)
                self.call("cuEventRecord", self.events[1], self.stream)
                self.call("cuEventSynchronize", self.events[1])
                elapsed = c_float()
                self.call("cuEventElapsedTime", byref(elapsed), *self.events)
                if replay:  # the first warms up
                    times.append(elapsed.value * 1000 / len(calls))
                if len(times) == 2 and min(times) > limit:
                    break
        finally:
            self.call("cuGraphExecDestroy", instance)
            self.call("cuGraphDestroy", graph)
        return statistics.median(times)


class WallClock:
    """Where the driver has no graphs, as the emulator's."""

    method = "wall clock"

    def __init__(self, context):
        self.context = context

    def time(self, calls, limit=math.inf, replays=REPLAYS):
        start = time.perf_counter()
        calls[0](None)
        self.context.synchronize()
        return (time.perf_counter() - start) * 1e6


def find_clock(context):
    dll = ctypes.CDLL(os.environ.get("QUANTMLIR_LIBCUDA", "libcuda.so.1"))
    return GraphClock(dll) if hasattr(dll, "cuGraphLaunch") else WallClock(context)
