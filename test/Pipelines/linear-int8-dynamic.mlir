// RUN: quant-compile %s --emit=manifest -o %t.json
// RUN: FileCheck %s < %t.json
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// int8 dynamic: rowwise absmax, quantize, an integer matmul whose epilogue
// scales. No i32 matrix is left in memory.
// CHECK-NOT: "element": "i32"
// CHECK: "name": "linear"
// CHECK-NOT: "element": "i32"
// PTX: wgmma.mma_async.sync.aligned.m64n32k32.s32.s8.s8
// PTX: wgmma.mma_async.sync.aligned.m64n64k32.s32.s8.s8
// PTX-NOT: .extern .func
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#channel = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @linear(%x: tensor<?x256xf32>, %w: tensor<512x256xf32, #channel>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x256xf32>
  %q = quant_tensor.quantize %x : tensor<?x256xf32> -> tensor<?x256xf32, #token>
  %e = tensor.empty(%m) : tensor<?x512xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%q, %w : tensor<?x256xf32, #token>, tensor<512x256xf32, #channel>)
      outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}
