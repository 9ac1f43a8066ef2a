// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(gpu.func(quant-tile-expand-math)))" --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @exp
  // CHECK-NOT: math.exp
  // CHECK: quant_tile.ex2
  // CHECK-NOT: math.exp
  // CHECK: gpu.return
  gpu.func @exp(%x: f32, %out: memref<f32>) kernel {
    %0 = math.exp %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
  // bf16 goes through f32.
  // CHECK-LABEL: gpu.func @tanh
  // CHECK: arith.extf
  // CHECK-NOT: math.tanh
  // CHECK: arith.truncf
  gpu.func @tanh(%x: bf16, %out: memref<bf16>) kernel {
    %0 = math.tanh %x : bf16
    memref.store %0, %out[] : memref<bf16>
    gpu.return
  }
  // An element of a vector is a half of a word; three of them have no words.
  // CHECK-LABEL: gpu.func @widen
  // CHECK: %[[W:.*]] = vector.bitcast %{{.*}} : vector<4xbf16> to vector<2xi32>
  // CHECK: %[[B:.*]] = vector.extract %[[W]][1]
  // CHECK: arith.shli %[[B]], %c16
  // CHECK: arith.andi %{{.*}}, %c-65536
  // CHECK: arith.extf
  // CHECK: gpu.return
  gpu.func @widen(%v: vector<4xbf16>, %w: vector<3xbf16>, %out: memref<3xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %even = vector.extract %v[2] : bf16 from vector<4xbf16>
    %odd = vector.extract %v[3] : bf16 from vector<4xbf16>
    %single = vector.extract %w[1] : bf16 from vector<3xbf16>
    %0 = arith.extf %even : bf16 to f32
    %1 = arith.extf %odd : bf16 to f32
    %2 = arith.extf %single : bf16 to f32
    memref.store %0, %out[%c0] : memref<3xf32>
    memref.store %1, %out[%c1] : memref<3xf32>
    memref.store %2, %out[%c2] : memref<3xf32>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @erf
  // CHECK-NOT: math.erf
  // CHECK: gpu.return
  gpu.func @erf(%x: f32, %out: memref<f32>) kernel {
    %0 = math.erf %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
  // GELU, however its halves are written: 1/2 is part of the power's argument, and
  // there is one product with x left.
  // CHECK-LABEL: gpu.func @gelu
  // CHECK: %[[T:.*]] = llvm.intr.minimum
  // CHECK-NOT: arith.mulf
  // CHECK-COUNT-6: math.fma
  // CHECK: %[[R:.*]] = quant_tile.ex2
  // CHECK: arith.subf %{{.*}}, %[[R]]
  // CHECK: %[[S:.*]] = arith.select %{{.*}}, %[[R]]
  // CHECK-NEXT: arith.mulf %{{.*}}, %[[S]]
  // CHECK-NEXT: memref.store
  gpu.func @gelu(%x: f32, %out: memref<f32>) kernel {
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = arith.constant 0.70710678118654752 : f32
    %z = arith.mulf %x, %root : f32
    %erf = math.erf %z : f32
    %p = arith.addf %erf, %one : f32
    %h = arith.mulf %x, %half : f32
    %y = arith.mulf %h, %p : f32
    memref.store %y, %out[] : memref<f32>
    gpu.return
  }
  // The sum is used twice: it stays whole.
  // CHECK-LABEL: gpu.func @twice
  // CHECK: arith.subf %{{.*}}, %[[R:.*]] : f32
  // CHECK: %[[S:.*]] = arith.select
  // CHECK: arith.mulf %[[S]], %{{.*}} : f32
  gpu.func @twice(%x: f32, %out: memref<f32>, %out1: memref<f32>) kernel {
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %erf = math.erf %x : f32
    %p = arith.addf %erf, %one : f32
    %y = arith.mulf %p, %half : f32
    memref.store %y, %out[] : memref<f32>
    memref.store %p, %out1[] : memref<f32>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @silu
  // CHECK-NOT: arith.divf
  // CHECK: quant_tile.ex2
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK-NOT: arith.divf
  // CHECK: gpu.return
  gpu.func @silu(%x: f32, %out: memref<f32>) kernel {
    %one = arith.constant 1.0 : f32
    %n = arith.negf %x : f32
    %e = math.exp %n : f32
    %d = arith.addf %one, %e : f32
    %y = arith.divf %x, %d : f32
    memref.store %y, %out[] : memref<f32>
    gpu.return
  }
  // 2 + exp(x) is no such sum.
  // CHECK-LABEL: gpu.func @other
  // CHECK: arith.divf
  gpu.func @other(%x: f32, %out: memref<f32>) kernel {
    %two = arith.constant 2.0 : f32
    %e = math.exp %x : f32
    %d = arith.addf %e, %two : f32
    %y = arith.divf %x, %d : f32
    memref.store %y, %out[] : memref<f32>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @maxima
  // CHECK: llvm.intr.maxnum(%{{.*}}) : (f32, f32) -> f32
  // CHECK: arith.extf
  // CHECK: llvm.intr.minimum(%{{.*}}) : (f32, f32) -> f32
  // CHECK: arith.truncf
  // CHECK: arith.maxnumf %{{.*}} : f64
  gpu.func @maxima(%x: f32, %x1: f32, %y: bf16, %y1: bf16, %z: f64, %z1: f64, %out: memref<f32>, %o16: memref<bf16>, %o64: memref<f64>) kernel {
    %0 = arith.maxnumf %x, %x1 : f32
    %1 = arith.minimumf %y, %y1 : bf16
    %2 = arith.maxnumf %z, %z1 : f64
    memref.store %0, %out[] : memref<f32>
    memref.store %1, %o16[] : memref<bf16>
    memref.store %2, %o64[] : memref<f64>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @quantized
  // CHECK-NOT: roundeven
  // CHECK: %[[X:.*]] = llvm.intr.minnum
  // CHECK: %[[S:.*]] = arith.addf %[[X]], %{{.*}} : f32
  // CHECK: %[[B:.*]] = arith.bitcast %[[S]] : f32 to i32
  // CHECK: quant_tile.lop3 %[[B]], %{{.*}} table 192
  // CHECK-NOT: fptosi
  gpu.func @quantized(%x: f32, %out: memref<i8>) kernel {
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %r = math.roundeven %x : f32
    %a = arith.maxnumf %r, %low : f32
    %b = arith.minnumf %a, %high : f32
    %c = arith.fptosi %b : f32 to i8
    memref.store %c, %out[] : memref<i8>
    gpu.return
  }
  // A bound that is no integer would round otherwise.
  // CHECK-LABEL: gpu.func @fraction
  // CHECK: math.roundeven
  // CHECK: arith.fptosi
  gpu.func @fraction(%x: f32, %out: memref<i8>) kernel {
    %low = arith.constant -128.0 : f32
    %high = arith.constant 126.5 : f32
    %r = math.roundeven %x : f32
    %a = arith.maxnumf %r, %low : f32
    %b = arith.minnumf %a, %high : f32
    %c = arith.fptosi %b : f32 to i8
    memref.store %c, %out[] : memref<i8>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @sqrt
  // CHECK: math.sqrt
  gpu.func @sqrt(%x: f32, %out: memref<f32>) kernel {
    %0 = math.sqrt %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @exp64(%x: f64, %out: memref<f64>) kernel {
    // expected-error @below {{'math.exp' op has no GPU lowering for type 'f64'}}
    %0 = math.exp %x : f64
    memref.store %0, %out[] : memref<f64>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @rem64(%x: f64, %out: memref<f64>) kernel {
    // expected-error @below {{'arith.remf' op has no GPU lowering for type 'f64'}}
    %0 = arith.remf %x, %x : f64
    memref.store %0, %out[] : memref<f64>
    gpu.return
  }
}
