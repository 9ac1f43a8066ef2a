// RUN: quant-compile %s --emit=manifest -o %t.json
// RUN: FileCheck %s < %t.json
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: quant-compile %s --merge-contractions --emit=ptx -o %t.merged.ptx
// RUN: %ptxas -arch=sm_90a -v %t.merged.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: quant-opt %s --pass-pipeline='builtin.module(quant-algebra,quant-schedule{merge-contractions})' \
// RUN:     | FileCheck %s --check-prefix=MERGED

// A whole MLP block: int4 gate and up, silu(gate) * up, int4 down.
// CHECK-DAG: "name": "mlp.prepare"
// CHECK-DAG: "name": "mlp"
// Gate and up are one product, whose rows the prepare function puts in turn.
// MERGED-LABEL: func.func @mlp(
// MERGED-NOT: scaled_matmul ins
// MERGED: quant_tensor.scaled_matmul paired ins(%{{.*}} : tensor<?x256xbf16>, tensor<1024x256xbf16
// MERGED: quant_tensor.scaled_matmul ins(%{{.*}} : tensor<?x512xbf16>, tensor<256x512xbf16
// MERGED-LABEL: func.func @mlp.prepare
// MERGED: tensor.insert_slice {{.*}}[0, 0] [512, 128] [2, 1]
// MERGED: tensor.insert_slice {{.*}}[1, 0] [512, 128] [2, 1]
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>

func.func @mlp(%x: tensor<?x256xbf16>, %gate: tensor<512x256xbf16, #w4>,
               %up: tensor<512x256xbf16, #w4>, %down: tensor<256x512xbf16, #w4>) -> tensor<?x256xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x256xbf16>
  %e = tensor.empty(%m) : tensor<?x512xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %g = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %gate : tensor<?x256xbf16>, tensor<512x256xbf16, #w4>)
      outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  %u = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %up : tensor<?x256xbf16>, tensor<512x256xbf16, #w4>)
      outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  %he = tensor.empty(%m) : tensor<?x512xbf16>
  %h = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : tensor<?x512xf32>, tensor<?x512xf32>) outs(%he : tensor<?x512xbf16>) {
  ^bb0(%a: f32, %b: f32, %out: bf16):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %a : f32
    %exp = math.exp %n : f32
    %d = arith.addf %exp, %one : f32
    %s = arith.divf %a, %d : f32
    %p = arith.mulf %s, %b : f32
    %t = arith.truncf %p : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x512xbf16>
  %de = tensor.empty(%m) : tensor<?x256xf32>
  %dinit = linalg.fill ins(%zero : f32) outs(%de : tensor<?x256xf32>) -> tensor<?x256xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%h, %down : tensor<?x512xbf16>, tensor<256x512xbf16, #w4>)
      outs(%dinit : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}
