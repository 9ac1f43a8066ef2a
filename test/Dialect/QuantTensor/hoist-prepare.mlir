// RUN: quant-opt %s --quant-tensor-hoist-prepare --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-pull-dequantize --quant-tensor-fuse-epilogue --quant-tensor-hoist-prepare --canonicalize --split-input-file \
// RUN:     | FileCheck %s --check-prefix=PIPE

// A repack: the weight's codes and scales come from the prepare function.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
#w4f = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32, layout = <fragment, tile = [16, 64]>}>
// CHECK-LABEL: func.func @repack(
// CHECK-SAME: %[[X:.+]]: tensor<8x64xf32> {quant_tensor.name = "arg0"},
// CHECK-SAME: %[[C:.+]]: tensor<2x1x128xi32> {quant_tensor.name = "w.codes", quant_tensor.prepared = 0 : i64},
// CHECK-SAME: %[[S:.+]]: tensor<2x1x64xf32> {quant_tensor.name = "w.scales", quant_tensor.prepared = 1 : i64})
// CHECK-SAME: attributes {quant_tensor.prepare = @repack.prepare}
// CHECK-NOT: repack
// CHECK: %[[W:.+]] = quant_tensor.assemble %[[C]], %[[S]]
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]]
// CHECK-LABEL: func.func @repack.prepare(
// CHECK-SAME: %[[W:.+]]: tensor<32x64xf32, #{{.+}}> {quant_tensor.name = "w"})
// CHECK-SAME: -> (tensor<2x1x128xi32> {quant_tensor.name = "w.codes"}, tensor<2x1x64xf32> {quant_tensor.name = "w.scales"})
// CHECK-SAME: attributes {quant_tensor.prepare_of = @repack}
// CHECK: %[[P:.+]] = quant_tensor.repack %[[W]]
// CHECK: %[[C:.+]], %[[S:.+]] = quant_tensor.disassemble %[[P]]
// CHECK: return %[[C]], %[[S]]
func.func @repack(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w4> {quant_tensor.name = "w"}) -> tensor<8x32xf32> {
  %p = quant_tensor.repack %w : tensor<32x64xf32, #w4> -> tensor<32x64xf32, #w4f>
  %e = tensor.empty() : tensor<8x32xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %p : tensor<8x64xf32>, tensor<32x64xf32, #w4f>) maps [] outs(%e : tensor<8x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A K x N weight is turned round in advance; the bias, read as it is, stays an
// argument; so does the weight where both need it.
// PIPE-LABEL: func.func @plain(
// PIPE-SAME: tensor<8x64xi8> {quant_tensor.name = "x"}, %{{.+}}: tensor<32xf32> {quant_tensor.name = "b", quant_tensor.weight},
// PIPE-SAME: %[[W:.+]]: tensor<32x64xi8> {quant_tensor.name = "w", quant_tensor.prepared = 0 : i64})
// PIPE: quant_tensor.scaled_matmul ins(%{{.+}}, %[[W]] :
// PIPE-LABEL: func.func @plain.prepare(
// PIPE-SAME: tensor<64x32xi8> {quant_tensor.name = "w", quant_tensor.weight}) -> (tensor<32x64xi8> {quant_tensor.name = "w"})
// PIPE: linalg.transpose
func.func @plain(%x: tensor<8x64xi8> {quant_tensor.name = "x"}, %w: tensor<64x32xi8> {quant_tensor.name = "w", quant_tensor.weight},
                 %b: tensor<32xf32> {quant_tensor.name = "b", quant_tensor.weight}) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %f = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  %e = tensor.empty() : tensor<8x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]} ins(%f, %b : tensor<8x32xf32>, tensor<32xf32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Sums of weights, from inside a branch; the weight is read by both.
// CHECK-LABEL: func.func @both(
// CHECK-SAME: %{{.+}}: i1 {quant_tensor.name = "arg0"}, %[[W:.+]]: tensor<32x64xf32> {quant_tensor.name = "w", quant_tensor.weight},
// CHECK-SAME: %[[SUM:.+]]: tensor<32xf32> {quant_tensor.name = "w_0", quant_tensor.prepared = 0 : i64})
// CHECK: scf.if
// CHECK-NOT: linalg.reduce
// CHECK: scf.yield %[[W]], %[[SUM]]
// CHECK-LABEL: func.func @both.prepare(
// CHECK: linalg.reduce
func.func @both(%c: i1, %w: tensor<32x64xf32> {quant_tensor.name = "w", quant_tensor.weight}) -> (tensor<32x64xf32>, tensor<32xf32>) {
  %f = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32xf32>
  %n:2 = scf.if %c -> (tensor<32x64xf32>, tensor<32xf32>) {
    %z = linalg.fill ins(%f : f32) outs(%e : tensor<32xf32>) -> tensor<32xf32>
    %s = linalg.reduce { arith.addf } ins(%w : tensor<32x64xf32>) outs(%z : tensor<32xf32>) dimensions = [1]
    scf.yield %w, %s : tensor<32x64xf32>, tensor<32xf32>
  } else {
    scf.yield %w, %e : tensor<32x64xf32>, tensor<32xf32>
  }
  return %n#0, %n#1 : tensor<32x64xf32>, tensor<32xf32>
}

// -----

// Nothing to prepare: bundling and fills are not worth a function. A function
// that is called keeps its signature.
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// CHECK-LABEL: func.func @nothing(
// CHECK-NOT: quant_tensor.prepare
// CHECK-NOT: func.func @nothing.prepare
func.func @nothing(%c: tensor<32x64xi8> {quant_tensor.weight}, %s: tensor<32x1xf32> {quant_tensor.weight}) -> tensor<32x64xf32, #w8> {
  %w = quant_tensor.assemble %c, %s : tensor<32x64xi8>, tensor<32x1xf32> -> tensor<32x64xf32, #w8>
  return %w : tensor<32x64xf32, #w8>
}

// CHECK-LABEL: func.func @called(
// CHECK: quant_tensor.dequantize
// CHECK-NOT: func.func @called.prepare
func.func @called(%w: tensor<32x64xf32, #w8>) -> tensor<32x64xf32> {
  %d = quant_tensor.dequantize %w : tensor<32x64xf32, #w8> -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

func.func @caller(%w: tensor<32x64xf32, #w8>) -> tensor<32x64xf32> {
  %d = call @called(%w) : (tensor<32x64xf32, #w8>) -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// A constant table is a weight; a fill is not.
// CHECK-LABEL: func.func @constants(
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<3x2xf32> {quant_tensor.name = "prepared", quant_tensor.prepared = 0 : i64})
// CHECK: linalg.fill
// CHECK: linalg.add
// CHECK-SAME: %[[T]]
// CHECK-LABEL: func.func @constants.prepare()
func.func @constants(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %f = arith.constant 0.0 : f32
  %c = arith.constant dense<[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %z = linalg.fill ins(%f : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %t = linalg.transpose ins(%c : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %s = linalg.add ins(%x, %t : tensor<3x2xf32>, tensor<3x2xf32>) outs(%z : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %s : tensor<3x2xf32>
}
