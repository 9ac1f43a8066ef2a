"""The linear layers that are checked and timed: y = x · wᵀ, w being N×K.

Each kind of case says how its program is written and what its exact result is.
"""

import numpy as np

MAPS = """#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""

#: Kinds: bits of the weight, group along K (0: a whole row), what x is.
KINDS = {
    "int8_scaled": dict(bits=8, group=0, x="codes"),
    "int8_dynamic": dict(bits=8, group=0, x="quantized"),
    "int8_weight": dict(bits=8, group=0, x="float"),
    "int4_g128": dict(bits=4, group=128, x="float"),
    "int4_g32": dict(bits=4, group=32, x="float"),
}


class Case:
    """One layer: kind, N, K and M (None: dynamic)."""

    def __init__(self, kind, n, k, m=None):
        self.kind, self.n, self.k, self.m = kind, n, k, m
        self.bits = KINDS[kind]["bits"]
        # A block is at most the dimension.
        self.group = min(KINDS[kind]["group"], k)
        self.x = KINDS[kind]["x"]

    @property
    def name(self):
        rows = "" if self.m is None else f"_m{self.m}"
        return f"{self.kind}_n{self.n}_k{self.k}{rows}"

    def describe(self):
        return dict(name=self.name, kind=self.kind, n=self.n, k=self.k, m=self.m)

    @staticmethod
    def from_description(entry):
        return Case(entry["kind"], entry["n"], entry["k"], entry["m"])

    def mlir(self):
        """The program: plain linalg on encoded operands, result in bf16."""
        n, k = self.n, self.k
        m = "?" if self.m is None else self.m
        scale = "f32" if self.bits == 8 else "bf16"
        token = "{storage = i8, block = [1, 0], scale = f32}"
        weight = f"{{storage = i{self.bits}, block = [1, {self.group}], scale = {scale}}}"
        x_type = f"tensor<{m}x{k}xbf16>"
        if self.x == "codes":
            arguments = (
                f'%codes: tensor<{m}x{k}xi8> {{quant_tensor.name = "x.codes"}}, '
                f'%scales: tensor<{m}x1xf32> {{quant_tensor.name = "x.scales"}}'
            )
            source = "%codes"
            source_type = f"tensor<{m}x{k}xi8>"
        else:
            arguments = f'%x: {x_type} {{quant_tensor.name = "x"}}'
            source, source_type = "%x", x_type
        lines = []
        lhs, lhs_type = "%x", x_type
        if self.x == "codes":
            lhs, lhs_type = "%lhs", f"tensor<{m}x{k}xbf16, #token>"
            lines.append(
                f"%lhs = quant_tensor.assemble %codes, %scales : "
                f"tensor<{m}x{k}xi8>, tensor<{m}x1xf32> -> {lhs_type}"
            )
        elif self.x == "quantized":
            lhs, lhs_type = "%lhs", f"tensor<{m}x{k}xbf16, #token>"
            lines.append(
                f"%lhs = quant_tensor.quantize %x : {x_type} -> {lhs_type}"
            )
        size = ""
        if self.m is None:
            lines.append("%c0 = arith.constant 0 : index")
            lines.append(f"%m = tensor.dim {source}, %c0 : {source_type}")
            size = "%m"
        acc = f"tensor<{m}x{n}xf32>"
        out = f"tensor<{m}x{n}xbf16>"
        lines += [
            "%zero = arith.constant 0.0 : f32",
            f"%empty = tensor.empty({size}) : {acc}",
            f"%init = linalg.fill ins(%zero : f32) outs(%empty : {acc}) -> {acc}",
            f"%y = linalg.matmul indexing_maps = [#mk, #nk, #mn] "
            f"ins({lhs}, %w : {lhs_type}, tensor<{n}x{k}xbf16, #weight>) "
            f"outs(%init : {acc}) -> {acc}",
            f"%r = arith.truncf %y : {acc} to {out}",
            f"return %r : {out}",
        ]
        body = "\n".join("  " + line for line in lines)
        encodings = f"#weight = #quant_tensor.encoding<{weight}>\n"
        if self.x != "float":
            encodings += f"#token = #quant_tensor.encoding<{token}>\n"
        return (
            f"{MAPS}{encodings}func.func @linear({arguments}, "
            f"%w: tensor<{n}x{k}xbf16, #weight> "
            f'{{quant_tensor.name = "w"}}) -> ({out} '
            f'{{quant_tensor.name = "y"}}) {{\n{body}\n}}\n'
        )

    def quantize_weight(self, weight):
        """Codes and scales of a float32 N×K weight, by the absmax of each
        block, by the names of the program's parts."""
        extent = self.group or self.k
        blocks = -(-self.k // extent)
        padded = np.zeros((self.n, blocks * extent), np.float32)
        padded[:, : self.k] = weight
        padded = padded.reshape(self.n, blocks, extent)
        largest = (1 << (self.bits - 1)) - 1
        scales = np.abs(padded).max(axis=2) / np.float32(largest)
        scales = np.where(scales == 0, np.float32(1), scales)
        if self.bits != 8:
            scales = from_bf16(to_bf16(scales))
        codes = np.clip(
            np.rint(padded / scales[:, :, None]), -largest - 1, largest
        )
        codes = codes.reshape(self.n, -1)[:, : self.k].astype(np.int8)
        return {
            "w.codes": pack(codes, self.bits),
            "w.scales": scales if self.bits == 8 else to_bf16(scales),
        }

    def make_inputs(self, rng, rows):
        """Random arrays by the names of the program's parts, as raw bits."""
        k, n = self.k, self.n
        limit = 1 << (self.bits - 1)
        codes = rng.integers(-limit, limit, (n, k), dtype=np.int8)
        groups = 1 if self.group == 0 else -(-k // self.group)
        scales = rng.uniform(0.002, 0.02, (n, groups)).astype(np.float32)
        inputs = {"w.codes": pack(codes, self.bits)}
        if self.bits == 8:
            inputs["w.scales"] = scales
        else:
            inputs["w.scales"] = to_bf16(scales)
        if self.x == "codes":
            inputs["x.codes"] = rng.integers(-127, 128, (rows, k), dtype=np.int8)
            inputs["x.scales"] = rng.uniform(0.01, 0.03, (rows, 1)).astype(
                np.float32
            )
        else:
            inputs["x"] = to_bf16(
                rng.standard_normal((rows, k)).astype(np.float32)
            )
        return inputs

    def reference(self, inputs, contract):
        """The exact result in float64, and the bound on |y - exact|.

        Design, numeric contract: gamma(u_acc, K) sum |x| (|w| + |offset s|) +
        u_decode sum |x||w|, beside the rounding of the result. What follows an
        exact integer contraction rounds once for each f32 operation.
        """
        codes = unpack(inputs["w.codes"], self.bits, self.k).astype(np.float64)
        scales = inputs["w.scales"]
        if scales.dtype == np.uint16:
            scales = from_bf16(scales)
        scales = scales.astype(np.float64)
        if self.group:
            scales = np.repeat(scales, self.group, axis=1)[:, : self.k]
        weight = codes * scales
        if self.x == "float":
            x = from_bf16(inputs["x"]).astype(np.float64)
            exact = x @ weight.T
        else:
            # Integers first: their sum is exact, and so are two scales of 24
            # bits on it, but for one rounding each.
            if self.x == "codes":
                x_codes, x_scales = inputs["x.codes"], inputs["x.scales"]
            else:
                x_codes, x_scales = quantize_rows(from_bf16(inputs["x"]))
            x_codes = x_codes.astype(np.float64)
            x_scales = x_scales.astype(np.float64)
            exact = (x_codes @ codes.T) * x_scales * scales.T
            x = x_codes * x_scales
        magnitude = np.abs(x) @ np.abs(weight).T
        bound = 4 * 2.0**-24 * np.abs(exact)
        if self.x == "float":
            u_acc, u_decode, offset = contract
            spread = np.abs(x) @ np.abs(np.broadcast_to(scales, weight.shape)).T
            growth = self.k * u_acc
            gamma = growth / (1 - growth) if growth < 1 else np.inf
            bound += gamma * (magnitude + abs(offset) * spread)
            bound += u_decode * magnitude
        return exact, bound + half_ulp_bf16(np.abs(exact) + bound)


def quantize_rows(x):
    """Symmetric 8-bit quantization of each row, as the definition does it: f32
    scale = absmax / 127, nearest even; codes and scales."""
    x = x.astype(np.float32)
    if x.size == 0:
        return x, np.ones((x.shape[0], 1), np.float32)
    scale = (np.abs(x).max(axis=1, keepdims=True) / np.float32(127)).astype(
        np.float32
    )
    safe = np.where(scale == 0, np.float32(1), scale)
    codes = np.clip(np.rint((x / safe).astype(np.float32)), -128, 127)
    return codes, safe


def to_bf16(values):
    """The bits of the nearest bf16 (even on ties) of finite float32 values."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def half_ulp_bf16(values):
    """Half the distance between neighbouring bf16 numbers at `values`."""
    exponent = np.floor(np.log2(np.maximum(values, 2.0**-126)))
    return 2.0 ** (exponent - 8)


def pack(codes, bits):
    """Rows of codes as a little-endian bit stream, in int8."""
    if bits == 8:
        return codes
    if codes.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    nibbles = codes.astype(np.uint8) & 0xF
    return (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).view(np.int8)


def unpack(packed, bits, k):
    if bits == 8:
        return packed
    unsigned = packed.view(np.uint8)
    nibbles = np.empty((packed.shape[0], packed.shape[1] * 2), np.uint8)
    nibbles[:, 0::2] = unsigned & 0xF
    nibbles[:, 1::2] = unsigned >> 4
    return ((nibbles[:, :k] ^ 8).astype(np.int8) - 8).astype(np.int8)


#: Odd and prime sizes, K tails of blocks and vectors, and the encoder's layers.
CHECK_SHAPES = [
    (1, 64),
    (127, 131),
    (257, 384),
    (509, 1021),
    (64, 96),
    (384, 384),
    (1536, 384),
    (384, 1536),
    (4096, 4096),
]
#: Rows at which the layers of a real model are run.
MODEL_ROWS = [1, 32]
CHECK_ROWS = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 300]


def check_cases():
    """Dynamic M for every kind and shape, static M = 1 for some."""
    cases = []
    for kind in KINDS:
        for n, k in CHECK_SHAPES:
            cases.append(Case(kind, n, k))
        for n, k in [(257, 384), (509, 1021), (4096, 4096)]:
            cases.append(Case(kind, n, k, 1))
    return cases


INT8_SHAPES = [
    (65536, 1280, 3840),
    (65536, 1280, 1280),
    (65536, 1280, 5120),
    (65536, 5120, 1280),
    (4096, 4096, 4096),
    (8192, 8192, 8192),
    (2048, 4096, 11008),
    (128, 4096, 11008),
]
LLAMA_SHAPES = [(4096, 4096), (4096, 11008), (11008, 4096), (8192, 28672)]
INT4_ROWS = [1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]


def bench_cases():
    """(case with dynamic or static M, M to run it at) for every line of the
    table."""
    lines = []
    for m, k, n in INT8_SHAPES:
        lines.append((Case("int8_scaled", n, k), m))
    for m in (1, 16, 64):
        for k, n in LLAMA_SHAPES[:3]:
            case = Case("int8_weight", n, k, 1 if m == 1 else None)
            lines.append((case, m))
    for kind in ("int4_g128", "int4_g32"):
        for k, n in LLAMA_SHAPES:
            for m in INT4_ROWS:
                if kind == "int4_g32" and m not in (1, 16, 32, 64, 128):
                    continue
                case = Case(kind, n, k, 1 if m == 1 else None)
                lines.append((case, m))
    return lines
