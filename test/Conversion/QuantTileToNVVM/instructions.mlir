// RUN: quant-opt %s -convert-gpu-to-nvvm | FileCheck %s

gpu.module @m {
  // CHECK-LABEL: llvm.func @ex2
  // CHECK: quant_tile.ex2 %{{.*}}
  func.func @ex2(%x: f32) -> f32 {
    %r = quant_tile.ex2 %x
    return %r : f32
  }

  // CHECK-LABEL: llvm.func @lop3
  // CHECK: quant_tile.lop3 %{{.*}}, %{{.*}}, %{{.*}} table 234
  func.func @lop3(%a: i32, %b: i32, %c: i32) -> i32 {
    %r = quant_tile.lop3 %a, %b, %c table 234
    return %r : i32
  }

  // CHECK-LABEL: llvm.func @store_async
  // CHECK: quant_tile.store_async %{{.*}} to %{{.*}} counted by %{{.*}} : vector<4xf32>
  // CHECK: quant_tile.store_async %{{.*}} to %{{.*}} counted by %{{.*}} : i32
  func.func @store_async(%four: vector<4xf32>, %one: i32, %to: !llvm.ptr<7>, %barrier: !llvm.ptr<7>) {
    quant_tile.store_async %four to %to counted by %barrier : vector<4xf32>
    quant_tile.store_async %one to %to counted by %barrier : i32
    return
  }

  // The pair is shifted down, one lop3 makes 136 + code of each, exactly.
  // CHECK-LABEL: llvm.func @int4
  // CHECK: llvm.lshr
  // CHECK: quant_tile.lop3 {{.*}} table 106
  // CHECK: llvm.mlir.constant(dense<1.360000e+02> : vector<2xbf16>)
  // CHECK: llvm.fsub %{{.*}} : vector<2xbf16>
  func.func @int4(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] storage(i4) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // The mantissa of f16 holds codes at bits 0 to 9, of which 2^10 is the start: those
  // of bits 14 and 15 are moved by a byte, and the rest is a multiplication.
  // CHECK-LABEL: llvm.func @uint2
  // CHECK: %[[EIGHT:.*]] = llvm.mlir.constant(8 : i32)
  // CHECK: llvm.lshr %{{.*}}, %[[EIGHT]]
  // CHECK: llvm.mlir.constant(12583104 : i32)
  // CHECK: llvm.mlir.constant(dense<1.562500e-02> : vector<2xf16>)
  // CHECK: llvm.mlir.constant(dense<-1.600000e+01> : vector<2xf16>)
  // CHECK: llvm.intr.fma(%{{.*}}) : (vector<2xf16>, vector<2xf16>, vector<2xf16>)
  func.func @uint2(%w: i32) -> vector<2xf16> {
    %v = quant_tile.decode %w[7] storage(ui2) : vector<2xf16>
    return %v : vector<2xf16>
  }

  // CHECK-LABEL: llvm.func @int4_f16
  // CHECK-NOT: llvm.lshr
  // CHECK: quant_tile.lop3 {{.*}} table 106
  // CHECK: llvm.mlir.constant(dense<6.250000e-02> : vector<2xf16>)
  // CHECK: llvm.mlir.constant(dense<-7.200000e+01> : vector<2xf16>)
  // CHECK: llvm.intr.fma
  func.func @int4_f16(%w: i32) -> vector<2xf16> {
    %v = quant_tile.decode %w[1] storage(i4) : vector<2xf16>
    return %v : vector<2xf16>
  }

  // CHECK-LABEL: llvm.func @int8
  // CHECK: llvm.lshr
  // CHECK-COUNT-2: quant_tile.lop3 {{.*}} table 234
  // CHECK: llvm.fsub %{{.*}} : vector<2xbf16>
  func.func @int8(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] storage(i8) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // The kernel takes the bias away from the sum.
  // No shift within a byte: 16 code * 2^-133 is a float of bf16's least two
  // exponents, and 2^123 of it the code times 2^-6.
  // CHECK-LABEL: llvm.func @shrunk
  // CHECK-NOT: llvm.lshr
  // CHECK: %[[MASK:.*]] = llvm.mlir.constant(15728880 : i32)
  // CHECK: %[[HALF:.*]] = llvm.mlir.constant(8388736 : i32)
  // CHECK: %[[RAW:.*]] = quant_tile.lop3 %{{.*}}, %[[MASK]], %[[HALF]]
  // CHECK: %[[F:.*]] = llvm.bitcast %[[RAW]] : i32 to vector<2xbf16>
  // CHECK: %[[FACTOR:.*]] = llvm.mlir.constant(dense<1.063380e+37> : vector<2xbf16>)
  // CHECK: %[[OFFSET:.*]] = llvm.mlir.constant(dense<-1.250000e-01> : vector<2xbf16>)
  // CHECK: llvm.intr.fma(%[[F]], %[[FACTOR]], %[[OFFSET]])
  func.func @shrunk(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] shrunk storage(i4) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // The factor and the offset are the scale's, as exact; the product is rounded
  // once.
  // CHECK-LABEL: llvm.func @shrunk_scaled
  // CHECK-SAME: %[[SCALE:[a-z0-9]+]]: vector<2xbf16>
  // CHECK: %[[RAW:.*]] = quant_tile.lop3
  // CHECK: %[[F:.*]] = llvm.bitcast %[[RAW]] : i32 to vector<2xbf16>
  // CHECK: %[[LARGE:.*]] = llvm.mlir.constant(dense<3.245190e+32> : vector<2xbf16>)
  // CHECK: %[[FACTOR:.*]] = llvm.fmul %[[SCALE]], %[[LARGE]]
  // CHECK: %[[HALF:.*]] = llvm.mlir.constant(dense<-3.814700e-06> : vector<2xbf16>)
  // CHECK: %[[OFFSET:.*]] = llvm.fmul %[[SCALE]], %[[HALF]]
  // CHECK: llvm.intr.fma(%[[F]], %[[FACTOR]], %[[OFFSET]])
  func.func @shrunk_scaled(%w: i32, %s: vector<2xbf16>) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] shrunk scaled(%s : vector<2xbf16>) storage(i4) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // What is taken away is the offset.
  // CHECK-LABEL: llvm.func @shrunk_minus
  // CHECK-SAME: %[[ZERO:[a-z0-9]+]]: vector<2xbf16>
  // CHECK-NOT: llvm.lshr
  // CHECK: %[[RAW:.*]] = llvm.and
  // CHECK: %[[F:.*]] = llvm.bitcast %[[RAW]] : i32 to vector<2xbf16>
  // CHECK: %[[FACTOR:.*]] = llvm.mlir.constant(dense<1.063380e+37> : vector<2xbf16>)
  // CHECK: %[[OFFSET:.*]] = llvm.fneg %[[ZERO]]
  // CHECK: llvm.intr.fma(%[[F]], %[[FACTOR]], %[[OFFSET]])
  func.func @shrunk_minus(%w: i32, %z: vector<2xbf16>) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] shrunk minus(%z : vector<2xbf16>) storage(ui4) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // 16 code + 1024, a sixteenth of it, and less 64 and what is taken away.
  // CHECK-LABEL: llvm.func @minus_f16
  // CHECK-SAME: %[[ZERO:[a-z0-9]+]]: vector<2xf16>
  // CHECK: %[[RAW:.*]] = quant_tile.lop3
  // CHECK: %[[F:.*]] = llvm.bitcast %[[RAW]] : i32 to vector<2xf16>
  // CHECK: %[[FACTOR:.*]] = llvm.mlir.constant(dense<6.250000e-02> : vector<2xf16>)
  // CHECK: %[[BIAS:.*]] = llvm.mlir.constant(dense<-6.400000e+01> : vector<2xf16>)
  // CHECK: %[[OFFSET:.*]] = llvm.fsub %[[BIAS]], %[[ZERO]]
  // CHECK: llvm.intr.fma(%[[F]], %[[FACTOR]], %[[OFFSET]])
  func.func @minus_f16(%w: i32, %z: vector<2xf16>) -> vector<2xf16> {
    %v = quant_tile.decode %w[1] minus(%z : vector<2xf16>) storage(ui4) : vector<2xf16>
    return %v : vector<2xf16>
  }

  // Constants of both rows, whose pairs are beside each other, so that other
  // pairs of these rows find the same products.
  // CHECK-LABEL: llvm.func @scaled_rows
  // CHECK-SAME: %[[SCALES:[a-z0-9]+]]: vector<2xbf16>
  // CHECK: %[[LARGE:.*]] = llvm.mlir.constant(dense<[5.192300e+33, 3.245190e+32]> : vector<2xbf16>)
  // CHECK: %[[FACTORS:.*]] = llvm.fmul %[[SCALES]], %[[LARGE]]
  // CHECK: %[[FACTOR:.*]] = llvm.shufflevector %[[FACTORS]], %[[FACTORS]] [1, 1] : vector<2xbf16>
  // CHECK: %[[OFFSETS:.*]] = llvm.fmul %[[SCALES]]
  // CHECK: %[[OFFSET:.*]] = llvm.shufflevector %[[OFFSETS]], %[[OFFSETS]] [1, 1]
  // CHECK: llvm.intr.fma(%{{.*}}, %[[FACTOR]], %[[OFFSET]])
  // CHECK: llvm.mlir.constant(dense<[5.192300e+33, 3.245190e+32]> : vector<2xbf16>)
  // CHECK: llvm.shufflevector {{.*}} [0, 0]
  func.func @scaled_rows(%w: i32, %s: vector<2xbf16>) -> (vector<2xbf16>, vector<2xbf16>) {
    %v = quant_tile.decode %w[1] shrunk scaled(%s : vector<2xbf16>) row(1) storage(i4) : vector<2xbf16>
    %u = quant_tile.decode %w[2] shrunk scaled(%s : vector<2xbf16>) row(0) storage(i4) : vector<2xbf16>
    return %v, %u : vector<2xbf16>, vector<2xbf16>
  }

  // Codes that straddle words were moved to the first place, whoever's they
  // are.
  // CHECK-LABEL: llvm.func @moved_row
  // CHECK: llvm.mlir.constant(dense<5.192300e+33> : vector<2xbf16>)
  // CHECK: llvm.shufflevector {{.*}} [1, 1]
  func.func @moved_row(%w: i32, %s: vector<2xbf16>) -> vector<2xbf16> {
    %v = quant_tile.decode %w[0] shrunk scaled(%s : vector<2xbf16>) row(1) storage(i3) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // 1024 and 64, which the places of two rows have in common with nobody.
  // CHECK-LABEL: llvm.func @minus_rows
  // CHECK-SAME: %[[ZERO:[a-z0-9]+]]: vector<2xf16>
  // CHECK: %[[BIAS:.*]] = llvm.mlir.constant(dense<[-1.024000e+03, -6.400000e+01]> : vector<2xf16>)
  // CHECK: %[[OFFSETS:.*]] = llvm.fsub %[[BIAS]], %[[ZERO]]
  // CHECK: %[[OFFSET:.*]] = llvm.shufflevector %[[OFFSETS]], %[[OFFSETS]] [0, 0]
  // CHECK: llvm.fadd %{{.*}}, %[[OFFSET]]
  func.func @minus_rows(%w: i32, %z: vector<2xf16>) -> vector<2xf16> {
    %v = quant_tile.decode %w[0] minus(%z : vector<2xf16>) row(0) storage(ui4) : vector<2xf16>
    return %v : vector<2xf16>
  }

  // CHECK-LABEL: llvm.func @shrunk_uint8
  // CHECK: llvm.lshr
  // CHECK: llvm.and
  // CHECK: llvm.fmul
  // CHECK-NOT: llvm.intr.fma
  // CHECK: llvm.return
  func.func @shrunk_uint8(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] shrunk storage(ui8) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // CHECK-LABEL: llvm.func @biased
  // CHECK: llvm.lshr
  // CHECK: quant_tile.lop3 {{.*}} table 106
  // CHECK-NOT: llvm.fsub
  // CHECK: llvm.return
  func.func @biased(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] biased storage(i4) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // Bits 4 and 5 of seven of a mantissa: of 2^3, they count units, and the top
  // one is flipped.
  // CHECK-LABEL: llvm.func @in_place
  // CHECK-NOT: llvm.lshr
  // CHECK: %[[MASK:.*]] = llvm.mlir.constant(3145776 : i32)
  // CHECK: %[[MAGIC:.*]] = llvm.mlir.constant(1092632864 : i32)
  // CHECK: quant_tile.lop3 %{{.*}}, %[[MASK]], %[[MAGIC]] table 106
  // CHECK-NOT: llvm.fsub
  // CHECK: llvm.return
  func.func @in_place(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[2] biased in_place storage(i2) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // The next three are moved together: this one lies at bit 2 then.
  // CHECK-LABEL: llvm.func @moved_in_place
  // CHECK: %[[MOVE:.*]] = llvm.mlir.constant(6 : i32)
  // CHECK: llvm.lshr %{{.*}}, %[[MOVE]]
  // CHECK: llvm.mlir.constant(786444 : i32)
  // CHECK: quant_tile.lop3 {{.*}} table 106
  // CHECK: llvm.return
  func.func @moved_in_place(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[4] biased in_place storage(ui2) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // code - 128 needs one subtraction, code itself two.
  // CHECK-LABEL: llvm.func @biased_uint8
  // CHECK: quant_tile.lop3 {{.*}} table 234
  // CHECK: quant_tile.lop3 {{.*}} table 106
  // CHECK: llvm.fsub
  // CHECK-NOT: llvm.f{{add|sub}}
  // CHECK: llvm.return
  func.func @biased_uint8(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[0] biased storage(ui8) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // 48 + 4 times the value is a byte, whose sign bit is 0 in both halves of the
  // table; the other byte of the float is always 0x42.
  // CHECK-LABEL: llvm.func @fp4
  // CHECK: llvm.xor
  // CHECK: nvvm.prmt <default>
  // CHECK: nvvm.prmt <default>
  // CHECK: llvm.or
  // CHECK: llvm.mlir.constant(1111638594 : i32)
  // CHECK: nvvm.prmt <default>
  // CHECK: llvm.mlir.constant(dense<4.800000e+01> : vector<2xbf16>)
  // CHECK: llvm.fsub %{{.*}} : vector<2xbf16>
  func.func @fp4(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[0] storage(f4E2M1FN) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // Low bytes and high bytes, three prmt each, and one to put them together.
  // CHECK-LABEL: llvm.func @nf4
  // CHECK: quant_tile.lop3 {{.*}} table 234
  // CHECK-COUNT-7: nvvm.prmt
  // CHECK-NOT: nvvm.prmt
  // CHECK: return
  func.func @nf4(%w: i32) -> vector<2xbf16> {
    %v = quant_tile.decode %w[1] storage(ui4) codebook(#quant_tensor.codebook<nf4>) : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // The column of the lane below byte 2 of the word, and zeros above.
  // CHECK-LABEL: llvm.func @look_up
  // CHECK-SAME: %[[WORD:.*]]: i32, %[[TABLE:.*]]: !llvm.ptr<3>, %[[COLUMN:.*]]: i32
  // CHECK: %[[SELECTOR:.*]] = llvm.mlir.constant(21796 : i32)
  // CHECK: %[[OFFSET:.*]] = nvvm.prmt <default> %[[SELECTOR]], %[[WORD]], %[[COLUMN]]
  // CHECK: %[[AT:.*]] = llvm.getelementptr %[[TABLE]][%[[OFFSET]]] : {{.*}}, i8
  // CHECK: llvm.load %[[AT]] {alignment = 4 : i64} : !llvm.ptr<3> -> vector<2xbf16>
  func.func @look_up(%w: i32, %table: !llvm.ptr<3>, %column: i32) -> vector<2xbf16> {
    %v = quant_tile.look_up %w[2] in %table[%column] : vector<2xbf16>
    return %v : vector<2xbf16>
  }

  // CHECK-LABEL: llvm.func @load
  // CHECK: llvm.load %{{.*}} invariant {alignment = 16 : i64} : !llvm.ptr -> vector<4xi32>
  func.func @load(%m: memref<8x128xi32>, %i: index) -> vector<4xi32> {
    %v = quant_tile.load %m[%i, %i] align 16 : memref<8x128xi32>, vector<4xi32>
    return %v : vector<4xi32>
  }
}
