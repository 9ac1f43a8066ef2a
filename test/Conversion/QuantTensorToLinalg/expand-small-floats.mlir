// RUN: quant-opt %s --expand-small-floats | FileCheck %s

// CHECK-LABEL: func @widen
// CHECK: %[[BITS:.*]] = arith.bitcast %{{.*}} : f8E5M2 to i8
// CHECK: arith.mulf %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NOT: arith.extf %{{.*}} : f8E5M2
func.func @widen(%x: f8E5M2) -> bf16 {
  %y = arith.extf %x : f8E5M2 to bf16
  return %y : bf16
}

// Overflow of arith.truncf is NaN (0x7F) in a type without infinity, not the
// largest value (0x7E) as in quantize.
// CHECK-LABEL: func @narrow
// CHECK: arith.constant 127 : i32
// CHECK-NOT: arith.constant 126 : i32
// CHECK: arith.bitcast %{{.*}} : i8 to f8E4M3FN
// CHECK-NOT: arith.truncf
func.func @narrow(%x: f32) -> f8E4M3FN {
  %y = arith.truncf %x : f32 to f8E4M3FN
  return %y : f8E4M3FN
}

// From f64 in two steps that round once.
// CHECK-LABEL: func @narrow_f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK: arith.cmpf one
// CHECK: arith.bitcast %{{.*}} : i8 to f8E5M2
func.func @narrow_f64(%x: f64) -> f8E5M2 {
  %y = arith.truncf %x toward_zero : f64 to f8E5M2
  return %y : f8E5M2
}

// CHECK-LABEL: func @wide
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @wide(%x: f32) -> f16 {
  %y = arith.truncf %x : f32 to f16
  return %y : f16
}
