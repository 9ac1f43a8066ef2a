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

// Scales by groups of 8, zero points by groups of 12.
#mn = affine_map<(m, n) -> (m, n)>
#g = affine_map<(m, n) -> (m, n floordiv 8)>
#h = affine_map<(m, n) -> (m, n floordiv 12)>
func.func @blocks(%w: tensor<32x32xi8>, %s: tensor<32x4xf32>, %z: tensor<32x3xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{blocks of 8 with one scale and of 12 with one zero point overlap}}
  %d = linalg.generic {indexing_maps = [#mn, #g, #h, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s, %z : tensor<32x32xi8>, tensor<32x4xf32>, tensor<32x3xf32>) outs(%e : tensor<32x32xf32>) {
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

// -----

// Three bits of the high nibble.
func.func @high_mask(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %m = arith.constant dense<112> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %0 = arith.andi %w, %m : tensor<32x32xi8>
  %1 = arith.shrui %0, %four : tensor<32x32xi8>
  // expected-remark @below {{a mask below the shift is not the high nibble}}
  %y = arith.uitofp %1 : tensor<32x32xi8> to tensor<32x32xf32>
  return %y : tensor<32x32xf32>
}

// -----

// A bit of a whole byte is flipped.
func.func @flipped(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %m = arith.constant dense<8> : tensor<32x32xi8>
  %0 = arith.xori %w, %m : tensor<32x32xi8>
  // expected-remark @below {{it flips a bit of other than an unsigned nibble}}
  %y = arith.uitofp %0 : tensor<32x32xi8> to tensor<32x32xf32>
  return %y : tensor<32x32xf32>
}

// -----

// A scale of the row and one of all.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @scaled_twice(%w: tensor<32x32xi8>, %s: tensor<32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{it is scaled twice}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A scale that is made on the spot.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @computed_scale(%w: tensor<32x32xi8>, %s: tensor<32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{its scale is computed beside the decoding}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.addf %b, %b : f32
    %2 = arith.mulf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A zero point that is added.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @added_point(%w: tensor<32x32xi8>, %s: tensor<32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{what is subtracted is no zero point}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A zero point that is made on the spot.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @computed_point(%w: tensor<32x32xi8>, %s: tensor<32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{its zero point is computed beside the decoding}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %b, %b : f32
    %2 = arith.subf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A difference in i32 that is read as unsigned.
#mn = affine_map<(m, n) -> (m, n)>
func.func @unsigned_difference(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %c8 = arith.constant 8 : i32
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the difference is read as unsigned}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.subi %0, %c8 : i32
    %2 = arith.uitofp %1 : i32 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A shift by three, then a nibble.
#mn = affine_map<(m, n) -> (m, n)>
func.func @three_bits(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %c3 = arith.constant 3 : i8
  %c15 = arith.constant 15 : i8
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the high nibble is not at bit 4}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.shrui %a, %c3 : i8
    %1 = arith.andi %0, %c15 : i8
    %2 = arith.uitofp %1 : i8 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// The same, cut off.
#mn = affine_map<(m, n) -> (m, n)>
func.func @truncated_three(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %c3 = arith.constant 3 : i8
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the high nibble is not at bit 4}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.shrui %a, %c3 : i8
    %1 = arith.trunci %0 : i8 to i4
    %2 = arith.uitofp %1 : i4 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A mask of the row.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @variable_mask(%w: tensor<32x32xi8>, %s: tensor<32xi8>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{it masks or shifts by something unknown}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: i8, %o: f32):
    %0 = arith.andi %a, %b : i8
    %1 = arith.uitofp %0 : i8 to f32
    linalg.yield %1 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Left by three, right by four.
#mn = affine_map<(m, n) -> (m, n)>
func.func @left_three(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %c3 = arith.constant 3 : i8
  %c4 = arith.constant 4 : i8
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{it shifts left by other than a nibble}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.shli %a, %c3 : i8
    %1 = arith.shrsi %0, %c4 : i8
    %2 = arith.sitofp %1 : i8 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Codes that are turned round on the way.
#mn = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>
func.func @turned(%w: tensor<32x32xi8>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the codes are not read in the order of the result}}
  %d = linalg.generic {indexing_maps = [#nm, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A scale of each diagonal.
#mn = affine_map<(m, n) -> (m, n)>
#d = affine_map<(m, n) -> (m + n)>
func.func @odd_scale_index(%w: tensor<32x32xi8>, %s: tensor<63xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the scale is not indexed by dimensions of the codes}}
  %d = linalg.generic {indexing_maps = [#mn, #d, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<63xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A scale of each row, on a diagonal.
#mn = affine_map<(m, n) -> (m, n)>
#d = affine_map<(m, n) -> (m, m)>
func.func @two_axes(%w: tensor<32x32xi8>, %s: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{the scale has two axes along one of the codes}}
  %d = linalg.generic {indexing_maps = [#mn, #d, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32x32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A zero point that is constant, and one of the row.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @two_points(%w: tensor<32x32xi8>, %s: tensor<32xf32>) -> tensor<32x32xf32> {
  %c3 = arith.constant 3.0 : f32
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{it has a constant zero point and another}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %c3 : f32
    %2 = arith.subf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Nibbles of two tensors.
func.func @two_tensors(%w: tensor<32x32xi8>, %v: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %lo = arith.andi %w, %f : tensor<32x32xi8>
  %hi = arith.shrui %v, %four : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{the nibbles are of different bytes}}
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// One nibble with a sign.
func.func @one_signed(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %lo = arith.andi %w, %f : tensor<32x32xi8>
  %hi = arith.shrsi %w, %four : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{one nibble is signed, the other is not}}
  %d = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// Rows that only the run knows.
#mn = affine_map<(m, n) -> (m, n)>
func.func @unknown_rows(%w: tensor<?x32xi8>, %f: tensor<?x32xi8>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %w, %c0 : tensor<?x32xi8>
  %fifteen = arith.constant 15 : i8
  %four = arith.constant 4 : i8
  %e = tensor.empty(%m) : tensor<?x32xi8>
  %lo = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<?x32xi8>) outs(%e : tensor<?x32xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.andi %a, %fifteen : i8
    linalg.yield %0 : i8
  } -> tensor<?x32xi8>
  %hi = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<?x32xi8>) outs(%e : tensor<?x32xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.shrui %a, %four : i8
    linalg.yield %0 : i8
  } -> tensor<?x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<?x32xi8>, tensor<?x32xi8>) -> tensor<?x64xi8>
  // expected-remark @below {{the shape of the codes is not known}}
  %d = arith.sitofp %c : tensor<?x64xi8> to tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

// Groups of rows that only the run knows.
#all = affine_map<(m, g, n) -> (m, g, n)>
#g = affine_map<(m, g, n) -> (m, g)>
func.func @unknown_groups(%w: tensor<?x4x16xi8>, %s: tensor<?x4xf32>, %e: tensor<?x4x16xf32>) -> tensor<?x64xf32> {
  // expected-remark @below {{the groups have no known extents}}
  %d = linalg.generic {indexing_maps = [#all, #g, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %s : tensor<?x4x16xi8>, tensor<?x4xf32>) outs(%e : tensor<?x4x16xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x16xf32>
  %c = tensor.collapse_shape %d [[0], [1, 2]] : tensor<?x4x16xf32> into tensor<?x64xf32>
  return %c : tensor<?x64xf32>
}

// -----

// A constant zero point, which each of an unknown number of rows would need.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @unknown_blocks(%w: tensor<?x32xi8>, %s: tensor<?xf32>, %e: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %three = arith.constant 3.0 : f32
  // expected-remark @below {{a constant parameter would need a dynamic number of blocks}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<?x32xi8>, tensor<?xf32>) outs(%e : tensor<?x32xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %three : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<?x32xf32>
  return %d : tensor<?x32xf32>
}

// -----

// A scale that is wider than any encoding has.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @wide_scale(%w: tensor<32x32xi8>, %s: tensor<32xf64>, %e: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // expected-remark @below {{the scale is neither f32, f16, bf16, f8E8M0FNU nor f8E4M3FN}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xi8>, tensor<32xf64>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f64, %o: f32):
    %0 = arith.sitofp %a : i8 to f64
    %1 = arith.mulf %0, %b : f64
    %2 = arith.truncf %1 : f64 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// And such a zero point.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @wide_point(%w: tensor<32x32xi8>, %z: tensor<32xi64>, %e: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // expected-remark @below {{the zero point is neither a float nor i8, i16 or i32}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %z : tensor<32x32xi8>, tensor<32xi64>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: i64, %o: f32):
    %0 = arith.extsi %a : i8 to i64
    %1 = arith.subi %0, %b : i64
    %2 = arith.sitofp %1 : i64 to f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// A scale of each nibble.
#mn = affine_map<(m, n) -> (m, n)>
func.func @scaled_halves(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %fifteen = arith.constant 15 : i8
  %four = arith.constant 4 : i8
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<32x32xf32>
  // expected-remark @below {{only the low nibble of each byte is used}}
  %lo = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.andi %a, %fifteen : i8
    %1 = arith.uitofp %0 : i8 to f32
    %2 = arith.mulf %1, %two : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  // expected-remark @below {{only the high nibble of each byte is used}}
  %hi = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.shrui %a, %four : i8
    %1 = arith.uitofp %0 : i8 to f32
    linalg.yield %1 : f32
  } -> tensor<32x32xf32>
  // expected-remark @below {{each half is scaled on its own}}
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x64xf32>
  return %c : tensor<32x64xf32>
}

// -----

// Low nibbles of the bytes turned round.
#mn = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>
func.func @turned_half(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %fifteen = arith.constant 15 : i8
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %e = tensor.empty() : tensor<32x32xi8>
  %lo = linalg.generic {indexing_maps = [#nm, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.andi %a, %fifteen : i8
    linalg.yield %0 : i8
  } -> tensor<32x32xi8>
  %hi = arith.shrui %w, %four : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  // expected-remark @below {{the nibbles are not read in the order of their bytes}}
  %d = arith.uitofp %c : tensor<32x64xi8> to tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// A scale under which f16 overflows.
func.func @overflows(%w: tensor<32x32xi8>) -> tensor<32x32xf16> {
  %s = arith.constant dense<1.0e6> : tensor<32x32xf32>
  %0 = arith.sitofp %w : tensor<32x32xi8> to tensor<32x32xf32>
  %1 = arith.mulf %0, %s : tensor<32x32xf32>
  // expected-remark @below {{its arithmetic is not understood}}
  %y = arith.truncf %1 : tensor<32x32xf32> to tensor<32x32xf16>
  return %y : tensor<32x32xf16>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func @float_point(%w: tensor<32x32xf8E4M3FN>, %s: tensor<32xf32>, %e: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // expected-remark @below {{codes that are floats have a zero point}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x32xf8E4M3FN>, tensor<32xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f32, %o: f32):
    %eight = arith.constant 8.0 : f32
    %0 = arith.extf %a : f8E4M3FN to f32
    %1 = arith.subf %0, %eight : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#none = affine_map<(m, n) -> ()>
func.func @unknown_blocks(%w: tensor<?x32xi8>, %s: tensor<?xf32>, %z: tensor<f32>, %e: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-remark @below {{scales and zero points have different blocks, of an unknown number}}
  %d = linalg.generic {indexing_maps = [#mn, #m, #none, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s, %z : tensor<?x32xi8>, tensor<?xf32>, tensor<f32>) outs(%e : tensor<?x32xf32>) {
  ^bb0(%a: i8, %b: f32, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %c : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<?x32xf32>
  return %d : tensor<?x32xf32>
}

// -----

// Codes that have no bytes of their own.
#mn = affine_map<(m, n) -> (m, n)>
func.func @computed_codes(%x: tensor<32x32xi8>, %e: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %e4 = tensor.empty() : tensor<32x32xi4>
  %c = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x32xi8>) outs(%e4 : tensor<32x32xi4>) {
  ^bb0(%a: i8, %o: i4):
    %0 = arith.trunci %a : i8 to i4
    linalg.yield %0 : i4
  } -> tensor<32x32xi4>
  %t = linalg.transpose ins(%c : tensor<32x32xi4>) outs(%e4 : tensor<32x32xi4>) permutation = [1, 0]
  // expected-remark @below {{its 4-bit codes are computed, not taken out of bytes}}
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<32x32xi4>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i4, %o: f32):
    %0 = arith.sitofp %a : i4 to f32
    linalg.yield %0 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Eight codes in each word, as GPTQ packs them.
#mn = affine_map<(m, n) -> (m, n)>
func.func @words(%q: tensor<8x32xi32>, %s: tensor<32xf16>, %u: tensor<8x8x32xi32>, %e: tensor<64x32xf16>) -> tensor<64x32xf16> {
  %shifts = arith.constant dense<[0, 4, 8, 12, 16, 20, 24, 28]> : tensor<8xi32>
  %fifteen = arith.constant 15 : i32
  %three = linalg.generic {indexing_maps = [affine_map<(a, j, n) -> (a, n)>, affine_map<(a, j, n) -> (j)>, affine_map<(a, j, n) -> (a, j, n)>],
                           iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q, %shifts : tensor<8x32xi32>, tensor<8xi32>) outs(%u : tensor<8x8x32xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %0 = arith.shrui %a, %b : i32
    %1 = arith.andi %0, %fifteen : i32
    linalg.yield %1 : i32
  } -> tensor<8x8x32xi32>
  %c = tensor.collapse_shape %three [[0, 1], [2]] : tensor<8x8x32xi32> into tensor<64x32xi32>
  // expected-remark @below {{its codes are shifted out of words that are no bytes}}
  %d = linalg.generic {indexing_maps = [#mn, affine_map<(m, n) -> (n)>, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%c, %s : tensor<64x32xi32>, tensor<32xf16>) outs(%e : tensor<64x32xf16>) {
  ^bb0(%a: i32, %b: f16, %o: f16):
    %0 = arith.sitofp %a : i32 to f16
    %1 = arith.mulf %0, %b : f16
    linalg.yield %1 : f16
  } -> tensor<64x32xf16>
  return %d : tensor<64x32xf16>
}
