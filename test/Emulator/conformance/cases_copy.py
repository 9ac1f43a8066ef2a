"""Asynchronous copies, tensor maps, mbarriers, clusters."""

import numpy as np

from .case import (THREAD, Case, TensorMap, given, indent, random, result, thread_case, updated,
                  word, words)

POISON = 0xDEADBEEF


def cp_async(size):
    """Copies of up to `size` bytes, zeros after them."""
    name = f"cp.async.{size}"
    rs = random(name)
    threads = 1024
    rows = np.frombuffer(rs.bytes(16 * threads), np.uint32).reshape(threads, 4)
    length = (np.arange(threads) % (size + 1)).astype(np.uint32)
    reads = "\n".join(
        f"%s{i} = llvm.getelementptr %mine[{i}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32\n"
        f"%r{i} = llvm.load %s{i} : !llvm.ptr<3> -> i32" for i in range(size // 4))
    body = f"""
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %own = llvm.mul %tid, %c16 : i32
    %tile = llvm.mlir.addressof @kernel_tile : !llvm.ptr<3>
    %mine = llvm.getelementptr %tile[%own] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %far = llvm.mul %t, %c16 : i32
    %source = llvm.getelementptr %e0[%far] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    nvvm.cp.async.shared.global %mine, %source, {size}, cache = {'cg' if size == 16 else 'ca'}, %x0 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    {reads}"""
    tile = ("llvm.mlir.global internal @kernel_tile() {addr_space = 3 : i32, alignment = 128 : i64}"
            " : !llvm.array<2048 x i8>")
    return thread_case(name, f"cp.async {size} bytes, zero fill", [length], size // 4, body, globals=tile,
                       extra=[given(rows)])


# One block, one copy ---------------------------------------------------------


def shared(tile, alignment=1024, barriers=1):
    return f"""
  llvm.mlir.global internal @kernel_tile() {{addr_space = 3 : i32, alignment = {alignment} : i64}} : !llvm.array<{tile} x i8>
  llvm.mlir.global internal @kernel_full() {{addr_space = 3 : i32, alignment = 8 : i64}} : !llvm.array<{barriers} x i64>"""


def each_16_bytes(tile, name, lines, threads=32):
    """`lines` for each 16 bytes of the tile that the thread has; %at is their offset."""
    text = [f"llvm.br ^{name}_head(%mine : i32)", f"^{name}_head(%{name}_at: i32):",
            f'%{name}_in = llvm.icmp "ult" %{name}_at, %tile_bytes : i32',
            f"llvm.cond_br %{name}_in, ^{name}_body, ^{name}_end", f"^{name}_body:"]
    text += [line.replace("%at", f"%{name}_at").replace("%'", f"%{name}_") for line in lines]
    text += [f"%{name}_next = llvm.add %{name}_at, %round : i32", f"llvm.br ^{name}_head(%{name}_next : i32)",
             f"^{name}_end:"]
    return text


def prologue(tile, threads):
    return THREAD.split("\n") + [
        word("zero", 0), word("one", 1), word("c16", 16), word("tile_bytes", tile), word("round", 16 * threads),
        "%mine = llvm.mul %tid, %c16 : i32", "%tile = llvm.mlir.addressof @kernel_tile : !llvm.ptr<3>",
        "%full = llvm.mlir.addressof @kernel_full : !llvm.ptr<3>",
        "%block_at = llvm.mul %bid, %tile_bytes : i32", '%leader = llvm.icmp "eq" %tid, %zero : i32',
        word("poison_word", POISON - 2**32),
    ]


STORE_POISON = [
    "%'p = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8",
    *(line for i in range(4) for line in (
        f"%'w{i} = llvm.getelementptr %'p[{i}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32",
        f"llvm.store %poison_word, %'w{i} : i32, !llvm.ptr<3>")),
]
#: From the tile to this block's part of %out.
STORE_TILE = [
    "%'p = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8",
    "%'v = llvm.load %'p {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>",
    "%'o = llvm.add %at, %block_at : i32",
    "%'q = llvm.getelementptr %out[%'o] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8",
    "llvm.store %'v, %'q {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>",
]
LOAD_TILE = [
    "%'o = llvm.add %at, %block_at : i32",
    "%'q = llvm.getelementptr %in[%'o] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8",
    "%'v = llvm.load %'q {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>",
    "%'p = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8",
    "llvm.store %'v, %'p {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>",
]
INIT = ["llvm.cond_br %leader, ^init, ^ready", "^init:", "nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32",
        "nvvm.fence.mbarrier.init", "llvm.br ^ready", "^ready:"]
PROXY = "nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}"


def wait(name, barrier, parity):
    return [f"llvm.br ^{name}", f"^{name}:",
            f"%{name}_done = nvvm.mbarrier.try_wait {barrier}, {parity} : !llvm.ptr<3>, i32 -> i1",
            f"llvm.cond_br %{name}_done, ^{name}_done, ^{name}", f"^{name}_done:"]


def coordinates(rank):
    lines = [word("rank", rank), "%row = llvm.mul %bid, %rank : i32"]
    for i in range(rank):
        lines += [word(f"ki{i}", i), f"%ci{i} = llvm.add %row, %ki{i} : i32",
                  f"%cp{i} = llvm.getelementptr %where[%ci{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
                  f"%c{i} = llvm.load %cp{i} : !llvm.ptr<1> -> i32"]
    return lines, ", ".join(f"%c{i}" for i in range(rank))


MAP = "%map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}"
ATTRIBUTES = "attributes {gpu.kernel, nvvm.kernel}"

BYTES = {"u8": 1, "u16": 2, "f16": 2, "bf16": 2, "f32": 4, "i32": 4}


def geometry(element, dims, box, pad=16):
    """Strides in bytes of a row-major tensor whose rows end in padding."""
    strides, size = [], dims[0] * BYTES[element]
    size = -(-size // 16) * 16 + pad
    for d in dims[1:]:
        strides.append(size)
        size *= d
    return tuple(strides), size


def where_boxes(rs, boxes, dims, box, element):
    """Where boxes start: inside, across each border and far outside."""
    at = np.stack([rs.randint(-b - 2, d + 3, boxes) for d, b in zip(dims, box)], 1)
    inside = rs.randint(0, 2, at.shape) == 0
    low = np.stack([rs.randint(0, max(1, d - b + 1), boxes) for d, b in zip(dims, box)], 1)
    at = np.where(inside, low, at).astype(np.int32)
    # The innermost coordinate is a multiple of 16 bytes.
    unit = 16 // BYTES[element]
    at[:, 0] = at[:, 0] // unit * unit
    return at


def tma_load(element, dims, box, swizzle, boxes=1024):
    rank = len(dims)
    name = f"tma.load.{rank}d.{element}.{'x'.join(map(str, box))}.sw{swizzle}"
    rs = random(name)
    strides, size = geometry(element, dims, box)
    # Sixteen bytes that tell their place.
    data = np.zeros((size // 16, 16), np.uint8)
    data[:, 0] = np.arange(size // 16)
    data[:, 1] = np.arange(size // 16) >> 8
    data[:, 2:] = np.arange(2, 16) * 16 + 1
    tile = int(np.prod(box)) * BYTES[element]
    at, list_ = coordinates(rank)
    lines = [
        *prologue(tile, 32), *each_16_bytes(tile, "poison", STORE_POISON), *INIT, PROXY, "nvvm.barrier0", *at,
        "%to = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>",
        "llvm.cond_br %leader, ^issue, ^issued", "^issue:",
        "nvvm.mbarrier.arrive.expect_tx %full, %tile_bytes : !llvm.ptr<3>, i32",
        f"nvvm.cp.async.bulk.tensor.shared.cluster.global %to, %map, %full, box[{list_}] : !llvm.ptr<7>, !llvm.ptr",
        "llvm.br ^issued", "^issued:", *wait("wait", "%full", "%zero"),
        *each_16_bytes(tile, "copy", STORE_TILE),
    ]
    text = shared(tile) + f"""
  llvm.func @kernel(%where: !llvm.ptr<1>, %tensor: !llvm.ptr<1>, %out: !llvm.ptr<1>, {MAP}) {ATTRIBUTES} {{
{indent(lines)}
    llvm.return
  }}"""
    arguments = [given(where_boxes(rs, boxes, dims, box, element)), given(data), result(boxes * tile // 4),
                 TensorMap(element, dims, strides, box, 1, swizzle)]
    return Case(name, f"cp.async.bulk.tensor load, swizzle {swizzle or 'none'}", text, arguments, boxes,
                block=32, grid=boxes)


def tma_store(element, dims, box, swizzle):
    """Each block stores a box of its own; together they cover the tensor and more."""
    rank = len(dims)
    name = f"tma.store.{rank}d.{element}.{'x'.join(map(str, box))}.sw{swizzle}"
    strides, size = geometry(element, dims, box)
    rs = random(name)
    # The last of each direction are outside. A store takes no negative coordinate.
    starts = [np.arange(0, d + b, b) for d, b in zip(dims, box)]
    grid = np.stack([g.reshape(-1) for g in np.meshgrid(*starts, indexing="ij")], 1).astype(np.int32)
    boxes = len(grid)
    tile = int(np.prod(box)) * BYTES[element]
    data = np.zeros((boxes, tile // 16, 16), np.uint8)
    data[..., 0] = np.arange(boxes)[:, None]
    data[..., 1] = np.arange(tile // 16)
    data[..., 2] = np.arange(boxes)[:, None] >> 8
    data[..., 3:] = np.arange(3, 16) * 16 + 1
    at, list_ = coordinates(rank)
    lines = [
        *prologue(tile, 32), *each_16_bytes(tile, "fill", LOAD_TILE), PROXY, "nvvm.barrier0", *at,
        "llvm.cond_br %leader, ^issue, ^issued", "^issue:",
        f"nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[{list_}] : !llvm.ptr, !llvm.ptr<3>",
        "nvvm.cp.async.bulk.commit.group", "nvvm.cp.async.bulk.wait_group 0",
        "llvm.br ^issued", "^issued:",
    ]
    text = shared(tile) + f"""
  llvm.func @kernel(%where: !llvm.ptr<1>, %in: !llvm.ptr<1>, %tensor: !llvm.ptr<1>, {MAP}) {ATTRIBUTES} {{
{indent(lines)}
    llvm.return
  }}"""
    arguments = [given(grid), given(data), updated(np.full(size // 4, POISON, np.uint32)),
                 TensorMap(element, dims, strides, box, 2, swizzle)]
    return Case(name, f"cp.async.bulk.tensor store, swizzle {swizzle or 'none'}", text, arguments, boxes,
                block=32, grid=boxes)


def bulk(load):
    name = "bulk." + ("load" if load else "store")
    rs = random(name)
    boxes, tile = 1024, 256
    sizes = (16 * rs.randint(1, tile // 16 + 1, boxes)).astype(np.uint32)
    # Sources (or destinations) anywhere in a block's part, where they fit.
    offsets = (16 * (rs.random_sample(boxes) * ((tile - sizes) // 16 + 1)).astype(np.uint32)).astype(np.uint32)
    data = np.zeros((boxes * tile // 16, 16), np.uint8)
    data[:, 0] = np.arange(len(data))
    data[:, 1] = np.arange(len(data)) >> 8
    data[:, 2:] = np.arange(2, 16) * 16 + 1
    table = np.stack([sizes, offsets], 1).astype(np.uint32)
    lines = [
        *prologue(tile, 32), *each_16_bytes(tile, "fill", STORE_POISON if load else LOAD_TILE),
        *(INIT if load else []), PROXY, "nvvm.barrier0", word("two", 2), "%row = llvm.mul %bid, %two : i32",
        "%row1 = llvm.add %row, %one : i32",
        "%sp = llvm.getelementptr %where[%row] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        "%size = llvm.load %sp : !llvm.ptr<1> -> i32",
        "%op = llvm.getelementptr %where[%row1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        "%offset = llvm.load %op : !llvm.ptr<1> -> i32",
        "%global = llvm.add %block_at, %offset : i32",
        f"%outside = llvm.getelementptr %{'in' if load else 'out'}[%global] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8",
        "llvm.cond_br %leader, ^issue, ^issued", "^issue:",
    ]
    if load:
        lines += ["nvvm.mbarrier.arrive.expect_tx %full, %size : !llvm.ptr<3>, i32",
                  "%to = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>",
                  "nvvm.cp.async.bulk.shared.cluster.global %to, %outside, %full, %size : !llvm.ptr<7>, !llvm.ptr<1>"]
    else:
        lines += ["nvvm.cp.async.bulk.global.shared.cta %outside, %tile, %size : !llvm.ptr<1>, !llvm.ptr<3>",
                  "nvvm.cp.async.bulk.commit.group", "nvvm.cp.async.bulk.wait_group 0"]
    lines += ["llvm.br ^issued", "^issued:"]
    if load:
        lines += [*wait("wait", "%full", "%zero"), *each_16_bytes(tile, "copy", STORE_TILE)]
    text = shared(tile) + f"""
  llvm.func @kernel(%where: !llvm.ptr<1>, %in: !llvm.ptr<1>, %out: !llvm.ptr<1>) {ATTRIBUTES} {{
{indent(lines)}
    llvm.return
  }}"""
    out = result(boxes * tile // 4) if load else updated(np.full(boxes * tile // 4, POISON, np.uint32))
    return Case(name, "cp.async.bulk global to shared" if load else "cp.async.bulk shared to global", text,
                [given(table), given(data), out], boxes, block=32, grid=boxes)


def mbarrier():
    """Arrivals of one thread at a barrier of its own, and what test_wait says."""
    rs = random("mbarrier")
    threads = 1024
    count = rs.randint(1, 9, threads).astype(np.uint32)
    lines = ["%bars = llvm.mlir.addressof @kernel_bars : !llvm.ptr<3>",
             "%bar = llvm.getelementptr %bars[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64",
             "nvvm.mbarrier.init %bar, %x0 : !llvm.ptr<3>, i32", word("one", 1), "%m0 = llvm.or %zero, %zero : i32"]
    for i in range(16):
        # Bits of both parities after each arrival.
        lines.append(f"%st{i} = nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64")
        for parity, name in ((0, "zero"), (1, "one")):
            v = f"{i}_{parity}"
            lines += [f"%d{v} = nvvm.mbarrier.test.wait %bar, %{name} : !llvm.ptr<3>, i32 -> i1",
                      f"%z{v} = llvm.zext %d{v} : i1 to i32", word(f"s{v}", 2 * i + parity),
                      f"%b{v} = llvm.shl %z{v}, %s{v} : i32"]
        lines += [f"%n{i} = llvm.or %b{i}_0, %b{i}_1 : i32", f"%m{i + 1} = llvm.or %m{i}, %n{i} : i32"]
    lines.append("%r0 = llvm.or %m16, %zero : i32")
    bars = "llvm.mlir.global internal @kernel_bars() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<128 x i64>"
    return thread_case("mbarrier", "mbarrier.init, arrive, test_wait", [count], 1, "\n".join(lines), globals=bars)


# Clusters --------------------------------------------------------------------


def cluster_exchange(blocks=4):
    """Each thread reads a slot of another block of its cluster."""
    rs = random("cluster.exchange")
    threads, block = 2048, 128
    value = words(rs, threads) & 0xFF
    rank = rs.randint(0, blocks, threads).astype(np.uint32)
    slot = rs.randint(0, block, threads).astype(np.uint32)
    body = """
    %slots = llvm.mlir.addressof @kernel_slots : !llvm.ptr<3>
    %own = llvm.getelementptr %slots[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %x0, %own : i32, !llvm.ptr<3>
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %theirs = llvm.getelementptr %slots[%x2] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %remote = nvvm.mapa %theirs, %x1 : !llvm.ptr<3> -> !llvm.ptr<7>
    %r0 = llvm.load %remote : !llvm.ptr<7> -> i32
    %r1 = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %r2 = nvvm.read.ptx.sreg.cluster.nctarank : i32
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}"""
    slots = "llvm.mlir.global internal @kernel_slots() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>"
    case = thread_case("cluster.exchange", "mapa, ld.shared::cluster, barrier.cluster", [value, rank, slot], 3,
                       body, block=block, globals=slots)
    case.cluster = blocks
    case.text = case.text.replace("nvvm.kernel}", f"nvvm.kernel, nvvm.cluster_dim = array<i32: {blocks}, 1, 1>}}")
    return case


def multicast(tensor, blocks=4, clusters=256):
    """Rank 0 of each cluster copies 256 bytes to the blocks of a mask."""
    name = "multicast." + ("tensor" if tensor else "bulk")
    rs = random(name)
    tile = 256
    grid = blocks * clusters
    mask = rs.randint(1, 1 << blocks, clusters).astype(np.uint32)
    row = np.arange(clusters, dtype=np.uint32)
    data = np.zeros((clusters * tile // 16, 16), np.uint8)
    data[:, 0] = np.arange(len(data))
    data[:, 1] = np.arange(len(data)) >> 8
    data[:, 2:] = np.arange(2, 16) * 16 + 1
    if tensor:
        parameters = "%where: !llvm.ptr<1>, %in: !llvm.ptr<1>, %out: !llvm.ptr<1>, " + MAP
        copy = ["nvvm.cp.async.bulk.tensor.shared.cluster.global %to, %map, %full, box[%zero, %cluster] "
                "multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr"]
        maps = [TensorMap("f32", (64, clusters), (256,), (64, 1), 1, 0)]
    else:
        parameters = "%where: !llvm.ptr<1>, %in: !llvm.ptr<1>, %out: !llvm.ptr<1>"
        copy = ["%goff = llvm.mul %cluster, %tile_bytes : i32",
                "%source = llvm.getelementptr %in[%goff] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8",
                "nvvm.cp.async.bulk.shared.cluster.global %to, %source, %full, %tile_bytes multicast_mask = %mask "
                ": !llvm.ptr<7>, !llvm.ptr<1>"]
        maps = []
    lines = [
        *prologue(tile, 32), *each_16_bytes(tile, "poison", STORE_POISON),
        "%rank = nvvm.read.ptx.sreg.cluster.ctarank : i32", word("blocks", blocks),
        "%cluster = llvm.udiv %bid, %blocks : i32",
        "%mp = llvm.getelementptr %where[%cluster] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        "%mask32 = llvm.load %mp : !llvm.ptr<1> -> i32", "%mask = llvm.trunc %mask32 : i32 to i16",
        "%mine_bit = llvm.lshr %mask32, %rank : i32", "%receives = llvm.trunc %mine_bit : i32 to i1",
        *INIT, PROXY,
        "llvm.cond_br %leader, ^maybe, ^expected", "^maybe:", "llvm.cond_br %receives, ^expect, ^expected",
        "^expect:", "nvvm.mbarrier.arrive.expect_tx %full, %tile_bytes : !llvm.ptr<3>, i32",
        "llvm.br ^expected", "^expected:",
        "nvvm.cluster.arrive {aligned}", "nvvm.cluster.wait {aligned}",
        "%to = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>",
        "%first_rank = llvm.icmp \"eq\" %rank, %zero : i32",
        "%issues = llvm.and %leader, %first_rank : i1",
        "llvm.cond_br %issues, ^issue, ^issued", "^issue:", *copy, "llvm.br ^issued", "^issued:",
        "llvm.cond_br %receives, ^wait, ^done",
        "^wait:", "%wait_done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1",
        "llvm.cond_br %wait_done, ^done, ^wait", "^done:",
        *each_16_bytes(tile, "copy", STORE_TILE),
        "nvvm.cluster.arrive {aligned}", "nvvm.cluster.wait {aligned}",
    ]
    text = shared(tile) + f"""
  llvm.func @kernel({parameters}) attributes {{gpu.kernel, nvvm.kernel, nvvm.cluster_dim = array<i32: {blocks}, 1, 1>}} {{
{indent(lines)}
    llvm.return
  }}"""
    return Case(name, "cp.async.bulk" + (".tensor" if tensor else "") + " multicast", text,
                [given(mask), given(data), result(grid * tile // 4), *maps], grid, block=32, grid=grid,
                cluster=blocks)


def remote_arrive(relaxed=False, blocks=4, clusters=64):
    """Each block puts a word into each other's shared memory and arrives there.
    `relaxed`: the cluster's first barrier shows no more than what the fence does."""
    name = "cluster.arrive.relaxed" if relaxed else "cluster.arrive"
    first = "nvvm.cluster.arrive.relaxed" if relaxed else "nvvm.cluster.arrive"
    rs = random(name)
    grid = blocks * clusters
    value = words(rs, grid) & 0xFFFF
    lines = [
        *THREAD.split("\n"), word("zero", 0), word("one", 1), word("blocks", blocks), word("per", 32),
        "%full = llvm.mlir.addressof @kernel_full : !llvm.ptr<3>",
        "%tile = llvm.mlir.addressof @kernel_tile : !llvm.ptr<3>",
        "%rank = nvvm.read.ptx.sreg.cluster.ctarank : i32",
        '%leader = llvm.icmp "eq" %tid, %zero : i32',
        "llvm.cond_br %leader, ^init, ^ready", "^init:",
        "nvvm.mbarrier.init %full, %blocks : !llvm.ptr<3>, i32", "nvvm.fence.mbarrier.init",
        "llvm.br ^ready", "^ready:", f"{first} {{aligned}}", "nvvm.cluster.wait {aligned}",
        '%sends = llvm.icmp "ult" %tid, %blocks : i32', "llvm.cond_br %sends, ^send, ^sent", "^send:",
        # Thread i of the block sends to block i, into the slot of its own rank.
        "%vp = llvm.getelementptr %in[%bid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        "%v = llvm.load %vp : !llvm.ptr<1> -> i32", "%w = llvm.add %v, %tid : i32",
        "%slot = llvm.getelementptr %tile[%rank] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32",
        "%far = nvvm.mapa %slot, %tid : !llvm.ptr<3> -> !llvm.ptr<7>",
        "llvm.store %w, %far : i32, !llvm.ptr<7>",
        "%bar = nvvm.mapa %full, %tid : !llvm.ptr<3> -> !llvm.ptr<7>",
        "nvvm.mbarrier.arrive %bar {scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>",
        "llvm.br ^sent", "^sent:",
        "llvm.br ^wait", "^wait:",
        "%done = nvvm.mbarrier.try_wait %full, %zero {scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<3>, i32 -> i1",
        "llvm.cond_br %done, ^received, ^wait", "^received:",
        '%reads = llvm.icmp "ult" %tid, %blocks : i32', "llvm.cond_br %reads, ^read, ^end", "^read:",
        "%from = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32",
        "%got = llvm.load %from : !llvm.ptr<3> -> i32", "%ob = llvm.mul %bid, %blocks : i32",
        "%oi = llvm.add %ob, %tid : i32",
        "%op = llvm.getelementptr %out[%oi] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        "llvm.store %got, %op : i32, !llvm.ptr<1>", "llvm.br ^end", "^end:",
        "nvvm.cluster.arrive {aligned}", "nvvm.cluster.wait {aligned}",
    ]
    text = shared(16) + f"""
  llvm.func @kernel(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {{gpu.kernel, nvvm.kernel, nvvm.cluster_dim = array<i32: {blocks}, 1, 1>}} {{
{indent(lines)}
    llvm.return
  }}"""
    title = "barrier.cluster.arrive.relaxed, " if relaxed else ""
    return Case(name, title + "st.shared::cluster, remote mbarrier.arrive", text, [given(value), result(grid * blocks)],
                grid * blocks, block=32, grid=grid, cluster=blocks)


def cases():
    return [
        cp_async(4), cp_async(8), cp_async(16), bulk(True), bulk(False), mbarrier(), cluster_exchange(),
        remote_arrive(), remote_arrive(relaxed=True),
        multicast(False), multicast(True),
        tma_load("u8", (100, 37), (16, 8), 0), tma_load("bf16", (77, 21), (16, 8), 32),
        tma_load("u8", (200, 40), (64, 8), 64), tma_load("f32", (50, 40), (32, 8), 128),
        tma_load("bf16", (130, 40), (64, 8), 128, 256), tma_load("u8", (333,), (64,), 0, 256),
        tma_load("f32", (13, 7, 9), (4, 3, 5), 0, 256), tma_load("f16", (40, 9, 5, 6), (16, 2, 2, 3), 32, 256),
        tma_load("bf16", (24, 5, 4, 3, 4), (8, 2, 1, 2, 2), 0, 256), tma_load("i32", (30, 20), (16, 8), 64, 256),
        tma_store("u8", (500, 250), (16, 8), 0), tma_store("bf16", (505, 245), (16, 8), 32),
        tma_store("u8", (2000, 290), (64, 8), 64), tma_store("f32", (999, 290), (32, 8), 128),
        tma_store("f32", (13, 7, 9), (4, 3, 5), 0), tma_store("f16", (40, 9, 5, 6), (16, 2, 2, 3), 32),
    ]
