// RUN: quant-opt --quant-lower-copies %s | FileCheck %s

func.func @f(%x: memref<2x2xf32>, %y: memref<2x2xf32, strided<[4, 1]>>) {
  memref.copy %x, %y : memref<2x2xf32> to memref<2x2xf32, strided<[4, 1]>>
  return
}
// CHECK: linalg.generic
// CHECK-NOT: memref.copy
