// RUN: quant-opt %s --import-dequantize --remarks-filter-missed="import.*" --split-input-file --verify-diagnostics -o /dev/null

#mn = affine_map<(m, n) -> (m, n)>

// A mask that is no nibble.
func.func @mask(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<51> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %lo = arith.andi %w, %f : tensor<32x32xi8>
  %hi = arith.shrui %w, %four : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{mask 51 is not the low nibble}}
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// The two nibbles have zero points of their own.
func.func @zero_point(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %seven = arith.constant dense<7> : tensor<32x32xi8>
  %0 = arith.andi %w, %f : tensor<32x32xi8>
  %lo = arith.subi %0, %eight : tensor<32x32xi8>
  %1 = arith.shrui %w, %four : tensor<32x32xi8>
  %hi = arith.subi %1, %seven : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{the two nibbles have zero points 8.00 and 7.00}}
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// The low nibble twice.
func.func @twice(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %lo = arith.andi %w, %f : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %lo : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{both halves are the low nibble}}
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// Only one nibble is used.
func.func @one_nibble(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %lo = arith.andi %w, %f : tensor<32x32xi8>
  // expected-remark @below {{only the low nibble of each byte is used}}
  %d = arith.sitofp %lo : tensor<32x32xi8> to tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A shift of the widened byte that brings its sign along.
#mn = affine_map<(m, n) -> (m, n)>
func.func @sign(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %four = arith.constant 4 : i32
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the high nibble brings the bits of a sign with it}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.shrui %0, %four : i32
    %2 = arith.uitofp %1 : i32 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A byte's zero point subtracted in i8.
func.func @wraps(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %z = arith.constant dense<3> : tensor<32x32xi8>
  %0 = arith.subi %w, %z : tensor<32x32xi8>
  // expected-remark @below {{it subtracts the zero point in i8, which may wrap}}
  %d = arith.sitofp %0 : tensor<32x32xi8> to tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Scales by group, zero points by row.
#mn = affine_map<(m, n) -> (m, n)>
#g = affine_map<(m, n) -> (m, n floordiv 8)>
#m = affine_map<(m, n) -> (m)>
func.func @blocks(%w: tensor<32x32xi8>, %s: tensor<32x4xf32>, %z: tensor<32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{scales and zero points have different blocks}}
  %d = linalg.generic {indexing_maps = [#mn, #g, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s, %z : tensor<32x32xi8>, tensor<32x4xf32>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %c : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Not a product at all.
func.func @division(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %s = arith.constant dense<3.0> : tensor<32x32xf32>
  %0 = arith.sitofp %w : tensor<32x32xi8> to tensor<32x32xf32>
  // expected-remark @below {{arith.divf is no part of a decoding}}
  %d = arith.divf %0, %s : tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Signed nibbles, read as unsigned bytes afterwards.
func.func @signed_then_unsigned(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %0 = arith.shli %w, %four : tensor<32x32xi8>
  %lo = arith.shrsi %0, %four : tensor<32x32xi8>
  %hi = arith.shrsi %w, %four : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{its arithmetic makes 248 of byte 8, whose code means -8}}
  %d = arith.uitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// Differences of nibbles and 8 that are read as unsigned.
func.func @unsigned_differences(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %0 = arith.andi %w, %f : tensor<32x32xi8>
  %lo = arith.subi %0, %eight : tensor<32x32xi8>
  %1 = arith.shrui %w, %four : tensor<32x32xi8>
  %hi = arith.subi %1, %eight : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{its arithmetic makes 248 of byte 0, whose code means -8}}
  %d = arith.uitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// A sign that is extended, and then taken for magnitude.
func.func @zext_of_sext(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %0 = arith.extsi %w : tensor<32x32xi8> to tensor<32x32xi16>
  // expected-remark @below {{its arithmetic makes 65408 of byte 128, whose code means -128}}
  %d = arith.uitofp %0 : tensor<32x32xi16> to tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A nibble by truncation, alone.
func.func @truncated(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %0 = arith.trunci %w : tensor<32x32xi8> to tensor<32x32xi4>
  // expected-remark @below {{only the low nibble of each byte is used}}
  %d = arith.sitofp %0 : tensor<32x32xi4> to tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// More groups than the codes have.
#g = affine_map<(m, n) -> (m, n floordiv 16)>
#id = affine_map<(m, n) -> (m, n)>
func.func @spare_scales(%w: tensor<8x64xi8>, %s: tensor<8x5xf32>) -> tensor<8x64xf32> {
  %e = tensor.empty() : tensor<8x64xf32>
  // expected-remark @below {{the scale has 5 elements along dimension 1 of the codes, which has 4 blocks}}
  %d = linalg.generic {indexing_maps = [#id, #g, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<8x64xi8>, tensor<8x5xf32>) outs(%e : tensor<8x64xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}
