// RUN: quant-opt --quant-lower-asserts %s | FileCheck %s

func.func @f(%n: index) {
  %c4 = arith.constant 4 : index
  %fits = arith.cmpi eq, %n, %c4 : index
  cf.assert %fits, "the rows disagree"
  return
}
// CHECK: the rows disagree
// CHECK-LABEL: func.func @f
// CHECK-NOT: cf.assert
// CHECK: scf.if
// CHECK: call @quantmlirCheckFailed
