// RUN: split-file %s %t
// RUN: not quant-compile %t/cast.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=CAST
// RUN: not quant-compile %t/memref.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=MEMREF
// RUN: not quant-compile %t/unranked.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=UNRANKED
// RUN: not quant-compile %t/names.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=NAMES
// RUN: not quant-compile %t/element.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=ELEMENT
// RUN: not quant-compile %t/constant.mlir --emit=manifest -o /dev/full 2>&1 | FileCheck %s --check-prefix=FULL
// RUN: quant-compile %t/constant.mlir --emit=manifest | FileCheck %s --check-prefix=CONSTANT
// RUN: not quant-compile %t/huge.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=HUGE
// RUN: not quant-compile %t/index.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=INDEX
// RUN: not quant-compile %t/scalar.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=SCALAR
// RUN: not quant-compile %t/recursive.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=RECURSIVE
// RUN: not quant-compile %t/nested.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=NESTED
// RUN: not quant-compile %t/resource.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=RESOURCE
// RUN: not quant-compile %t/foreign.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: quant-compile %t/least.mlir --emit=manifest | FileCheck %s --check-prefix=LEAST
// RUN: not quant-compile %t/nothing.mlir --emit=manifest 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: quant-compile %t/encoded.mlir --emit=manifest | FileCheck %s --check-prefix=ENCODED

// Programs at the border of what compiles.

//--- cast.mlir
// CAST: cast.mlir:4:8: error: 'tensor.cast' op drops the encoding
#q = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
func.func @f(%x: tensor<8x64xf32, #q>) -> tensor<8x64xf32> {
  %0 = tensor.cast %x : tensor<8x64xf32, #q> to tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

//--- huge.mlir
// HUGE: huge.mlir:2:14: error: a value of type 'tensor<4611686018427387904xf32>' has more bytes than 64 bits can count
func.func @f(%x: tensor<4611686018427387904xf32>) -> tensor<4611686018427387904xf32> {
  %0 = math.absf %x : tensor<4611686018427387904xf32>
  return %0 : tensor<4611686018427387904xf32>
}

//--- memref.mlir
// MEMREF: memref.mlir:2:14: error: argument #0 of @f has type 'memref<4xf32>'; a program takes and returns ranked tensors
func.func @f(%x: memref<4xf32>, %y: memref<4xf32>) {
  linalg.exp ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

//--- index.mlir
// INDEX: index.mlir:2:33: error: argument #1 of @f has type 'index'; a program takes and returns ranked tensors
func.func @f(%x: tensor<4xf32>, %i: index) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

//--- scalar.mlir
// SCALAR: scalar.mlir:2:1: error: result #0 of @f has type 'f32'; a program takes and returns ranked tensors
func.func @f(%x: tensor<4xf32>) -> f32 {
  %c = arith.constant 1 : index
  %0 = tensor.extract %x[%c] : tensor<4xf32>
  return %0 : f32
}

//--- recursive.mlir
// RECURSIVE: recursive.mlir:3:8: error: 'func.call' op of @f was not inlined, as what has no body or calls itself cannot be; a launch plan has no calls
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- nested.mlir
// NESTED: nested.mlir:5:3: error: @g is in a nested op; an artifact is made of the functions of the outermost module
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32> }
module @inner {
  func.func @g(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

//--- resource.mlir
// RESOURCE: resource.mlir:3:8: error: 'arith.constant' op reads the resource 'blob' of 6 bytes as 'tensor<4xf32>', which has 16
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = arith.constant dense_resource<blob> : tensor<4xf32>
  %y = arith.addf %x, %c : tensor<4xf32>
  return %y : tensor<4xf32>
}
{-# dialect_resources: { builtin: { blob: "0x040000000000803F0000" } } #-}

//--- foreign.mlir
// FOREIGN: foreign.mlir:2:14: error: a value of type 'tensor<4xf32, "mine">' has an encoding that no pass here respects; expected none or #quant_tensor.encoding
func.func @f(%x: tensor<4xf32, "mine">) -> tensor<4xf32, "mine"> {
  return %x : tensor<4xf32, "mine">
}

//--- least.mlir
// Sizes that tiling makes.
// LEAST: "max",
// LEAST: "min",
// LEAST-DAG: "d0"
// LEAST-DAG: 4
// LEAST: 2
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x8xf32>
  %0 = affine.min affine_map<()[s0] -> (s0, 4)>()[%m]
  %1 = affine.max affine_map<(d0) -> (d0, 2)>(%0)
  %2 = tensor.extract_slice %x[0, 0] [%1, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

//--- nothing.mlir
// NOTHING: nothing.mlir:2:1: error: the module has nothing to compute on the GPU
func.func @f() {
  return
}

//--- unranked.mlir
// UNRANKED: unranked.mlir:2:14: error: argument #0 of @f has type 'tensor<*xf32>'; a program takes and returns ranked tensors
func.func @f(%x: tensor<*xf32>) -> tensor<4xf32> {
  %0 = tensor.cast %x : tensor<*xf32> to tensor<4xf32>
  %1 = arith.addf %0, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

//--- names.mlir
// NAMES: names.mlir:2:1: error: 'func.func' op argument #1 has the name "a" of argument #0
func.func @f(%x: tensor<4xf32> {quant_tensor.name = "a"}, %y: tensor<4xf32> {quant_tensor.name = "a"}) -> tensor<4xf32> {
  %0 = arith.addf %x, %y : tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- element.mlir
// ELEMENT: element.mlir:2:14: error: an artifact cannot have a buffer of 'i2'; use i1, i8, i16, i32, i64 or a float type of 8, 16, 32 or 64 bits, or an encoded tensor of codes
func.func @f(%x: tensor<4xi2>) -> tensor<4xi8> {
  %0 = arith.extsi %x : tensor<4xi2> to tensor<4xi8>
  return %0 : tensor<4xi8>
}

//--- constant.mlir
// FULL: quant-compile: error: cannot write '/dev/full': No space left on device
// CONSTANT: "role": "output"
func.func @f() -> tensor<4xf32> {
  %0 = arith.constant dense<1.0> : tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- encoded.mlir
// ENCODED-DAG: "name": "result0.codes"
// ENCODED-DAG: "name": "result0.scales"
#q = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32, #q> {
  %0 = quant_tensor.quantize %x : tensor<?x64xf32> -> tensor<?x64xf32, #q>
  return %0 : tensor<?x64xf32, #q>
}
