// RUN: quant-opt %s --quant-prepare-reference --verify-diagnostics

func.func @dynamic_tile(%x: tensor<8x64xf32>, %m: index, %q: index) -> tensor<?x64x?xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%q, %m) : tensor<?x64x?xf32>
  // expected-error @below {{cannot be decomposed}}
  %p = linalg.pack %x padding_value(%z : f32) inner_dims_pos = [0] inner_tiles = [%m] into %e : tensor<8x64xf32> -> tensor<?x64x?xf32>
  return %p : tensor<?x64x?xf32>
}
