"""What Marlin reached, where its build is not at hand.

Marlin (f16 activations, weights of 4 bits in groups of 128) is no package: it is
built from its sources for one PyTorch. RECORDED is one run of it on 2026-11-22,
H200, PyTorch 2.11 with CUDA 13.0, CUDA graphs, medians, weights rotated over 240 MB;
cuBLAS's bf16 was timed in the same run, so that its time now, over its time then,
tells how the two machines compare.
"""

#: (K, N): {M: (Marlin, cuBLAS bf16)}, microseconds.
RECORDED = {
    (4096, 4096): {
        1: (10.0, 13.3), 16: (10.7, 13.3), 32: (18.1, 13.9), 64: (24.0, 11.9),
        128: (22.0, 13.8), 256: (28.8, 16.5),
    },
    (4096, 11008): {
        1: (14.1, 25.0), 16: (14.3, 24.7), 32: (18.1, 25.0), 64: (25.3, 25.8),
        128: (37.5, 25.9), 256: (67.9, 33.0),
    },
    (11008, 4096): {
        1: (16.8, 27.1), 16: (17.3, 28.2), 32: (25.4, 27.2), 64: (34.7, 29.8),
        128: (42.5, 30.6), 256: (66.5, 39.4),
    },
    (8192, 28672): {
        1: (48.1, 105.5), 16: (49.5, 106.9), 32: (60.2, 108.2), 64: (91.6, 114.7),
        128: (179.1, 126.2), 256: (374.0, 197.9),
    },
}


def estimate(m, n, k, bf16):
    """Microseconds that Marlin would take where cuBLAS takes `bf16`; None for a shape
    without a record."""
    record = RECORDED.get((k, n), {}).get(m)
    if record is None:
        return None
    marlin, then = record
    return marlin * bf16 / then
