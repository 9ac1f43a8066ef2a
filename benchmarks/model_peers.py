"""The models of models.py in PyTorch: what cuBLAS, Inductor and tinygemm make of the
same layers.

Weights are random and each layer has its own. A peer is a function that runs all
layers; `measure` captures it in a CUDA graph and says what PyTorch had allocated at
most while it ran.
"""

import gc
import time

import torch
import torch._dynamo
import torch.nn.functional as F
from models import Sam


def compile_layer(layer, **options):
    """What torch.compile makes of it for each shape; products by cuBLAS unless an
    option says otherwise, what follows them fused."""
    return torch.compile(layer, dynamic=False, options=options or None)


def linear(x, w, b):
    return F.linear(x, w, b)


def linear_gelu(x, w, b):
    return F.gelu(F.linear(x, w, b))


def linear_gelu_tanh(x, w, b):
    """Not the same function, but the only GELU that cuBLAS's epilogues have."""
    return torch._addmm_activation(b, x, w.t(), use_gelu=True)


def linear_int8(x, w, scales, b):
    """Dynamic quantization of each row, an int8 product, and its scales."""
    wide = x.float()
    size = (wide.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-12)
    codes = (wide / size).round().clamp(-128, 127).to(torch.int8)
    return (torch._int_mm(codes, w.t()) * size * scales + b).to(torch.bfloat16)


def linear_int8_gelu(x, w, scales, b):
    return F.gelu(linear_int8(x, w, scales, b).float()).to(torch.bfloat16)


def silu_product(both):
    gate, up = both.chunk(2, dim=1)
    return F.silu(gate) * up


class Arrays:
    """Random tensors on a device."""

    def __init__(self, device):
        self.device = device

    def bf16(self, *shape, size=1.0):
        x = torch.empty(shape, device=self.device, dtype=torch.bfloat16)
        return x.normal_(std=size)

    def i8(self, *shape):
        return torch.randint(-127, 128, shape, device=self.device, dtype=torch.int8)

    def scales(self, n, k):
        """Those that keep the size of what is multiplied by codes of i8()."""
        return (torch.rand(n, device=self.device) + 0.5) / (73 * k**0.5)


def sam_peer(model, arrays, quantized, layers):
    """A run of all layers. `layers` are the functions for a layer and for one with
    GELU; `quantized` says whether they take int8 weights with scales."""
    shapes = model.shapes()
    operands = []
    for step in model.sequence():
        rows, k, n, activation = shapes[step.program]
        if quantized:
            weight = (arrays.i8(n, k), arrays.scales(n, k))
        else:
            weight = (arrays.bf16(n, k, size=k**-0.5),)
        operands.append((step, rows, layers[1 if activation else 0], weight, arrays.bf16(n)))
    x = arrays.bf16(max(model.windows, model.tokens), model.width)

    def run():
        live = {"x": x}
        for step, rows, layer, weight, bias in operands:
            # What is written anew need not be kept.
            live.pop(step.target, None)
            live[step.target] = layer(live[step.source][:rows], *weight, bias)
        return live["y"]

    return run


def llama_peer(model, arrays, product, make_weight, gated):
    """A run of all layers, `product(x, weight)` each, one row; `gated` follows gate
    and up where they are one product."""
    shapes = model.shapes()
    steps = [
        (step, gated if shapes[step.program][3] else None, shapes[step.program])
        for step in model.sequence()
    ]
    weights = [make_weight(n, k) for _, _, (_, k, n, _) in steps]
    x = arrays.bf16(1, model.width)

    def run():
        live = {"x": x}
        for (step, activation, (_, k, _, _)), weight in zip(steps, weights):
            y = product(live[step.source][:, :k], weight)
            live[step.target] = activation(y) if activation else y
        return live["logits"]

    return run


def int4_weight(arrays, n, k, group=128):
    codes = torch.randint(0, 256, (n, k // 2), device=arrays.device, dtype=torch.uint8)
    packed = torch.ops.aten._convert_weight_to_int4pack(codes, 8)
    scales = arrays.bf16(k // group, n, 2, size=0.2 * k**-0.5)
    return packed, scales, group


def int4_product(x, weight):
    packed, scales, group = weight
    return torch.ops.aten._weight_int4pack_mm(x, packed, group, scales)


def mul_sum(x, w, scales):
    """At batch 1 an elementwise product and a sum, as torchao writes it."""
    return (x * w.to(torch.bfloat16)).sum(dim=1)[None] * scales


def peers_of(model, arrays, inductor=True):
    """(name, maker of a run) of every peer."""
    if isinstance(model, Sam):
        if model.mlp_images:
            return  # PyTorch's layers take all rows.
        yield "bf16 cuBLAS", lambda: sam_peer(model, arrays, False, (linear, linear_gelu))
        yield (
            "bf16 cuBLASLt, GELU by tanh in its epilogue",
            lambda: sam_peer(model, arrays, False, (linear, linear_gelu_tanh)),
        )
        if inductor:

            def bf16():
                return sam_peer(
                    model, arrays, False, (compile_layer(linear), compile_layer(linear_gelu))
                )

            def int8(**options):
                layers = [compile_layer(f, **options) for f in (linear_int8, linear_int8_gelu)]
                return sam_peer(model, arrays, True, layers)

            yield "bf16 cuBLAS, Inductor's epilogues", bf16
            yield "int8 dynamic, Inductor unfused", int8
            yield (
                "int8 dynamic, Inductor fused",
                # Triton's kernels have no default tile: they must be tuned.
                lambda: int8(force_fuse_int_mm_with_mul=True, max_autotune=True),
            )
        return
    gated = compile_layer(silu_product) if inductor and model.fused else silu_product

    def bf16_product(x, w):
        return torch.mm(x, w.t())

    yield "bf16 cuBLAS", lambda: llama_peer(
        model, arrays, bf16_product, lambda n, k: arrays.bf16(n, k, size=k**-0.5), gated
    )
    if model.kind.startswith("int4"):
        yield "int4 tinygemm", lambda: llama_peer(
            model, arrays, int4_product, lambda n, k: int4_weight(arrays, n, k), gated
        )
    elif inductor:

        def mul_sum_run():
            product = compile_layer(mul_sum)
            return llama_peer(
                model,
                arrays,
                lambda x, w: product(x, *w),
                lambda n, k: (arrays.i8(n, k), arrays.scales(n, k).to(torch.bfloat16)),
                gated,
            )

        yield "int8 Inductor mul + sum", mul_sum_run


def measure(run, device, replays):
    """Microseconds of run(), and the bytes that were allocated at most."""
    with torch.inference_mode():
        result = run()
        if not bool(torch.isfinite(result.float()).all()):
            raise RuntimeError("the result is not finite")
        if device == "cpu":  # where the peers themselves are tested
            start = time.perf_counter()
            run()
            return (time.perf_counter() - start) * 1e6, 0
        del result
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated()
        from timing import time_calls

        return time_calls(lambda i: run(), 1, min_calls=1, replays=replays), peak


def free():
    """Gives back what a peer leaves, so that the next has all memory."""
    torch._dynamo.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
