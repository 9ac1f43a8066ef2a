// RUN: quant-compile %s --emit=kernels -o - | FileCheck %s

// A kernel that starts while the one before it ends reads its weights at once
// only where all of their parts are known before the first run. What is
// assembled from plain arguments may be the result of the launch before.

#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [128, 128], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @arguments
// CHECK: gpu.launch_func
// CHECK-NOT: dependent_launch
func.func @arguments(%x: tensor<64x256xf8E4M3FN>, %sx: tensor<64x2xf32>, %w: tensor<128x256xf8E4M3FN>,
                     %sw: tensor<1x2xf32>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %a = quant_tensor.assemble %x, %sx : tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<64x256xf32, #x>
  %b = quant_tensor.assemble %w, %sw : tensor<128x256xf8E4M3FN>, tensor<1x2xf32> -> tensor<128x256xf32, #w>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %b : tensor<64x256xf32, #x>, tensor<128x256xf32, #w>)
      outs(%init : tensor<64x128xf32>) -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// One part that is no weight is enough.
// CHECK-LABEL: func.func @scales
// CHECK: gpu.launch_func
// CHECK-NOT: dependent_launch
func.func @scales(%x: tensor<64x256xf8E4M3FN>, %sx: tensor<64x2xf32>, %w: tensor<128x256xf8E4M3FN> {quant_tensor.weight},
                  %sw: tensor<1x2xf32>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %a = quant_tensor.assemble %x, %sx : tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<64x256xf32, #x>
  %b = quant_tensor.assemble %w, %sw : tensor<128x256xf8E4M3FN>, tensor<1x2xf32> -> tensor<128x256xf32, #w>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %b : tensor<64x256xf32, #x>, tensor<128x256xf32, #w>)
      outs(%init : tensor<64x128xf32>) -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// CHECK-LABEL: func.func @weights
// CHECK: gpu.launch_func {{.*}} {quant_tile.dependent_launch}
func.func @weights(%x: tensor<64x256xf8E4M3FN>, %sx: tensor<64x2xf32>, %w: tensor<128x256xf8E4M3FN> {quant_tensor.weight},
                   %sw: tensor<1x2xf32> {quant_tensor.weight}, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %a = quant_tensor.assemble %x, %sx : tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<64x256xf32, #x>
  %b = quant_tensor.assemble %w, %sw : tensor<128x256xf8E4M3FN>, tensor<1x2xf32> -> tensor<128x256xf32, #w>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %b : tensor<64x256xf32, #x>, tensor<128x256xf32, #w>)
      outs(%init : tensor<64x128xf32>) -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// CHECK-LABEL: func.func @encoded
// CHECK: gpu.launch_func {{.*}} {quant_tile.dependent_launch}
func.func @encoded(%x: tensor<64x256xf8E4M3FN>, %sx: tensor<64x2xf32>, %w: tensor<128x256xf32, #w>,
                   %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %a = quant_tensor.assemble %x, %sx : tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<64x256xf32, #x>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %w : tensor<64x256xf32, #x>, tensor<128x256xf32, #w>)
      outs(%init : tensor<64x128xf32>) -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}
