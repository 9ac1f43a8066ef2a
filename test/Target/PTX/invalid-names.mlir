// RUN: split-file %s %t
// RUN: not quant-compile %t/control.mlir -o %t/control.qmlir 2>&1 | FileCheck %t/control.mlir
// RUN: not quant-compile %t/bytes.mlir -o %t/bytes.qmlir 2>&1 | FileCheck %t/bytes.mlir
// RUN: not quant-compile %t/result.mlir -o %t/result.qmlir 2>&1 | FileCheck %t/result.mlir
// RUN: not quant-compile %t/function.mlir -o %t/function.qmlir 2>&1 | FileCheck %t/function.mlir
// RUN: quant-compile %t/any.mlir -o %t/any.qmlir && quant-run %t/any.qmlir --random=1 --function="a function" | FileCheck %t/any.mlir

// Names are any UTF-8 without control characters; others are an error here, and
// not of the artifact's first reader.

//--- control.mlir
// CHECK: control.mlir:[[# @LINE + 1]]:1: error: argument #0 has a name that is no UTF-8 without control characters: "x\0Ay"
func.func @f(%x: tensor<4xf32> {quant_tensor.name = "x\0Ay"}) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
//--- bytes.mlir
// CHECK: bytes.mlir:[[# @LINE + 1]]:1: error: argument #0 has a name that is no UTF-8 without control characters: "x\FF"
func.func @f(%x: tensor<4xf32> {quant_tensor.name = "x\FF"}) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
//--- result.mlir
// CHECK: result.mlir:[[# @LINE + 1]]:1: error: result #0 has a name that is no UTF-8 without control characters: "\7F"
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {quant_tensor.name = "\7F"}) {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
//--- function.mlir
// CHECK: function.mlir:[[# @LINE + 1]]:1: error: the function has a name of 301 bytes; an artifact's have 1 to 256
func.func @f000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
//--- any.mlir
// CHECK: an output=ü: 4xf32 =
func.func @"a function"(%x: tensor<4xf32> {quant_tensor.name = "x [0]/é"}) -> (tensor<4xf32> {quant_tensor.name = "an output=ü"}) {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
