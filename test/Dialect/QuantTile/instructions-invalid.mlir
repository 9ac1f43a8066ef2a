// RUN: quant-opt %s -split-input-file -verify-diagnostics

func.func @f(%a: i32) -> i32 {
  // expected-error @below {{table has 8 bits, got 256}}
  %r = quant_tile.lop3 %a, %a, %a table 256
  return %r : i32
}

// -----

func.func @f(%a: i32) -> vector<2xbf16> {
  // expected-error @below {{cannot decode storage 'i9' to 'bf16'}}
  %r = quant_tile.decode %a[0] storage(i9) : vector<2xbf16>
  return %r : vector<2xbf16>
}

// -----

func.func @f(%a: i32) -> vector<2xbf16> {
  // expected-error @below {{a word of 'i4' has 4 pairs, got pair 4}}
  %r = quant_tile.decode %a[4] storage(i4) : vector<2xbf16>
  return %r : vector<2xbf16>
}

// -----

func.func @f(%a: i32) -> vector<2xbf16> {
  // expected-error @below {{a word of 'ui3' has 5 pairs, got pair 5}}
  %r = quant_tile.decode %a[5] storage(ui3) : vector<2xbf16>
  return %r : vector<2xbf16>
}

// -----

func.func @f(%a: i32) -> vector<2xbf16> {
  // expected-error @below {{a codebook of 16 values does not fit storage 'ui3'}}
  %r = quant_tile.decode %a[0] storage(ui3) codebook(#quant_tensor.codebook<nf4>) : vector<2xbf16>
  return %r : vector<2xbf16>
}

// -----

func.func @f(%a: i32) -> vector<2xbf16> {
  // expected-error @below {{storage 'ui4' has no bias in 'bf16'}}
  %r = quant_tile.decode %a[0] biased storage(ui4) codebook(#quant_tensor.codebook<nf4>) : vector<2xbf16>
  return %r : vector<2xbf16>
}

// -----

func.func @f(%m: memref<8xi32>) -> i32 {
  // expected-error @below {{needs 1 indices, got 0}}
  %r = quant_tile.load %m[] align 4 : memref<8xi32>, i32
  return %r : i32
}

// -----

func.func @f(%m: memref<8xi32>, %i: index) -> f32 {
  // expected-error @below {{reads elements of 'i32', got 'f32'}}
  %r = quant_tile.load %m[%i] align 4 : memref<8xi32>, f32
  return %r : f32
}

// -----

func.func @f(%m: memref<8xi32>, %i: index) -> i32 {
  // expected-error @below {{alignment must be a power of two, got 3}}
  %r = quant_tile.load %m[%i] align 3 : memref<8xi32>, i32
  return %r : i32
}

// -----

func.func @f(%m: memref<8xi32, strided<[2]>>, %i: index) -> i32 {
  // expected-error @below {{reads memory of identity layout}}
  %r = quant_tile.load %m[%i] align 4 : memref<8xi32, strided<[2]>>, i32
  return %r : i32
}

// -----

func.func @f(%m: memref<8xi32>, %i: index) -> vector<2x2xi32> {
  // expected-error @below {{reads an element or a vector of rank 1}}
  %r = quant_tile.load %m[%i] align 4 : memref<8xi32>, vector<2x2xi32>
  return %r : vector<2x2xi32>
}

// -----

func.func @f(%a: i64, %f: i1, %c: !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>) {
  // expected-error @below {{operand a is one i64 descriptor or four i32 registers, got 'i64', 'i64'}}
  %r = quant_tile.wgmma a(%a, %a : i64, i64) b(%a) into %c accumulate(%f) n = 16 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
  return
}

// -----

func.func @f(%a: i64, %f: i1, %c: !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>) {
  // expected-error @below {{cannot multiply 'i8' by 'bf16'}}
  %r = quant_tile.wgmma a(%a : i64) b(%a) into %c accumulate(%f) n = 16 types(i8, bf16) : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
  return
}

// -----

func.func @f(%a: i64, %f: i1, %c: !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>) {
  // expected-error @below {{n is a multiple of 8 from 8 to 256, for integers of 16 from 32 on, got 40}}
  %r = quant_tile.wgmma a(%a : i64) b(%a) into %c accumulate(%f) n = 40 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
  return
}

// -----

func.func @f(%a: i64, %f: i1, %c: !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>) {
  // expected-error @below {{a thread has 8 accumulators of f32 for n = 16, got 8 of 'i32'}}
  %r = quant_tile.wgmma a(%a : i64) b(%a) into %c accumulate(%f) n = 16 types(f16, f16) : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
  return
}

// -----

func.func @f(%c: !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>) {
  // expected-error @below {{pending is 0 to 7, got 8}}
  %r = quant_tile.wgmma_wait 8, %c : !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
  return
}

// -----

func.func @f(%a: i32, %t: !llvm.ptr<3>) {
  // expected-error @below {{a word has 4 pairs, got pair 4}}
  %r = quant_tile.look_up %a[4] in %t[%a] : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{storage 'f8E5M2' has no bias in 'f16'}}
  %r = quant_tile.decode %a[0] biased storage(f8E5M2) : vector<2xf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{storage 'i4' is not shrunk in 'f16'}}
  %r = quant_tile.decode %a[0] shrunk storage(i4) : vector<2xf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{storage 'ui5' is not shrunk in 'bf16'}}
  %r = quant_tile.decode %a[0] shrunk storage(ui5) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{a value is biased or shrunk, not both}}
  %r = quant_tile.decode %a[0] biased shrunk storage(i4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{only a biased integer stays in place}}
  %r = quant_tile.decode %a[0] in_place storage(i4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{only a biased integer stays in place}}
  %r = quant_tile.decode %a[0] biased in_place storage(f4E2M1FN) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32, %s: vector<2xbf16>) {
  // expected-error @below {{only a shrunk value is scaled}}
  %r = quant_tile.decode %a[0] scaled(%s : vector<2xbf16>) storage(i4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32, %s: vector<2xf16>) {
  // expected-error @below {{scales of 'vector<2xf16>' do not scale values of 'vector<2xbf16>'}}
  %r = quant_tile.decode %a[0] shrunk scaled(%s : vector<2xf16>) storage(i4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32, %z: vector<2xbf16>) {
  // expected-error @below {{only integers that are shrunk or decoded to f16, neither biased nor scaled, have a value taken from them}}
  %r = quant_tile.decode %a[0] minus(%z : vector<2xbf16>) storage(ui4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32, %z: vector<2xf16>) {
  // expected-error @below {{only integers that are shrunk or decoded to f16, neither biased nor scaled, have a value taken from them}}
  %r = quant_tile.decode %a[0] biased minus(%z : vector<2xf16>) storage(ui4) : vector<2xf16>
  return
}

// -----

func.func @f(%a: i32, %z: vector<2xf16>) {
  // expected-error @below {{cannot take 'vector<2xf16>' from values of 'vector<2xbf16>'}}
  %r = quant_tile.decode %a[0] shrunk minus(%z : vector<2xf16>) storage(ui4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32) {
  // expected-error @below {{only scales and what is taken from values have rows}}
  %r = quant_tile.decode %a[0] shrunk row(0) storage(i4) : vector<2xbf16>
  return
}

// -----

func.func @f(%a: i32, %s: vector<2xbf16>) {
  // expected-error @below {{there are two rows, got row 2}}
  %r = quant_tile.decode %a[0] shrunk scaled(%s : vector<2xbf16>) row(2) storage(i4) : vector<2xbf16>
  return
}
