// RUN: quant-compile %s --emit=manifest | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: quant-opt %s --quant-to-ptx=chip=sm_80 | FileCheck %s --check-prefix=BINARY

// A weight-only int4 layer with a dynamic batch, from plain linalg on: the
// weights are repacked once in a prepare function, and the batch is dispatched.
// CHECK-DAG: "name": "linear.prepare"
// CHECK-DAG: "prepare": "linear.prepare"
// CHECK-DAG: "role": "prepared"
// CHECK-DAG: "when"
// PTX: lop3.b32
// PTX-NOT: .extern .func
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// BINARY: gpu.binary @kernels

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @linear(%x: tensor<?x256xbf16>, %w: tensor<512x256xbf16, #w4>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x256xbf16>
  %e = tensor.empty(%m) : tensor<?x512xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<?x256xbf16>, tensor<512x256xbf16, #w4>)
      outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}
