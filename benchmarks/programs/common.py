"""What programs share: the weight, what multiplies it, and pieces of MLIR."""

import copy
import math

import numpy as np
from weights import Weight

#: Up to these many rows of activations, encoded weights stream.
STREAM_ROWS = 16

MAPS = """#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""


def write_gelu(source):
    """The ops that make %r, in f32, of a value."""
    return f"""    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = arith.constant 0.70710678118654752 : f32
    %z = arith.mulf {source}, %root : f32
    %erf = math.erf %z : f32
    %above = arith.addf %erf, %one : f32
    %share = arith.mulf %above, %half : f32
    %r = arith.mulf {source}, %share : f32
"""


def apply_gelu(values, bound):
    """GELU of values that are known within a bound. Its slope is at most 1.13, and a
    GPU's erf is within a few units in the last place of one."""
    erf = np.vectorize(math.erf, otypes=[np.float64])
    share = 0.5 * (1 + erf(values / np.sqrt(2)))
    return values * share, 1.13 * bound + 2.0**-20 * (np.abs(values) + bound)


def write_rows(m, operand, kind):
    """What `tensor.empty` wants for M rows, and the ops that make it: nothing unless M
    is dynamic (None), where they are those of `operand`, which is of that type."""
    if m is not None:
        return "", ""
    return "%m", f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim {operand}, %c0 : {kind}\n"


def arguments_of(scope):
    """The arguments of a constructor, from its locals() (`super` adds a class)."""
    return {n: value for n, value in scope.items() if n not in ("self", "__class__")}


class EncodedWeight:
    """A program's `weight`, of `_encoding`."""

    _weight = None

    def share_weight(self, other):
        """Takes another program's random weight where it is the same, since drawing
        a large one takes seconds."""
        mine, its = (
            (p._encoding, p.n, p.k) if isinstance(p, EncodedWeight) else None
            for p in (self, other)
        )
        if mine == its:
            self._weight = other.weight

    def take(self, columns):
        """The program that computes those columns of this one's result."""
        result = copy.copy(self)
        result._weight = self.weight.take(columns)
        result.n = result.columns = len(columns)
        return result

    @property
    def weight(self):
        """Random until one is given; drawn when asked for, since some are large."""
        if self._weight is None:
            self._weight = Weight(self._encoding, self.n, self.k)
        return self._weight


def decoded_family(chip, k, rows):
    """What multiplies 16-bit activations by encoded weights."""
    if rows <= STREAM_ROWS:
        return "mma_stream"
    return "wgmma_decode" if plain_family(chip, 2 * k) == "wgmma" else "mma_sync"


def plain_family(chip, row_bytes):
    """What multiplies plain operands: the accelerator wants rows of 16 bytes."""
    return "wgmma" if chip == "sm_90a" and row_bytes % 16 == 0 else "mma_sync"
