"""Other ways to compute the same layers: PyTorch's own kernels, Inductor's, and
CUTLASS's."""

import marlin
import torch
import torch._dynamo
from cutlass_peer import load_configurations, time_cutlass
from programs import Float8
from timing import count_copies, time_calls


#: What it multiplied when it was recorded: fp16 there.
MARLIN_KINDS = ("int4_g128", "int4_g128_f16")


def random_bf16(*shape):
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def random_i8(*shape):
    return torch.randint(-127, 128, shape, device="cuda", dtype=torch.int8)


def random_f8(*shape):
    """Every finite code as often, as our own operands have them."""
    codes = torch.randint(0, 256, shape, device="cuda", dtype=torch.uint8)
    codes[codes & 0x7F == 0x7F] = 0
    return codes.view(torch.float8_e4m3fn)


def random_scales(*shape):
    return torch.rand(*shape, device="cuda") * 0.018 + 0.002


def scales_of_blocks(n, k):
    """K x N / 128 x 128 scales as _scaled_mm wants them: the lines of a column lie
    together, in fours."""
    lines, columns = -(-k // 128), -(-n // 128)
    return random_scales(columns, -(-lines // 4) * 4)[:, :lines].t()


def compile_layer(layer, **options):
    """What torch.compile makes of it, autotuned, for one shape."""
    torch._dynamo.reset()
    options = {"max_autotune": True, "coordinate_descent_tuning": True} | options
    return torch.compile(layer, dynamic=False, options=options)


class Peers:
    """Ways to compute the same product; the names are those of the results. Each
    way returns microseconds. Inductor compiles for seconds to a minute a shape.
    `cutlass` is the folder of CUTLASS's kernels; there may be none in it."""

    def __init__(self, inductor=True, cutlass=""):
        self.inductor = inductor
        self.cutlass = load_configurations(cutlass)
        self.done = {}
        #: Of each shape, the times of all configurations of CUTLASS.
        self.configurations = {}

    def run(self, case, rows):
        """Times by name; the reason where a peer cannot run the shape."""
        key = (type(case).__name__, case.x, case.bits, case.group, rows, case.n, case.k)
        if key not in self.done:
            self.done[key] = self._run(case, rows, case.n, case.k)
        return self.done[key]

    def _run(self, case, m, n, k):
        plain = "f16" if case.x == "f16" else "bf16"
        table = {plain: lambda: self.plain(m, n, k, plain)}
        if isinstance(case, Float8):
            for fast in (False, True):
                name = "_scaled_mm rows" + (", fast" if fast else "")
                table[name] = lambda fast=fast: self.scaled_mm(m, n, k, fast)
            if case.group:
                table["_scaled_mm blocks"] = lambda: self.scaled_mm(m, n, k, blocks=True)
        elif case.is_integer:
            table["_int_mm"] = lambda: self.int_mm(m, n, k, scaled=False)
            table["_int_mm then mul"] = lambda: self.int_mm(m, n, k, scaled=True)
            if self.inductor:
                table["Inductor fused"] = lambda: self.inductor_int8(m, n, k)
            if self.cutlass:
                # The second is the fastest of the first, launched dependently.
                table["CUTLASS"] = lambda: self.run_cutlass(m, n, k)["best"]
                table["CUTLASS dependent"] = lambda: self.run_cutlass(m, n, k)["dependent"]
        elif case.bits == 8 and self.inductor:
            name = "Inductor mul + sum" if m == 1 else "Inductor weight-only"
            table[name] = lambda: self.inductor_weight(m, n, k)
        elif case.bits == 4 and case.x == "bf16":
            table["_weight_int4pack_mm"] = lambda: self.int4pack(
                m, n, k, case.group
            )
        results = {}
        for name, measure in table.items():
            try:
                results[name] = measure()
            except Exception as error:  # A peer's limits are no failure of ours.
                results[name] = "not run: " + str(error).strip().split("\n")[0]
            torch.cuda.empty_cache()
        if case.kind in MARLIN_KINDS and isinstance(results[plain], float):
            estimate = marlin.estimate(m, n, k, results[plain])
            if estimate is not None:
                results["Marlin (recorded)"] = estimate
        return results

    def plain(self, m, n, k, name):
        """cuBLAS in the 16-bit type of that name."""
        dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[name]
        copies = count_copies(2 * (m * k + n * k))
        x = [random_bf16(m, k).to(dtype) for _ in range(copies)]
        w = [random_bf16(n, k).to(dtype) for _ in range(copies)]
        y = torch.empty(m, n, device="cuda", dtype=dtype)
        return time_calls(
            lambda i: torch.mm(x[i], w[i].t(), out=y), copies
        )

    def run_cutlass(self, m, n, k):
        if (m, n, k) not in self.configurations:
            self.configurations[m, n, k] = time_cutlass(self.cutlass, m, n, k)
        return self.configurations[m, n, k]

    def int_mm(self, m, n, k, scaled):
        copies = count_copies(m * k + n * k)
        x = [random_i8(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        sx = torch.rand(m, 1, device="cuda")
        sw = torch.rand(1, n, device="cuda")

        def call(i):
            y = torch._int_mm(x[i], w[i].t())
            return (y * sx * sw).to(torch.bfloat16) if scaled else y

        return time_calls(call, copies)

    def scaled_mm(self, m, n, k, fast=False, blocks=False):
        """e4m3 x e4m3 -> bf16 with scales of rows and columns, or of 1 x 128 and
        128 x 128. `fast` sums in the tensor cores' accumulators of 13 bits alone."""
        copies = count_copies(m * k + n * k)
        x = [random_f8(m, k) for _ in range(copies)]
        w = [random_f8(n, k) for _ in range(copies)]
        sx, sw = random_scales(m, 1), random_scales(1, n)
        if blocks:
            sx, sw = random_scales(-(-k // 128), m).t(), scales_of_blocks(n, k)

        def call(i):
            return torch._scaled_mm(
                x[i], w[i].t(), sx, sw, out_dtype=torch.bfloat16, use_fast_accum=fast
            )

        return time_calls(call, copies)

    def inductor_int8(self, m, n, k):
        """One Triton kernel: the product and its scales."""
        copies = count_copies(m * k + n * k)
        x = [random_i8(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        sx = torch.rand(m, 1, device="cuda")
        sw = torch.rand(1, n, device="cuda")

        def layer(a, b):
            return (torch._int_mm(a, b.t()) * sx * sw).to(torch.bfloat16)

        layer = compile_layer(layer, force_fuse_int_mm_with_mul=True)
        return time_calls(lambda i: layer(x[i], w[i]), copies)

    def inductor_weight(self, m, n, k):
        """At batch 1 an elementwise product and a sum, as torchao writes it."""
        copies = count_copies(2 * m * k + n * k)
        x = [random_bf16(m, k) for _ in range(copies)]
        w = [random_i8(n, k) for _ in range(copies)]
        s = torch.rand(n, device="cuda", dtype=torch.bfloat16)

        def layer(a, b):
            if m == 1:
                product = a.unsqueeze(1) * b.to(torch.bfloat16).unsqueeze(0)
                return product.sum(dim=-1) * s
            return torch.mm(a, b.to(torch.bfloat16).t()) * s

        layer = compile_layer(layer)
        return time_calls(lambda i: layer(x[i], w[i]), copies)

    def int4pack(self, m, n, k, group):
        copies = count_copies(2 * m * k + n * k // 2)
        x = [random_bf16(m, k) for _ in range(copies)]
        w = []
        for _ in range(copies):
            codes = torch.randint(
                0, 256, (n, k // 2), device="cuda", dtype=torch.uint8
            )
            w.append(torch.ops.aten._convert_weight_to_int4pack(codes, 8))
        scales = random_bf16(k // group, n, 2)
        return time_calls(
            lambda i: torch.ops.aten._weight_int4pack_mm(
                x[i], w[i], group, scales
            ),
            copies,
        )
