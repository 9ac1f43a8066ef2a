// RUN: quant-compile %s --emit=manifest | %python -c "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))" | FileCheck %s

// A tensor map is of a matrix: the last dimension of a buffer, and all others
// together. It is an argument like any other.
// CHECK: {"tensor_map": {"box": [64, 128], "buffer": 0, "element": "i8", "l2_promotion": 256, "shape": {{\[\[}}"mul", 3, "d0"], 400], "swizzle": 128}},
// CHECK-SAME: {"tensor_map": {"box": [32, 128], "buffer": 1, "element": "i8", "l2_promotion": 256, "shape": [200, 400], "swizzle": 128}},
// CHECK-SAME: {"tensor_map": {"box": [64, 32], "buffer": 2, "element": "i32", "l2_promotion": 256, "shape": {{\[\[}}"mul", 3, "d0"], 200], "swizzle": 128}}],
// CHECK-SAME: "grid": {{\[\[}}"min", ["mul", ["ceildiv", ["mul", "d0", 3], 128], 8], 132], 1, 1], "launch": "matmul_wgmma_0"
// CHECK-SAME: "kernels": [{"block": [384, 1, 1], "cluster": [2, 1, 1],
// CHECK-SAME: "dynamic_shared_memory": 163992,
// CHECK-SAME: "tensor_map", "tensor_map", "tensor_map"]
func.func @linear(%x: tensor<3x?x400xi8>, %w: tensor<200x400xi8>) -> tensor<3x?x200xi32> {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c1 : tensor<3x?x400xi8>
  %init = tensor.empty(%m) : tensor<3x?x200xi32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<3x?x400xi8>, tensor<200x400xi8>) maps []
      outs(%init : tensor<3x?x200xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a",
          tile = [64, 64, 128], warps = [4, 1, 1], stages = 8, warpgroups = <pingpong, cluster = [2, 1]>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<3x?x200xi32>
  return %y : tensor<3x?x200xi32>
}
