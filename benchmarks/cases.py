"""What is checked and what is timed: the one list of both.

`FAMILIES` also runs in the emulator, in the tests.
"""

from programs import (
    Dense,
    Float8,
    Gated,
    GatedCodes,
    Integers,
    Layer,
    Mlp,
    Product,
    ReducedLayer,
    Scheduled,
    ScheduledFloat8,
    ScheduledLayer,
    StreamedLayer,
)

#: Every family of kernels, on layers where nothing divides: small, so that the
#: emulator runs them too.
FAMILIES = [
    # int4: groups, a scale per channel, tails of N, K and groups.
    Layer(37, 131, storage="i4", group=32, scale="bf16"),
    Layer(61, 257, storage="i4", group=128, scale="bf16", out="bf16"),
    Layer(37, 131, storage="i4", group=0),
    Layer(64, 128, storage="i4", group=32, x="f16", scale="f16"),
    Layer(72, 264, storage="i4", group=128, x="f16", scale="f16", out="f16"),
    Layer(61, 144, storage="i4", group=16, x="f16", scale="f16"),
    Layer(13, 61, storage="i4", group=24, x="f32"),
    Layer(40, 96, storage="i4", group=32, rows=8, x="bf16"),
    Layer(37, 131, storage="i4", group=32, bias=True),
    # Zero points: integers and floats.
    Layer(37, 131, storage="ui4", group=32, zero="ui4", scale="bf16"),
    Layer(37, 131, storage="ui4", group=32, zero="ui4", x="f16", scale="f16", out="f16"),
    Layer(37, 97, storage="ui4", group=0, zero="bf16"),
    Layer(37, 97, storage="ui4", group=32, zero="f32", x="f32"),
    Layer(29, 131, storage="i4", group=32, zero="i4"),
    # int8 and int2.
    Layer(37, 131, storage="i8"),
    Layer(61, 67, storage="i8", x="f16", group=32, scale="f16"),
    Layer(37, 131, storage="ui8", zero="ui8"),
    Layer(37, 131, storage="i2", group=32),
    Layer(37, 131, storage="ui2", group=32, zero="bf16", x="f16"),
    # Widths that straddle words, and tables.
    Layer(37, 131, storage="i3", group=32, scale="bf16"),
    Layer(19, 259, storage="ui3", group=64, zero="f16", x="f16"),
    Layer(37, 272, storage="i3", group=64),
    Layer(37, 131, storage="i5", group=32),
    Layer(37, 131, storage="ui5", zero="ui5", x="f16"),
    Layer(37, 131, storage="i6", group=128, scale="bf16"),
    Layer(19, 259, storage="ui6", group=64, zero="ui6", scale="bf16"),
    Layer(37, 131, storage="i7", group=32, x="f16"),
    Layer(21, 131, storage="i3", group=24, x="f32"),
    Layer(37, 131, storage="nf4", group=64),
    Layer(37, 131, storage="nf4", group=32, scale="bf16", x="f16"),
    Layer(21, 131, storage="nf4", group=64, x="f32"),
    Layer(19, 131, storage="book3", group=32),
    Layer(19, 131, storage="book2", x="f16"),
    # Microscaling formats.
    Layer(37, 131, storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    Layer(37, 131, storage="f4E2M1FN", group=16, scale="f8E4M3FN", x="f16"),
    Layer(37, 144, storage="f4E2M1FN", group=16, scale="f8E4M3FN"),
    Layer(37, 144, storage="i4", group=16, scale="bf16"),
    Layer(19, 131, storage="ui4", group=24, zero="ui4"),
    Layer(72, 264, storage="i4", group=24, scale="bf16", out="bf16"),
    Layer(40, 264, storage="i8", group=16, rows=8, x="f16", scale="f16"),
    Layer(37, 264, storage="i4", group=48),
    Layer(19, 133, storage="nf4", group=8),
    # Floats of eight bits, rows with a scale each and rows that share one.
    Layer(37, 131, storage="f8E4M3FN"),
    Layer(40, 131, storage="f8E4M3FN", group=32, rows=8, x="f16"),
    Layer(37, 131, storage="f8E5M2", group=32, scale="bf16"),
    # Both operands int8: a scale per token and per channel.
    Layer(37, 131, storage="i8", x="codes"),
    Layer(61, 67, storage="i8", x="codes", bias=True, out="bf16"),
    Layer(37, 131, storage="i8", x="quantized"),
    Layer(64, 128, storage="i8", x="quantized", bias=True),
    Layer(37, 131, storage="i8", zero="i8", x="codes"),
    Layer(37, 131, storage="ui8", zero="ui8", x="quantized"),
    # Narrower weights: as bytes, or decoded where they have groups.
    Layer(37, 131, storage="i4", x="codes"),
    Layer(37, 131, storage="ui4", zero="ui4", x="codes", bias=True),
    Layer(37, 131, storage="i2", x="quantized"),
    Layer(37, 131, storage="i4", group=32, x="codes", bias=True),
    Layer(61, 257, storage="ui4", group=128, zero="ui4", scale="bf16", x="quantized"),
    Layer(40, 96, storage="i8", group=0, rows=8, x="codes"),
    # Long and wide enough to use every stage of a pipeline again.
    Layer(150, 1031, m=133, storage="i4", group=128, scale="bf16"),
    Layer(67, 1031, m=33, storage="i8", x="codes"),
    Layer(67, 1024, m=33, storage="ui4", group=64, zero="ui4", scale="bf16"),
    Layer(35, 4099, m=1, storage="i4", group=128, scale="bf16"),
    # One row, whose activations are summed spread over the lanes of a warp.
    Layer(35, 1040, m=1, storage="i2", group=128, scale="bf16"),
    Layer(35, 1048, m=1, storage="i3", group=256, scale="bf16", out="bf16"),
    Layer(35, 1040, m=1, storage="ui3", group=128, zero="ui3", x="f16", scale="f16"),
    Layer(35, 1027, m=1, storage="ui2", x="f16"),
    Layer(35, 4099, m=1, storage="i8", x="quantized"),
    # Nothing quantized.
    Dense(37, 131, "bf16"),
    Dense(37, 131, "f16", m=17, chip="sm_80"),
    Integers(37, 131),
    Integers(61, 67, m=1),
    Integers(37, 131, unsigned=["lhs"], points=True),
    Integers(37, 131, unsigned=["rhs"]),
    Integers(37, 131, unsigned=["lhs", "rhs"], points=True),
    Integers(64, 128, m=33, chip="sm_80"),
    # Batches, rows of two dimensions, operands that lie otherwise, and no rows at all.
    Product("bmk", "bnk", "bmn", b=3, m=37, n=29, k=131),
    Product("mbk", "bkn", "bmn", b=2, m=19, n=37, k=144),
    Product("gmk", "nk", "gmn", g=3, m=13, n=61, k=67),
    Product("gmk", "nk", "gmn", g=2, m=37, n=40, k=144),
    Product("gmk", "kn", "mgn", g=3, m=5, n=33, k=144),
    Product("mk", "kn", "mn", m=37, n=61, k=131),
    Product("km", "kn", "mn", m=37, n=40, k=136),
    Product("mk", "nk", "mn", m=0, n=37, k=131),
    Product("gmk", "nk", "gmn", g=2, m=0, n=40, k=144),
    # Rows of a multiple of 16 bytes: warpgroups.
    Dense(40, 136, "bf16"),
    Integers(37, 144, unsigned=["lhs"]),
    Integers(64, 272, unsigned=["rhs"], m=70),
    Layer(37, 144, storage="i8", x="codes", bias=True, out="f16"),
    Layer(72, 400, storage="i4", x="quantized", out="bf16"),
    # Floats of eight bits on both sides: scales of rows, and of blocks along K.
    Float8(37, 400),
    Float8(72, 272, m=70, x="f8E5M2", out="f32"),
    Float8(37, 144, w="f8E5M2", group=128, rows=8),
    Float8(200, 1040, m=150, group=128, rows=128, out="f32"),
    Float8(264, 528, group=256, rows=32),
    Float8(40, 100, group=64),
    Float8(136, 1296, m=70, group=128, rows=128, scale="f8E8M0FNU"),
    Float8(72, 528, group=128, rows=64, scale="bf16"),
    Float8(72, 528, fast=True),
    # No copies of rows whose lengths are no multiple of 16 bytes: mma.sync.
    Float8(37, 131),
    Float8(136, 1027, m=70, x="f8E5M2", out="f32"),
    Float8(200, 4097, m=150, w="f8E5M2"),
    # The same with encoded weights: every storage, scale and zero point, tails of
    # all tiles, and results of every width.
    Layer(141, 264, storage="i4", group=128, scale="bf16", out="bf16"),
    Layer(37, 136, storage="i4", group=32, x="f16", scale="f16", out="f16"),
    Layer(64, 1032, m=133, storage="ui4", group=32, zero="ui4", scale="bf16"),
    Layer(141, 264, storage="ui4", group=64, zero="f16", x="f16"),
    Layer(141, 264, storage="ui4", group=64, zero="bf16", scale="bf16", out="bf16"),
    Layer(61, 200, storage="i4", bias=True, out="bf16"),
    Layer(37, 136, storage="i2", group=64),
    Layer(80, 136, storage="i8", group=32, out="bf16"),
    Layer(37, 136, storage="ui8", zero="ui8", x="f16"),
    Layer(37, 264, storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    Layer(61, 136, storage="f8E4M3FN", x="f16"),
    Layer(40, 136, storage="f8E5M2", group=32, rows=8, scale="bf16"),
    # Tiles of several blocks of 64 rows, shared by clusters, in every order.
    Scheduled(136, 400, [128, 128, 128], [4, 1, 1], 3, "pingpong, cluster = [2, 1]", m=300),
    Scheduled(61, 272, [128, 64, 128], [8, 1, 1], 2, "cooperative, cluster = [1, 2]", m=200),
    Scheduled(200, 144, [64, 96, 128], [4, 1, 1], 3, "pingpong, group_m = 2", m=130),
    Scheduled(136, 272, [64, 64, 128], [4, 2, 1], 4, "cooperative, group_m = 4"),
    Scheduled(33, 1040, [64, 16, 128], [4, 1, 1], 2, "pingpong, cluster = [1, 2]"),
    # Parts of tiles that have no quarters.
    Scheduled(136, 400, [128, 32, 128], [4, 1, 1], 3, "pingpong, cluster = [1, 8]", m=300),
    # Tiles of many columns for one warpgroup.
    Scheduled(400, 1040, [128, 176, 128], [4, 1, 1], 3, "pingpong, cluster = [2, 1]", m=300),
    Scheduled(400, 1040, [256, 160, 128], [8, 1, 1], 3, "cooperative, group_m = 2", m=300),
    Scheduled(136, 272, [64, 96, 128], [4, 2, 1], 3, "cooperative"),
    # Three warpgroups, whose loader has few registers, and accumulators of one of two blocks.
    ScheduledFloat8(256, 1040, 300, [192, 128, 128], [12, 1, 1], 3, "cooperative"),
    ScheduledFloat8(136, 528, 200, [128, 64, 128], [4, 1, 1], 3, "pingpong", out="f32"),
    # Scales of several runs of steps, in tiles that start within blocks of weights.
    ScheduledFloat8(400, 1296, 150, [128, 192, 128], [8, 1, 1], 3, "cooperative"),
    ScheduledFloat8(136, 2320, 200, [64, 96, 128], [4, 1, 1], 3, "pingpong, cluster = [2, 1]"),
    ScheduledFloat8(136, 2320, 70, [64, 96, 128], [4, 2, 1], 3, "cooperative", split_k=2),
    Scheduled(136, 272, [192, 64, 128], [12, 1, 1], 3, "cooperative, group_m = 2", m=400),
    Scheduled(136, 528, [192, 32, 128], [12, 1, 1], 3, "cooperative, cluster = [2, 1]", m=300, split_k=2),
    # Blocks that share K and add each other's sums.
    Scheduled(131, 1040, [64, 32, 128], [4, 1, 1], 3, "cooperative", m=150, split_k=4),
    Scheduled(272, 1040, [128, 64, 128], [8, 1, 1], 2, "cooperative, cluster = [2, 1]", m=150,
              split_k=2),
    # Weights that three warpgroups decode and multiply in turn, or two and two blocks. (Here
    # and below a block has hardly more steps than stages: racecheck writes a page about each
    # warp's part of a stage that is used again.)
    ScheduledLayer(392, 520, 300, [128, 192, 64], [1, 12, 1], 8, kind="alternating",
                   rest=", scale_decoded = true", out="bf16"),
    ScheduledLayer(200, 1024, 70, [64, 128, 64], [1, 8, 1], 7, 2, kind="alternating"),
    # Four warpgroups, which decode a step in parts, alone and with another block.
    ScheduledLayer(272, 1152, 70, [32, 256, 128], [1, 16, 1], 6, out="bf16",
                   rest=", dependent_launch = true, scale_decoded = true"),
    ScheduledLayer(256, 1024, 70, [48, 256, 64], [1, 16, 1], 7, 2, rest=", scale_decoded = true"),
    # Three and four that scale sums of groups, which they multiply in parts: alone, with
    # another block, and in tiles that blocks divide.
    ScheduledLayer(208, 1152, 40, [32, 192, 128], [1, 12, 1], 8, group=128, out="bf16"),
    ScheduledLayer(512, 2304, 10, [16, 256, 128], [1, 16, 1], 7, 2, group=128,
                   out="bf16", rest=", dependent_launch = true"),
    ScheduledLayer(400, 1024, 40, [32, 192, 128], [1, 12, 1], 8, group=256, out="bf16",
                   rest=", dependent_launch = true, stream_k = 100"),
    # In turn, with half a group at the end; groups that end within parts.
    ScheduledLayer(192, 1216, 24, [16, 192, 128], [1, 12, 1], 8, group=128, out="bf16",
                   kind="alternating"),
    ScheduledLayer(192, 1152, 24, [16, 192, 192], [1, 12, 1], 6, group=96, out="bf16"),
    # Two warpgroups that share K, with an odd number of steps: alone, and with another block.
    ScheduledLayer(200, 1216, 70, [64, 64, 64], [1, 4, 2], 6),
    ScheduledLayer(200, 1216, 70, [48, 64, 64], [1, 4, 2], 4, 2, out="bf16",
                   rest=", dependent_launch = true, scale_decoded = true"),
    # Tiles that blocks divide along K: among several, beside whole ones, and in the last
    # of many rounds.
    ScheduledLayer(200, 1024, 70, [64, 128, 64], [1, 8, 1], 3, rest=", stream_k = 100"),
    # More tiles in the last round than are divided, so that blocks have none.
    ScheduledLayer(200, 1024, 70, [64, 128, 64], [1, 8, 1], 15,
                   rest=", dependent_launch = true, stream_k = 1"),
    ScheduledLayer(264, 1024, 70, [64, 192, 64], [1, 12, 1], 4, out="bf16",
                   rest=", dependent_launch = true, scale_decoded = true, stream_k = 100"),
    ScheduledLayer(3368, 512, 75, [16, 64, 64], [1, 4, 1], 16, out="f16",
                   rest=", stream_k = 100"),
    # Clusters that share activations: a ring with fewer steps than it has stages, the last
    # cluster's last tile past N, tiles that clusters divide along K. (With a stage for each
    # step: racecheck knows no arrivals at barriers of a cluster, so it takes each stage that
    # is used again for a race. That such stages are released is what mutants in the
    # emulator show.)
    ScheduledLayer(200, 136, 70, [32, 128, 64], [1, 8, 1], 5, kind="cooperative, cluster = [1, 2]"),
    ScheduledLayer(264, 968, 70, [32, 64, 64], [1, 4, 1], 16, out="bf16",
                   kind="cooperative, cluster = [1, 4]", rest=", dependent_launch = true"),
    ScheduledLayer(264, 1024, 70, [64, 128, 64], [1, 8, 1], 3, out="f16",
                   kind="alternating, cluster = [1, 2]",
                   rest=", dependent_launch = true, scale_decoded = true, stream_k = 100"),
    # Clusters that have no tile, since none is divided.
    ScheduledLayer(136, 512, 70, [32, 64, 64], [1, 4, 1], 8, out="bf16",
                   kind="cooperative, cluster = [1, 2]",
                   rest=", dependent_launch = true, stream_k = 1"),
    # Few rows, whose tiles blocks of a cluster divide along K: with tails of everything,
    # fewer sums than threads, one scale for each row of weights, and a block without a step.
    StreamedLayer(200, 1096, 9, [16, 64, 512], [1, 1, 8], 1, 2, out="bf16",
                  rest=", occupancy = 2, scale_decoded = true"),
    StreamedLayer(72, 1032, 5, [8, 32, 256], [1, 1, 4], 2, 4),
    StreamedLayer(77, 640, 16, [16, 48, 256], [1, 1, 2], 1, 3, group=0, out="f16"),
    StreamedLayer(64, 1280, 1, [1, 32, 256], [1, 2, 4], 1, 2),
    StreamedLayer(77, 1064, 16, [16, 48, 256], [1, 1, 4], 1, 4, group=0, out="bf16",
                  storage="i8", rest=", occupancy = 3"),
    StreamedLayer(72, 776, 3, [4, 32, 256], [1, 1, 8], 1, 2, group=0, storage="i8",
                  rest=", occupancy = 3"),
    # Those that the model takes for others: one row in two blocks and stages, long steps of
    # weights that are scaled.
    StreamedLayer(72, 2312, 1, [1, 32, 512], [1, 1, 4], 2, 2, rest=", occupancy = 3"),
    StreamedLayer(72, 3336, 1, [1, 48, 2048], [1, 1, 16], 1, 1),
    StreamedLayer(72, 2312, 1, [1, 48, 1024], [1, 1, 4], 1, 1, group=32,
                  rest=", occupancy = 3, scale_decoded = true"),
    StreamedLayer(72, 3336, 16, [16, 48, 1024], [1, 1, 4], 1, 1,
                  rest=", occupancy = 3, scale_decoded = true"),
    # One row, in steps of no multiple of the columns that its activations come in.
    StreamedLayer(72, 1000, 1, [1, 16, 384], [1, 1, 4], 1, 1, group=32, columns=32),
    # Codes that come through a ring in shared memory: in a loop with tails of everything,
    # and in fewer steps than it has slots.
    StreamedLayer(77, 2056, 1, [1, 32, 256], [1, 1, 4], 1, 1, rest=", occupancy = 2, ring = 4"),
    StreamedLayer(64, 520, 7, [8, 32, 256], [1, 1, 4], 1, 1, rest=", ring = 8"),
    # One row on CUDA cores: full rounds and what is left of them.
    ReducedLayer(35, 4099, [1, 16], 2),
    ReducedLayer(72, 640, [2, 4], 4, out="f32"),
    # M known to the compiler.
    Layer(37, 131, m=1, storage="i4", group=32, scale="bf16"),
    Layer(37, 131, m=1, storage="ui4", group=32, zero="ui4", x="f16", out="f16"),
    Layer(37, 131, m=1, storage="i8", x="codes"),
    Layer(37, 131, m=1, storage="i8", x="quantized"),
    Layer(37, 131, m=2, storage="i4", group=32),
    Layer(37, 131, m=17, storage="i8"),
    Layer(37, 131, m=33, storage="i8", x="codes", bias=True),
    Layer(37, 131, m=17, storage="i8", x="quantized"),
    Layer(1, 1, storage="i4"),
    Layer(257, 33, m=33, storage="i4", group=32),
    # An older chip.
    Layer(37, 131, storage="i4", group=32, chip="sm_80"),
    Layer(37, 131, storage="i8", x="f16", chip="sm_80"),
    Layer(37, 131, storage="i8", x="codes", bias=True, chip="sm_80"),
    Mlp(97, 61),
    # Two products and what joins them, for one row.
    Gated(37, 131, 1),
    Gated(53, 264, 1, storage="i8", group=0, scale="f32"),
    # As one.
    Gated(37, 131, 1, merged=True),
    Gated(53, 264, storage="i8", group=0, scale="f32", merged=True),
    GatedCodes(37, 131, 1, merged=True),
    GatedCodes(61, 272, merged=True),
    GatedCodes(72, 1040, 150, merged=True),
    GatedCodes(40, 272, 70, storage="f8E4M3FN", merged=True),
    # What follows bias and scales.
    Layer(61, 144, m=70, storage="i8", x="quantized", element="bf16", bias=True, out="bf16",
          activation="gelu"),
]

#: Rows that stream weights, and rows that do not; both end within tiles.
SANITIZE_ROWS = (3, 37)


def sanitize_cases():
    """What FAMILIES has, for rows known to the compiler: an artifact holds the
    kernels that run and no others, since tools instrument every one that is loaded."""
    chosen = []
    for case in FAMILIES:
        if case.m is not None or "m" not in case.arguments:
            chosen.append(case)
            continue
        chosen += [type(case)(**case.arguments | dict(m=m)) for m in SANITIZE_ROWS]
    return list({case.name: case for case in chosen}.values())


#: Kinds of layers that are timed, and checked at the sizes of real models.
KINDS = {
    "int8_scaled": dict(storage="i8", x="codes"),
    "int8_dynamic": dict(storage="i8", x="quantized"),
    "int8_weight": dict(storage="i8"),
    "int4_g128": dict(storage="i4", group=128, scale="bf16"),
    "int4_g128_f16": dict(
        storage="i4", group=128, scale="f16", x="f16", element="f16", out="f16"
    ),
    "int4_g32": dict(storage="i4", group=32, scale="bf16"),
    "int4_g64": dict(storage="i4", group=64, scale="bf16"),
    "uint4_zp_g128": dict(storage="ui4", group=128, scale="bf16", zero="ui4"),
    "nf4_g64": dict(storage="nf4", group=64, scale="bf16"),
    "mxfp4": dict(storage="f4E2M1FN", group=32, scale="f8E8M0FNU"),
    "nvfp4": dict(storage="f4E2M1FN", group=16, scale="f8E4M3FN"),
    "int3_g128": dict(storage="i3", group=128, scale="bf16"),
    "int2_g128": dict(storage="i2", group=128, scale="bf16"),
    "e4m3_weight": dict(storage="f8E4M3FN"),
}


def _halve(types):
    """The same weights under f16 activations, with scales of f16 where they were bf16."""
    scale = {"scale": "f16"} if types.get("scale") == "bf16" else {}
    return types | scale | dict(x="f16", element="f16", out="f16")


#: Kinds that are timed at the sizes of real models only.
TIMED_KINDS = {
    f"{kind}_f16": _halve(types)
    for kind, types in KINDS.items()
    if types.get("x", "bf16") == "bf16" and f"{kind}_f16" not in KINDS
}

#: Products of 8-bit floats with scales of rows, or of 1 x 128 and 128 x 128. `fast`
#: leaves all of a sum in accumulators of 13 bits, as `use_fast_accum` does.
FLOAT8_KINDS = {
    "fp8_rows": dict(),
    "fp8_rows_fast": dict(fast=True),
    "fp8_blocks": dict(group=128, rows=128),
}


def _reduce(n, k):
    # As many blocks of sixteen warps as fit at once, or smaller ones.
    return ReducedLayer(n, k, *(([1, 16], 2) if n <= 4224 else ([2, 4], 4)))


#: Layers of one row whose schedule is written by hand.
SCHEDULED_KINDS = {"int8_reduce": _reduce}


def linear(kind, n, k, m=None):
    """A layer of that kind, bf16 in (or codes) and out where the kind does not say;
    M is dynamic where not given."""
    if kind in SCHEDULED_KINDS:
        return SCHEDULED_KINDS[kind](n, k)
    if kind in FLOAT8_KINDS:
        return Float8(n, k, m, kind=kind, **FLOAT8_KINDS[kind])
    types = dict(out="bf16", element="bf16")
    return Layer(n, k, m, kind=kind, **types | (KINDS | TIMED_KINDS)[kind])


#: (N, K): odd and prime sizes, K tails of blocks and vectors, and the encoder's
#: layers.
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
    cases = list(FAMILIES)
    for kind in KINDS:
        for n, k in CHECK_SHAPES:
            cases.append(linear(kind, n, k))
        for n, k in [(257, 384), (509, 1021), (4096, 4096)]:
            cases.append(linear(kind, n, k, 1))
    # Groups longer than a row are equal.
    return list({case.name: case for case in cases}.values())


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
#: Few rows, of which weights of a model have up to a few hundred.
INT8_ROWS = [16, 64, 128, 256, 512]
#: Shapes that nothing was tuned for: what choices without timings are held against.
UNSEEN_SHAPES = [
    (24, 6144, 3072),
    (80, 2560, 9728),
    (160, 5120, 5120),
    (350, 8192, 3584),
    (450, 2304, 7680),
    (600, 6656, 1664),
    (900, 4096, 14336),
    (1300, 1024, 4096),
    (1800, 3072, 3072),
    (2500, 5120, 1920),
    (3500, 2048, 8192),
    (4500, 768, 3072),
    (6000, 4608, 4608),
    (7000, 2560, 2560),
    (9000, 1536, 1536),
    (12000, 3584, 18944),
    (16384, 1024, 1024),
    (24000, 2048, 6144),
    (40000, 768, 768),
    (50000, 1664, 8192),
]
LLAMA_SHAPES = [(4096, 4096), (4096, 11008), (11008, 4096), (8192, 28672), (4096, 22016)]
#: Rows of which int4 weights are read: one, few enough to stream, and more.
INT4_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]


#: Weights that nothing was fitted to, as (K, N), and rows that are no powers of two.
UNSEEN_WEIGHTS = [
    (2048, 5632),
    (4096, 1024),
    (2560, 10240),
    (3072, 8192),
    (3584, 3584),
    (3584, 18944),
    (5120, 5120),
    (5120, 13824),
    (6144, 16384),
    (8192, 1024),
    (8192, 8192),
    (13824, 5120),
    (14336, 4096),
    (28672, 8192),
]
UNSEEN_ROWS = [1, 5, 12, 24, 48, 96, 200, 700, 2200]


def int8_lines():
    """int8 products of the shapes that are compared with all peers."""
    for m, k, n in INT8_SHAPES:
        yield "int8_scaled", n, k, m, m


def int8_other_lines():
    """int8 products of few rows, and of shapes that nothing was tuned for."""
    few = [(m, *shape) for shape in LLAMA_SHAPES[1:3] for m in INT8_ROWS]
    for m, k, n in dict.fromkeys(few + UNSEEN_SHAPES):
        yield "int8_scaled", n, k, m, m


def float8_lines():
    """Products of 8-bit floats, three ways to scale and sum at each shape."""
    for m, k, n in INT8_SHAPES:
        for kind in FLOAT8_KINDS:
            yield kind, n, k, m, m


def weight_lines():
    """8-bit and 4-bit weights at every number of rows; one row of 8-bit ones also by
    CUDA cores alone."""
    for k, n in LLAMA_SHAPES:
        yield "int8_reduce", n, k, 1, 1
        for kind in ("int8_weight", "int8_weight_f16"):
            for m in (1, 2, 4, 8, 16, 32, 64):
                yield kind, n, k, 1 if m == 1 else None, m
    fewer = (1, 16, 32, 64, 128)
    halves = (*fewer, 2, 4, 8, 256, 1024, 4096)
    for kind, rows in (("int4_g128", INT4_ROWS), ("int4_g128_f16", halves), ("int4_g32", fewer)):
        for k, n in LLAMA_SHAPES:
            for m in rows:
                yield kind, n, k, 1 if m == 1 else None, m


#: Storages, groups and zero points, beside int4 in groups of 128.
FORMATS = ["int4_g128", "int4_g64", "int4_g32", "uint4_zp_g128", "nf4_g64", "mxfp4", "nvfp4"]
FORMATS += ["int3_g128", "int2_g128", "e4m3_weight", "int8_weight"]


def format_lines(suffix=""):
    """Few rows and a step of many of every format, of those with that suffix."""
    for k, n in LLAMA_SHAPES:
        for kind in FORMATS:
            for m in (1, 8, 16, 64):
                yield kind + suffix, n, k, 1 if m == 1 else None, m


def weight_other_lines():
    """4-bit weights of shapes that nothing was fitted to, and few rows of 8-bit ones."""
    for k, n in UNSEEN_WEIGHTS:
        for m in UNSEEN_ROWS:
            yield "int4_g128", n, k, 1 if m == 1 else None, m
        for m in UNSEEN_ROWS[:5]:
            yield "int8_weight", n, k, 1 if m == 1 else None, m


#: By the step of run.sh: (kind, N, K, M of the program, M to run it at) of every
#: line of its table. M is static at batch 1 and of 8-bit products, else dynamic.
LINES = {
    "int8": int8_lines,
    "int8-other": int8_other_lines,
    "float8": float8_lines,
    "weights": weight_lines,
    "weights-other": weight_other_lines,
    "formats": format_lines,
    "formats-f16": lambda: format_lines("_f16"),
}
