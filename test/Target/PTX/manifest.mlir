// RUN: quant-compile %s --emit=manifest | %python -c "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))" | FileCheck %s

// An example of the whole file, one piece at a time.
//
// Buffers: arguments, then results in their order, then temporaries. A dynamic
// dimension is read off the argument that brings it.
// CHECK: "chip": "sm_90a", "format": "quantmlir-artifact", "functions": [
// CHECK-SAME: {"buffers": [
// CHECK-SAME: {"element": "f32", "name": "x", "role": "input", "shape": ["d0", 64]},
// CHECK-SAME: {"element": "bf16", "name": "bias", "role": "weight", "shape": [64]},
// CHECK-SAME: {"element": "bf16", "name": "y", "role": "output", "shape": ["d0", 64]},
// CHECK-SAME: {"alignment": 256, "element": "f32", "name": "tmp3", "role": "temporary", "shape": [64]}],
// CHECK-SAME: "dims": [{"argument": 0, "axis": 0, "min": 0, "name": "d0"}],
// CHECK-SAME: "name": "normalize",
//
// Launches: a memref is pointer, pointer, offset, sizes, strides.
// CHECK-SAME: "steps": [{"arguments": [
// CHECK-SAME: {"buffer": 0}, {"buffer": 0}, {"i64": 0}, {"i64": "d0"}, {"i64": 64}, {"i64": 64}, {"i64": 1},
// CHECK-SAME: {"buffer": 3}, {"buffer": 3}, {"i64": 0}, {"i64": 64}, {"i64": 1}],
// CHECK-SAME: "grid": [1, 1, 1], "launch": "reduce_0"},
// CHECK-SAME: "grid": {{\[\[}}"ceildiv", ["mul", "d0", 64], 256], 1, 1], "launch": "elementwise_1"}]}],
//
// CHECK-SAME: "images": [{"bytes": {{[0-9]+}}, "crc32": "{{[0-9a-f]+}}", "file": "module.ptx", "kind": "ptx"}],
// CHECK-SAME: "kernels": [
// CHECK-SAME: {"block": [256, 1, 1], "cluster": [1, 1, 1], "contract": {"offset": 0, "u_acc": 5.960464477539063e-08, "u_decode": 0},
// CHECK-SAME: "dependent_launch": false, "dynamic_shared_memory": 0, "name": "reduce_0",
// CHECK-SAME: "parameters": ["pointer", "pointer", "i64", "i64", "i64", "i64", "i64", "pointer", "pointer", "i64", "i64", "i64"]},
// CHECK-SAME: "name": "elementwise_1",
// CHECK-SAME: "producer": "quant-mlir {{[0-9.]+}}"
// CHECK-SAME: "reference": {"bytes": {{[0-9]+}}, "crc32": "{{[0-9a-f]+}}", "file": "reference.mlirbc"}, "version": 1}

#mk = affine_map<(m, k) -> (m, k)>
#k = affine_map<(m, k) -> (k)>
func.func @normalize(%x: tensor<?x64xf32> {quant_tensor.name = "x"},
                     %b: tensor<64xbf16> {quant_tensor.name = "bias", quant_tensor.weight})
    -> (tensor<?x64xbf16> {quant_tensor.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %sum = linalg.generic {indexing_maps = [#mk, #k], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<?x64xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %s = arith.addf %acc, %v : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %out = tensor.empty(%rows) : tensor<?x64xbf16>
  %y = linalg.generic {indexing_maps = [#mk, #k, #k, #mk],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %b : tensor<?x64xf32>, tensor<64xf32>, tensor<64xbf16>) outs(%out : tensor<?x64xbf16>) {
  ^bb0(%v: f32, %s: f32, %w: bf16, %o: bf16):
    %q = arith.divf %v, %s : f32
    %w32 = arith.extf %w : bf16 to f32
    %r = arith.addf %q, %w32 : f32
    %t = arith.truncf %r : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
