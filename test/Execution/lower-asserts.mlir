// RUN: quant-opt %s --quant-lower-asserts | FileCheck %s

// CHECK: module attributes {quantmlir.check_messages = ["first", "second"]}
// CHECK-LABEL: func @checks
// CHECK: scf.if
// CHECK: call @quantmlirCheckFailed(%c0{{.*}}) : (i64) -> ()
// CHECK: scf.if
// CHECK: call @quantmlirCheckFailed(%c1{{.*}}) : (i64) -> ()
// CHECK-NOT: cf.assert
// CHECK: func.func private @quantmlirCheckFailed(i64)
module {
  func.func @checks(%a: i1, %b: i1) {
    cf.assert %a, "first"
    cf.assert %b, "second"
    return
  }
}
