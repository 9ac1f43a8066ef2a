"""The layers in checkpoints.npz: codes and zero points by formula.

Every code in every slot of a word (and every straddling of two), and every zero
point likewise.
"""

import numpy as np

#: Bits that each format is recorded for.
FORMATS = {"gptq": (2, 3, 4, 8), "gptq_v2": (2, 3, 4, 8), "awq": (4,),
           "pack-quantized": tuple(range(2, 9))}
COLUMNS, GROUPS = 32, 2


def layer(name, bits):
    """Unsigned codes (N×32), zero points and scales (N×2) of a layer."""
    period = 32 if 32 % bits else 32 // bits
    rows = period << bits
    n = np.arange(rows)[:, None]
    codes = (n + np.arange(COLUMNS)) % (1 << bits)
    zeros = n // period + 3 * np.arange(GROUPS)
    # The first version of GPTQ's format has no zero point 0.
    zeros = 1 + zeros % ((1 << bits) - 1) if name == "gptq" else zeros % (1 << bits)
    scales = ((1 + (2 * n + np.arange(GROUPS)) % 7) / 64).astype(np.float16)
    return codes, zeros, scales


def values(codes, zeros, scales):
    """What a layer means, exactly, in float32."""
    repeat = COLUMNS // GROUPS
    return ((codes - zeros.repeat(repeat, 1)) * scales.astype(np.float64).repeat(repeat, 1)
            ).astype(np.float32)
