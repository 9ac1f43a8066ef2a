// RUN: quant-opt %s --convert-quant-tensor-to-quant-tile --split-input-file --verify-diagnostics

#id = affine_map<(i) -> (i)>

func.func @host_scalar(%x: tensor<8xf32>, %s: f32, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{uses a scalar of type 'f32' that only the host knows; pass it as a tensor of rank 0}}
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %1 = arith.mulf %a, %s : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

#id = affine_map<(i) -> (i)>
#w8 = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>

func.func @encoded(%x: tensor<8xf32, #w8>, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{has an encoded operand of type 'tensor<8xf32, #quant_tensor.encoding}}
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32, #w8>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @diagonal(%x: tensor<8xf32>, %init: tensor<8x8xf32>) -> tensor<8x8xf32> {
  // expected-error @below {{has a loop that is neither parallel nor a reduction, or indexes an out diagonally}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i, i)>],
                       iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%init : tensor<8x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

#w = affine_map<(n, k) -> (n, k)>
func.func @big_table(%init: tensor<8192xf32>) -> tensor<8192xf32> {
  %c = arith.constant dense_resource<weights> : tensor<8192xf32>
  // expected-error @below {{reads a constant of type 'tensor<8192xf32>' that is not written out as numbers}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%c : tensor<8192xf32>) outs(%init : tensor<8192xf32>) {
  ^bb0(%a: f32, %out: f32):
    %1 = arith.negf %a : f32
    linalg.yield %1 : f32
  } -> tensor<8192xf32>
  return %0 : tensor<8192xf32>
}

{-# dialect_resources: { builtin: { weights: "0x0400000000000000" } } #-}
