// RUN: quant-opt --quant-lower-observers %s | FileCheck %s

func.func @f(%x: tensor<8x64xbf16>) -> tensor<8x64xbf16> {
  %0 = quant_tensor.observe %x name("fc.input") kinds([minmax, xtx]) : tensor<8x64xbf16>
  return %0 : tensor<8x64xbf16>
}
// CHECK: module attributes {quantmlir.observations = [{axis = -1 : i64, kinds = ["minmax", "xtx"], name = "fc.input"}]}
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: tensor<8x64xbf16>
// CHECK: %[[WIDE:.*]] = arith.extf %[[X]] : tensor<8x64xbf16> to tensor<8x64xf32>
// CHECK: %[[ANY:.*]] = tensor.cast %[[WIDE]] : tensor<8x64xf32> to tensor<*xf32>
// CHECK: call @quantmlirObserve(%{{.*}}, %[[ANY]]) : (i64, tensor<*xf32>) -> ()
// CHECK: return %[[X]]
