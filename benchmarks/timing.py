"""Microseconds of a call on the GPU, the operands not in its caches."""

import statistics

import numpy as np
import torch
import triton
import triton.language as tl

ROTATE_BYTES = 240_000_000
MIN_CALLS = 4
REPLAYS = 20


def time_calls(call, copies, min_calls=MIN_CALLS, replays=REPLAYS):
    """Microseconds of call(i), i going round `copies` sets of operands."""
    calls = max(copies, min_calls)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for i in range(min(copies, 3)):
            call(i)
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(calls):
            call(i % copies)
    for _ in range(3):
        graph.replay()
    times = []
    for _ in range(replays):
        start = torch.cuda.Event(enable_timing=True)
        stop = torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) * 1000 / calls)
    return statistics.median(times)


def count_copies(bytes_per_call):
    return max(1, min(512, -(-ROTATE_BYTES // bytes_per_call)))


def to_torch(array):
    """The array's bytes on the device."""
    return torch.from_numpy(np.ascontiguousarray(array).view(np.uint8)).cuda()


@triton.jit
def read_kernel(data, sums, words, block: tl.constexpr):
    """Each program reads every num_programs-th block and stores their sum."""
    program = tl.program_id(0)
    lanes = tl.arange(0, block)
    total = tl.zeros([block], tl.int32)
    for start in range(program * block, words, tl.num_programs(0) * block):
        total += tl.load(data + start + lanes, mask=start + lanes < words, other=0)
    tl.store(sums + program, tl.sum(total))


def time_read(size):
    """Microseconds to read `size` bytes and do nothing with them: the floor of a
    batch-1 layer in this run. The best of some shapes of a grid."""
    words = max(1, size // 4)
    copies = count_copies(4 * words)
    data = [
        torch.randint(0, 1 << 30, (words,), device="cuda", dtype=torch.int32)
        for _ in range(copies)
    ]
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    sums = torch.empty(32 * processors, device="cuda", dtype=torch.int32)

    def read(block, per_processor):
        grid = (min(per_processor * processors, triton.cdiv(words, block)),)
        return lambda i: read_kernel[grid](
            data[i], sums, words, block=block, num_warps=block // 512
        )

    return min(
        time_calls(read(block, per_processor), copies)
        for block, per_processor in [(2048, 4), (2048, 16), (4096, 4), (4096, 32)]
    )
