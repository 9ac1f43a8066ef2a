// RUN: quant-opt %s --select-plain-schedule --split-input-file --verify-diagnostics | FileCheck %s

// A thread an element.
// CHECK-LABEL: func.func @elementwise
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 1>
func.func @elementwise(%x: tensor<?x8xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = linalg.exp ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @short
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 1>
func.func @short(%x: tensor<8x15xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.reduce { arith.addf } ins(%x : tensor<8x15xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}

// -----

// A warp an element; an unknown extent counts as 32.
// CHECK-LABEL: func.func @warp
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 32>
func.func @warp(%x: tensor<8x?xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.reduce { arith.addf } ins(%x : tensor<8x?xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}

// -----

// CHECK-LABEL: func.func @block
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 256>
func.func @block(%x: tensor<8x1024xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.reduce { arith.maximumf } ins(%x : tensor<8x1024xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}

// -----

// Neighbouring threads read neighbouring columns by themselves.
// CHECK-LABEL: func.func @columns
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 1>
func.func @columns(%x: tensor<1024x8xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.reduce { arith.addf } ins(%x : tensor<1024x8xf32>) outs(%z : tensor<8xf32>) dimensions = [0]
  return %s : tensor<8xf32>
}

// -----

// What must stay in order has one thread.
// CHECK-LABEL: func.func @ordered
// CHECK: #quant_tile.plain_schedule<threads = 256, lanes = 1>
func.func @ordered(%x: tensor<8x1024xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x1024xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %h = arith.mulf %acc, %acc : f32
    %r = arith.addf %h, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

// A schedule that is there stays.
// CHECK-LABEL: func.func @given
// CHECK: #quant_tile.plain_schedule<threads = 64, lanes = 64>
func.func @given(%x: tensor<8x512xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x512xf32>) outs(%z : tensor<8xf32>)
      attrs = {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 64, lanes = 64>} {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.addf %acc, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

// A group of rows has a schedule of its own.
// CHECK-LABEL: func.func @group
// CHECK: quant_tile.row_group
// CHECK-NOT: plain_schedule
// CHECK: return
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @group(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 32, lanes = 1>}
      ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @nothing_reduced(%x: tensor<8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{32 lanes share a reduction, but nothing is reduced}}
  %y = linalg.exp {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 64, lanes = 32>}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @in_order(%x: tensor<8x1024xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{32 lanes share a reduction, but this one must stay in order}}
  %s = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x1024xf32>) outs(%z : tensor<8xf32>)
      attrs = {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 64, lanes = 32>} {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.subf %a, %acc : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

func.func @other_attribute(%x: tensor<8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{quant_tile.plain_schedule must be a #quant_tile.plain_schedule, got "fast"}}
  %y = linalg.exp {quant_tile.plain_schedule = "fast"}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
