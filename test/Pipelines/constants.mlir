// RUN: quant-compile %s -o %t.qmlir
// RUN: quant-run %t.qmlir --list | FileCheck %s --check-prefix=LIST
// RUN: quant-run %t.qmlir --function=per_axis --random=1 --size=3 --device=cpu > %t.cpu
// RUN: quant-run %t.qmlir --function=per_axis --random=1 --size=3 --device=emulator > %t.emulator
// RUN: diff %t.cpu %t.emulator
// RUN: quant-run %t.qmlir --function=resource --random=1 --device=cpu > %t.cpu
// RUN: quant-run %t.qmlir --function=resource --random=1 --device=emulator > %t.emulator
// RUN: diff %t.cpu %t.emulator
// RUN: FileCheck %s --check-prefix=MANIFEST < %t.qmlir/manifest.json
// RUN: cp -r %t.qmlir %t.damaged && echo x >> %t.damaged/constants.safetensors
// RUN: not quant-run %t.damaged --function=resource --random=1 2>&1 | FileCheck %s --check-prefix=DAMAGED

// Weights that the program brings along are files of the artifact: nobody has
// to give them, and no kernel holds them.

// MANIFEST: "file": "constants.safetensors"
// DAMAGED: constants.safetensors

// LIST: function per_axis
// LIST: weight {{.*}}constant0
!w = !quant.uniform<i8:f32:0, {0.5, 0.25, 0.125, 1.0}>
!x = !quant.uniform<i8:f32, 0.0625>
func.func @per_axis(%x: tensor<?x16xf32>, %w: tensor<4x16x!w>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x16xf32>
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %qx = quant.qcast %x : tensor<?x16xf32> to tensor<?x16x!x>
  %dx = quant.dcast %qx : tensor<?x16x!x> to tensor<?x16xf32>
  %dw = quant.dcast %w : tensor<4x16x!w> to tensor<4x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%dx, %dw : tensor<?x16xf32>, tensor<4x16xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Integer codes as a resource, transposed in advance.
func.func @resource(%x: tensor<3x4xi8>) -> tensor<3x3xi32> {
  %w = arith.constant dense_resource<w> : tensor<4x3xi8>
  %init = arith.constant dense<0> : tensor<3x3xi32>
  %y = linalg.matmul ins(%x, %w : tensor<3x4xi8>, tensor<4x3xi8>) outs(%init : tensor<3x3xi32>) -> tensor<3x3xi32>
  return %y : tensor<3x3xi32>
}
{-#
  dialect_resources: { builtin: { w: "0x010000000102030405060708FF80407F" } }
#-}
