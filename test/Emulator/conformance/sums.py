"""How sm_90 adds up floats, in NumPy: a second account beside the emulator's.

`add` has the rules of docs/Conformance.md, of which each number is a parameter, so
that a test can show that the recorded results allow no other.
"""

import dataclasses
import re

import numpy as np

from . import cases_matrix, cases_wgmma
from .operands import DTYPES, FIELDS, UNSIGNED


@dataclasses.dataclass(frozen=True)
class Rules:
    #: Products of one sum; 0 for all of an instruction.
    group: int = 0
    #: Bits behind the largest exponent, and of a result's mantissa.
    fraction: int = 25
    kept: int = 23
    #: The least exponent of an alignment.
    lowest: int = -133
    #: Whether zeros count where the largest exponent is looked for.
    zeros_count: bool = False


def rules_of(type, **changes):
    narrow = type in ("e4m3", "e5m2")
    return dataclasses.replace(Rules(fraction=13, kept=13) if narrow else Rules(), **changes)


def split(bits, type):
    """Sign, significand, exponent of the significand's first bit place."""
    exponent, mantissa = FIELDS[type]
    bits = bits.astype(np.int64)
    if type == "tf32":
        bits >>= 13
    e = bits >> mantissa & ((1 << exponent) - 1)
    m = bits & ((1 << mantissa) - 1)
    significand = np.where(e == 0, m, m | 1 << mantissa)
    return bits >> (exponent + mantissa) & 1, significand, np.maximum(e, 1) - ((1 << exponent - 1) - 1)


def values(bits, type):
    if type == "tf32":
        return (bits & ~np.uint32(0x1FFF)).view(np.float32).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bits.view(DTYPES[type]).astype(np.float64)


def to_f32(total, lowest, kept):
    """total * 2^lowest, towards zero, with `kept` bits of mantissa."""
    exact = np.ldexp(total.astype(np.float64), lowest)
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    bits = rounded.view(np.uint32)
    over = (np.abs(rounded.astype(np.float64)) > np.abs(exact)) & (np.abs(exact) < 2.0**128)
    bits = (bits - over).astype(np.uint32) & np.uint32(2**32 - (1 << 23 - kept))
    return np.where(bits << np.uint32(1) == 0, 0, bits).astype(np.uint32)


def to_f16(total, lowest):
    with np.errstate(over="ignore"):
        bits = np.ldexp(total.astype(np.float64), lowest).astype(np.float16).view(np.uint16)
    return np.where(bits << 1 & 0xFFFF == 0, 0, bits).astype(np.uint16)


def add(a, b, c, a_type, b_type, rules):
    """The sums of an instruction: `a` (.., m, k), `b` (.., n, k), `c` (.., m, n), all of them bits."""
    (sa, ma, ea), (sb, mb, eb) = split(a, a_type), split(b, b_type)
    product = lambda x, y, op: op(x[..., :, None, :], y[..., None, :, :])
    sign, significand, exponent = (product(sa, sb, np.bitwise_xor), product(ma, mb, np.multiply),
                                   product(ea, eb, np.add))
    places = FIELDS[a_type][1] + FIELDS[b_type][1]
    half = c.dtype == np.uint16
    k = a.shape[-1]
    group = rules.group or k
    total = c
    for first in range(0, k, group):
        c_type = "f16" if total.dtype == np.uint16 else "f32"
        sc, mc, ec = split(total, c_type)
        part = slice(first, first + group)
        signs = np.concatenate([sign[..., part], sc[..., None]], -1)
        terms = np.concatenate([significand[..., part], mc[..., None]], -1)
        exponents = np.concatenate([exponent[..., part], ec[..., None]], -1)
        behind = np.full(terms.shape[-1], places)
        behind[-1] = FIELDS[c_type][1]
        seen = exponents if rules.zeros_count else np.where(terms == 0, rules.lowest, exponents)
        largest = np.maximum(seen.max(-1), rules.lowest)
        lowest = largest - rules.fraction
        shift = exponents - behind - lowest[..., None]
        aligned = np.where(shift >= 0, terms << np.clip(shift, 0, 40), terms >> np.clip(-shift, 0, 62))
        fixed = np.where(signs == 1, -aligned, aligned).sum(-1)
        last = first + group >= k
        total = to_f16(fixed, lowest) if half and last else to_f32(fixed, lowest, rules.kept)
    # What is not finite does not depend on any order.
    with np.errstate(invalid="ignore"):
        products = values(a, a_type)[..., :, None, :] * values(b, b_type)[..., None, :, :]
        special = products.sum(-1) + values(c, "f16" if half else "f32")
    nan, inf = (0x7FFF, 0x7C00) if half else (0x7FFFFFFF, 0x7F800000)
    sign_bit = 0x8000 if half else 0x80000000
    total = np.where(np.isnan(special), nan, total)
    total = np.where(np.isinf(special), inf | np.where(special < 0, sign_bit, 0), total)
    return total.astype(c.dtype)


def add_eight_bit(a, b, c, a_type, b_type):
    """mma.sync of 8-bit floats: two sums of f16 products, then the accumulator."""
    half = lambda bits, type: values(bits, type).astype(np.float16).view(np.uint16)
    a, b = half(a, a_type), half(b, b_type)
    k = np.arange(a.shape[-1])
    total = np.zeros_like(c)
    for part in (k % 4 < 2, k % 4 >= 2):
        total = add(a[..., part], b[..., part], total, "f16", "f16", Rules())
    with np.errstate(all="ignore"):
        total = total.view(np.float32) + c.view(np.float32)
    return np.where(np.isnan(total), np.uint32(0x7FFFFFFF), total.view(np.uint32))


# Operands of the cases as matrices --------------------------------------------

LANE = np.arange(32)
GROUP, MEMBER = LANE // 4, LANE % 4


def mma_operands(case, recorded):
    """a, b, c, recorded d, type of a mma.sync case, as matrices of each warp."""
    k, acc, kind, other = re.match(r"mma\.m16n8k(\d+)\.(\w+)\.(\w+?)(?:\.(\w+))?$", case.name).groups()
    k, width = int(k), cases_matrix.WIDTH[kind]
    per, dtype = 32 // width, UNSIGNED[width // 8]
    half = acc == "f16"
    b_regs = k * width // 128
    c_regs = 2 if half else 4
    table = case.arguments[0].data.reshape(3 * b_regs + c_regs, -1, 32)
    warps = table.shape[1]
    a, b = np.zeros((warps, 16, k), dtype), np.zeros((warps, 8, k), dtype)
    elements = lambda words: np.ascontiguousarray(words).view(dtype).reshape(warps, 32, per)
    for r in range(b_regs):
        for e in range(per):
            column = r * 4 * per + MEMBER * per + e
            for upper in range(2):
                a[:, GROUP + 8 * upper, column] = elements(table[2 * r + upper])[..., e]
            b[:, GROUP, column] = elements(table[2 * b_regs + r])[..., e]

    def accumulators(words):
        out = np.zeros((warps, 16, 8), np.uint16 if half else np.uint32)
        each = np.ascontiguousarray(words).view(out.dtype).reshape(c_regs, warps, 32, -1)
        for i in range(4):
            out[:, GROUP + i // 2 * 8, 2 * MEMBER + i % 2] = each[i // 2, ..., i % 2] if half else each[i, ..., 0]
        return out

    return a, b, accumulators(table[3 * b_regs :]), accumulators(recorded.reshape(c_regs, -1)), kind, other or kind


def image_rows(image, rows, descriptor):
    """Where a descriptor finds the 32 bytes of each row."""
    descriptor = int(descriptor)
    start, leading, stride = ((descriptor >> s & 0x3FFF) << 4 for s in (0, 16, 32))
    span = {0: 0, 1: 128, 2: 64, 3: 32}[descriptor >> 62]
    row, byte = np.arange(rows)[:, None], np.arange(32)[None]
    if not span:
        return image[start + row // 8 * stride + byte // 16 * leading + row % 8 * 16 + byte % 16]
    at = start + row // 8 * stride + row % 8 * span + byte
    return image[at ^ ((at >> 7) % (span // 16) << 4)]


def wgmma_operands(case, recorded):
    """a and b of each step, c, recorded d and types of a wgmma case."""
    n, pair, mode, swizzle = re.match(r"wgmma\.n(\d+)\.(.+)\.(rs|ss)\.sw(\d+)", case.name).groups()
    n, row, blocks = int(n), int(swizzle) or 32, case.grid
    a_type, b_type = (pair.split(".") * 2)[:2]
    dtype = UNSIGNED[cases_wgmma.WIDTH[a_type] // 8]
    per = 4 // np.dtype(dtype).itemsize
    image, descriptors, registers, c = (argument.data for argument in case.arguments[:4])
    image = image.view(np.uint8).reshape(blocks, -1)
    descriptors = descriptors.view(np.uint64).reshape(blocks, -1, 2)
    steps = descriptors.shape[1]
    a_bytes = 64 * row if mode == "ss" else 0
    thread = np.arange(128)
    top = thread // 32 * 16 + thread % 32 // 4
    a = np.zeros((steps, blocks, 64, 8 * per), dtype)
    b = np.zeros((steps, blocks, n, 8 * per), dtype)
    matrix = lambda bytes: np.ascontiguousarray(bytes).view(dtype)
    for step in range(steps):
        for block in range(blocks):
            b[step, block] = matrix(image_rows(image[block, a_bytes:], n, descriptors[block, step, 1]))
            if mode == "ss":
                a[step, block] = matrix(image_rows(image[block, :a_bytes], 64, descriptors[block, step, 0]))
                continue
            for r in range(4):
                words = registers.reshape(4 * steps, blocks, 128)[4 * step + r, block]
                each = np.ascontiguousarray(words).view(dtype).reshape(128, per)
                for e in range(per):
                    a[step, block, top + r % 2 * 8, (thread % 4 + r // 2 * 4) * per + e] = each[:, e]

    def accumulators(words):
        out = np.zeros((blocks, 64, n), np.uint32)
        for i, row_words in enumerate(words.reshape(n // 2, blocks, 128)):
            out[:, top + i // 2 % 2 * 8, i // 4 * 8 + thread % 4 * 2 + i % 2] = row_words
        return out

    c = accumulators(c) if c.size > 4 else np.zeros((blocks, 64, n), np.uint32)
    return a, b, c, accumulators(recorded), a_type, b_type


def mismatches(case, recorded, **changes):
    """How many of a case's recorded sums are not those of the rules."""
    if case.name.startswith("mma"):
        a, b, c, d, a_type, b_type = mma_operands(case, recorded)
        if a.dtype == np.uint8:
            return int((add_eight_bit(a, b, c, a_type, b_type) != d).sum())
        a, b = a[None], b[None]
    else:
        a, b, c, d, a_type, b_type = wgmma_operands(case, recorded)
    for step_a, step_b in zip(a, b):
        c = add(step_a, step_b, c, a_type, b_type, rules_of(a_type, **changes))
    return int((c != d).sum())
