"""How what the emulator computes may differ from what was recorded."""

import numpy as np

#: Rules other than equal bits, with their evidence.
TOLERANCES = {
    "ulp:2": "2 ulp of f32: ex2.approx is a table in the hardware; of 8,192 arguments it is up to 1.77 ulp "
    "(2^-22.8) from the power, the emulator's up to 0.5",
    "ulp:1": "1 ulp of f32: rcp.approx is a table in the hardware; of 8,192 arguments it is up to 0.92 ulp from the "
    "reciprocal, the emulator's up to 0.5",
    "relative:-16": "2^-16, relative: tanh.approx is a table in the hardware; of 8,192 arguments it is up to 2^-16.5 "
    "from the tangent (NVIDIA promises 2^-11)",
}


def differences(rule, recorded, computed):
    """The places (of 32-bit words) where `computed` is not what it has to be."""
    if rule == "bits":
        return np.nonzero(recorded != computed)[0]
    a, b = recorded.view(np.float32), computed.view(np.float32)
    finite = np.isfinite(a) & np.isfinite(b)
    kind, _, amount = rule.partition(":")
    assert rule in TOLERANCES
    if kind == "ulp":
        # Neighbouring floats of one sign are neighbouring integers.
        distance = np.abs(recorded.astype(np.int64) - computed.astype(np.int64))
        near = (distance <= int(amount)) & (np.signbit(a) == np.signbit(b))
        # A result may be the largest number here and infinite there.
        return np.nonzero((recorded != computed) & ~near)[0]
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        near = finite & (np.abs(x - y) <= 2.0 ** int(amount) * np.abs(y))
    return np.nonzero((recorded != computed) & ~near)[0]
