// RUN: quant-opt %s --quant-tensor-merge-contractions --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-merge-contractions --remarks-filter='quant-tensor-merge-contractions' \
// RUN:     --split-input-file --verify-diagnostics -o /dev/null

#m1 = affine_map<(m, n) -> (m, 0)>
#n = affine_map<(m, n) -> (n)>
#id = affine_map<(m, n) -> (m, n)>

// int8 codes with scales of rows and columns, and a bias: what is read by
// columns is joined, what is read by rows is one.
// CHECK-LABEL: func @int8
// CHECK-DAG: %[[W:.*]] = tensor.insert_slice %arg2 into %{{.*}}[64, 0] [48, 64] [1, 1] : tensor<48x64xi8> into tensor<112x64xi8>
// CHECK-DAG: %[[S:.*]] = tensor.insert_slice %arg5 into %{{.*}}[64] [48] [1] : tensor<48xf32> into tensor<112xf32>
// CHECK: %[[Y:.*]] = quant_tensor.scaled_matmul ins(%arg0, %[[W]] : tensor<?x64xi8>, tensor<112x64xi8>) epilogue(%arg3, %[[S]] :
// CHECK: tensor.extract_slice %[[Y]][0, 0] [%{{.*}}, 64] [1, 1]
// CHECK: tensor.extract_slice %[[Y]][0, 64] [%{{.*}}, 48] [1, 1]
func.func @int8(%x: tensor<?x64xi8>, %w: tensor<64x64xi8> {quant_tensor.weight}, %v: tensor<48x64xi8> {quant_tensor.weight},
                %sx: tensor<?x1xf32>, %sw: tensor<64xf32> {quant_tensor.weight}, %sv: tensor<48xf32> {quant_tensor.weight},
                %i: tensor<?x64xf32>, %j: tensor<?x48xf32>) -> (tensor<?x64xf32>, tensor<?x48xf32>) {
  // expected-remark @below {{computes 2 contractions of one operand as one}}
  %a = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xi8>, tensor<64x64xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<64xf32>) maps [#m1, #n] outs(%i : tensor<?x64xf32>) {
  ^bb0(%acc: i32, %p: f32, %q: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    quant_tensor.yield %2 : f32
  } -> tensor<?x64xf32>
  %b = quant_tensor.scaled_matmul ins(%x, %v : tensor<?x64xi8>, tensor<48x64xi8>)
      epilogue(%sx, %sv : tensor<?x1xf32>, tensor<48xf32>) maps [#m1, #n] outs(%j : tensor<?x48xf32>) {
  ^bb0(%acc: i32, %p: f32, %q: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    quant_tensor.yield %2 : f32
  } -> tensor<?x48xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x64xf32>) outs(%i : tensor<?x64xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = math.absf %e : f32
    linalg.yield %0 : f32
  } -> tensor<?x64xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<?x48xf32>) outs(%j : tensor<?x48xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = math.absf %e : f32
    linalg.yield %0 : f32
  } -> tensor<?x48xf32>
  return %c, %d : tensor<?x64xf32>, tensor<?x48xf32>
}

// -----

// What is not merged, and why.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = bf16}>
#one = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = bf16}>
#n = affine_map<(m, n) -> (n)>
#id = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func @misses
// CHECK-COUNT-8: quant_tensor.scaled_matmul
func.func @misses(%x: tensor<8x64xbf16>, %w: tensor<64x64xbf16, #w4>, %v: tensor<64x64xbf16, #w8>,
                  %u: tensor<64x64xbf16, #one>, %f: tensor<64x64xbf16>, %bias: tensor<64xf32>,
                  %prepared: tensor<64xf32> {quant_tensor.weight},
                  %r: tensor<8x64xf32>, %i: tensor<8x64xf32>, %h: tensor<8x64xbf16>)
    -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %a = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>) maps []
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{its weights are of another type than those of the contraction before it}}
  %b = quant_tensor.scaled_matmul ins(%x, %v : tensor<8x64xbf16>, tensor<64x64xbf16, #w8>) maps []
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{rows of its weights share scales, all of them}}
  %c = quant_tensor.scaled_matmul ins(%x, %u : tensor<8x64xbf16>, tensor<64x64xbf16, #one>) maps []
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{its right-hand side is no weight}}
  %d = quant_tensor.scaled_matmul ins(%x, %f : tensor<8x64xbf16>, tensor<64x64xbf16>) maps []
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{operand #0 of its epilogue is no weight}}
  %e = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>)
      epilogue(%bias : tensor<64xf32>) maps [#n] outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32, %p: f32):
    %0 = arith.addf %acc, %p : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %g = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>)
      epilogue(%r : tensor<8x64xf32>) maps [#id] outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32, %p: f32):
    %0 = arith.addf %acc, %p : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x64xf32>
  // A bias of one of them alone.
  // expected-remark @below {{its epilogue is another one than that of the contraction before it}}
  %j = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>)
      epilogue(%prepared : tensor<64xf32>) maps [#n] outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32, %p: f32):
    %0 = arith.addf %acc, %p : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{its result goes to func.return, and so has a buffer of its own}}
  %k = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>) maps []
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  // expected-remark @below {{its result is of another type than that of the contraction before it}}
  %l = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x64xbf16, #w4>) maps []
      outs(%h : tensor<8x64xbf16>) {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<8x64xbf16>
  %y = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b, %c, %d, %e, %g, %j, %l : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xbf16>)
      outs(%i : tensor<8x64xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32, %5: f32, %6: f32, %7: bf16, %o: f32):
    %8 = arith.addf %0, %1 : f32
    %9 = arith.addf %2, %3 : f32
    %10 = arith.addf %4, %5 : f32
    %11 = arith.extf %7 : bf16 to f32
    %12 = arith.addf %6, %11 : f32
    %13 = arith.addf %8, %9 : f32
    %14 = arith.addf %10, %12 : f32
    %15 = arith.addf %13, %14 : f32
    linalg.yield %15 : f32
  } -> tensor<8x64xf32>
  return %y, %k : tensor<8x64xf32>, tensor<8x64xf32>
}

// -----

// A product whose epilogue reads another one of the same operand: rows of
// weights, scales and zero points alternate, and each epilogue keeps its own
// operands.

#u4 = #quant_tensor.encoding<{storage = ui4, block = [1, 32], scale = bf16, zero_point = ui8}>
#n = affine_map<(m, n) -> (n)>
#id = affine_map<(m, n) -> (m, n)>

// CHECK-DAG: #[[N:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @gated
// CHECK: %[[GC:.*]], %[[GS:.*]], %[[GZ:.*]] = quant_tensor.disassemble %arg1
// CHECK: %[[UC:.*]], %[[US:.*]], %[[UZ:.*]] = quant_tensor.disassemble %arg2
// CHECK: %[[C0:.*]] = tensor.insert_slice %[[GC]] into %{{.*}}[0, 0] [17, 32] [2, 1] : tensor<17x32xi8> into tensor<34x32xi8>
// CHECK: %[[C1:.*]] = tensor.insert_slice %[[UC]] into %[[C0]][1, 0] [17, 32] [2, 1] : tensor<17x32xi8> into tensor<34x32xi8>
// CHECK: tensor.insert_slice %[[US]] into %{{.*}}[1, 0] [17, 2] [2, 1] : tensor<17x2xbf16> into tensor<34x2xbf16>
// CHECK: tensor.insert_slice %[[UZ]] into %{{.*}}[1, 0] [17, 2] [2, 1]
// CHECK: %[[W:.*]] = quant_tensor.assemble %[[C1]], {{.*}} -> tensor<34x64xbf16, #{{.*}}>
// CHECK: %[[Y:.*]] = quant_tensor.scaled_matmul paired ins(%arg0, %[[W]] : tensor<8x64xbf16>, tensor<34x64xbf16, #{{[a-z_0-9]+}}>)
// CHECK-SAME: epilogue(%arg3, %arg5, %arg4 : tensor<17xf32>, tensor<8x17xf32>, tensor<17xf32>) maps [#[[N]], #[[ID]], #[[N]]]
// CHECK: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[BG:.*]]: f32, %[[R:.*]]: f32, %[[BU:.*]]: f32):
// CHECK: %[[E:.*]] = arith.addf %[[A]], %[[BG]]
// CHECK: %[[F:.*]] = math.tanh %[[E]]
// CHECK: %[[T:.*]] = arith.truncf %[[F]] : f32 to bf16
// CHECK: %[[H:.*]] = arith.addf %[[B]], %[[BU]]
// CHECK: %[[X:.*]] = arith.extf %[[T]] : bf16 to f32
// CHECK: %[[P:.*]] = arith.mulf %[[H]], %[[X]]
// CHECK: %[[Q:.*]] = arith.addf %[[P]], %[[R]]
// CHECK: quant_tensor.yield %[[Q]]
// CHECK: return %[[Y]]
func.func @gated(%x: tensor<8x64xbf16>, %g: tensor<17x64xbf16, #u4>, %u: tensor<17x64xbf16, #u4>,
                 %bg: tensor<17xf32>, %bu: tensor<17xf32>, %r: tensor<8x17xf32>,
                 %i: tensor<8x17xf32>, %j: tensor<8x17xbf16>) -> tensor<8x17xf32> {
  %a = quant_tensor.scaled_matmul ins(%x, %g : tensor<8x64xbf16>, tensor<17x64xbf16, #u4>)
      epilogue(%bg : tensor<17xf32>) maps [#n] outs(%j : tensor<8x17xbf16>) {
  ^bb0(%acc: f32, %p: f32):
    %0 = arith.addf %acc, %p : f32
    %1 = math.tanh %0 : f32
    %2 = arith.truncf %1 : f32 to bf16
    quant_tensor.yield %2 : bf16
  } -> tensor<8x17xbf16>
  // expected-remark @below {{computes a contraction and one that its epilogue reads as one}}
  %b = quant_tensor.scaled_matmul ins(%x, %u : tensor<8x64xbf16>, tensor<17x64xbf16, #u4>)
      epilogue(%r, %a, %bu : tensor<8x17xf32>, tensor<8x17xbf16>, tensor<17xf32>) maps [#id, #id, #n]
      outs(%i : tensor<8x17xf32>) {
  ^bb0(%acc: f32, %p: f32, %q: bf16, %s: f32):
    %0 = arith.addf %acc, %s : f32
    %1 = arith.extf %q : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %2, %p : f32
    quant_tensor.yield %3 : f32
  } -> tensor<8x17xf32>
  return %b : tensor<8x17xf32>
}

// -----

// Codes are joined alike; their scales are read by columns of the result.

#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>
#id = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func @gated_codes
// CHECK: %[[C0:.*]] = tensor.insert_slice %arg2 into %{{.*}}[0, 0] [17, 64] [2, 1] : tensor<17x64xi8> into tensor<34x64xi8>
// CHECK: %[[C1:.*]] = tensor.insert_slice %arg3 into %[[C0]][1, 0] [17, 64] [2, 1]
// CHECK: %[[Y:.*]] = quant_tensor.scaled_matmul paired ins(%arg0, %[[C1]] : tensor<8x64xi8>, tensor<34x64xi8>)
// CHECK-SAME: epilogue(%arg1, %arg4, %arg5 :
// CHECK: ^bb0(%{{.*}}: i32, %{{.*}}: i32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32):
// CHECK: return %[[Y]]
func.func @gated_codes(%x: tensor<8x64xi8>, %s: tensor<8xf32>, %g: tensor<17x64xi8> {quant_tensor.weight},
                       %u: tensor<17x64xi8> {quant_tensor.weight}, %sg: tensor<17xf32>, %su: tensor<17xf32>,
                       %i: tensor<8x17xf32>, %j: tensor<8x17xbf16>) -> tensor<8x17xbf16> {
  %a = quant_tensor.scaled_matmul ins(%x, %g : tensor<8x64xi8>, tensor<17x64xi8>)
      epilogue(%s, %sg : tensor<8xf32>, tensor<17xf32>) maps [#m, #n] outs(%i : tensor<8x17xf32>) {
  ^bb0(%acc: i32, %p: f32, %q: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    quant_tensor.yield %2 : f32
  } -> tensor<8x17xf32>
  // expected-remark @below {{computes a contraction and one that its epilogue reads as one}}
  %b = quant_tensor.scaled_matmul ins(%x, %u : tensor<8x64xi8>, tensor<17x64xi8>)
      epilogue(%s, %su, %a : tensor<8xf32>, tensor<17xf32>, tensor<8x17xf32>) maps [#m, #n, #id]
      outs(%j : tensor<8x17xbf16>) {
  ^bb0(%acc: i32, %p: f32, %q: f32, %r: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    %3 = arith.mulf %2, %r : f32
    %4 = arith.truncf %3 : f32 to bf16
    quant_tensor.yield %4 : bf16
  } -> tensor<8x17xbf16>
  return %b : tensor<8x17xbf16>
}

// -----

// What is no pair, and why.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = bf16}>
#two = #quant_tensor.encoding<{storage = i8, block = [2, 32], scale = bf16}>
#id = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>

// CHECK-LABEL: func @no_pairs
// CHECK-NOT: paired
// CHECK: return
func.func @no_pairs(%x: tensor<8x64xbf16>, %z: tensor<8x64xbf16>, %w: tensor<8x64xbf16, #w4>, %v: tensor<8x64xbf16, #w8>,
                    %t: tensor<8x64xbf16, #two>, %p: tensor<8x64xbf16> {quant_tensor.weight}, %i: tensor<8x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  // Of another operand: nothing to say.
  %a0 = quant_tensor.scaled_matmul ins(%z, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>)
      epilogue(%a0 : tensor<8x8xf32>) maps [#id] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{would read a copy of its columns}}
  %a1 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{not merged with what its epilogue reads}}
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b1 = quant_tensor.scaled_matmul ins(%x, %v : tensor<8x64xbf16>, tensor<8x64xbf16, #w8>)
      epilogue(%a1 : tensor<8x8xf32>) maps [#id] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{would read a copy of its columns}}
  %a2 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{its epilogue reads that of the other contraction at another place}}
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b2 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>)
      epilogue(%a2 : tensor<8x8xf32>) maps [#nm] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{its result goes to func.return}}
  %a3 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{the result of the other contraction has more users}}
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b3 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xbf16>, tensor<8x64xbf16, #w4>)
      epilogue(%a3 : tensor<8x8xf32>) maps [#id] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{would read a copy of its columns}}
  %a4 = quant_tensor.scaled_matmul ins(%x, %t : tensor<8x64xbf16>, tensor<8x64xbf16, #two>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{2 rows of its weights share scales}}
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b4 = quant_tensor.scaled_matmul ins(%x, %t : tensor<8x64xbf16>, tensor<8x64xbf16, #two>)
      epilogue(%a4 : tensor<8x8xf32>) maps [#id] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{would read a copy of its columns}}
  %a5 = quant_tensor.scaled_matmul ins(%x, %p : tensor<8x64xbf16>, tensor<8x64xbf16>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{its weights are neither encoded nor codes, but bf16}}
  // expected-remark @below {{operand #0 of its epilogue has rows and columns}}
  %b5 = quant_tensor.scaled_matmul ins(%x, %p : tensor<8x64xbf16>, tensor<8x64xbf16>)
      epilogue(%a5 : tensor<8x8xf32>) maps [#id] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %q: f32):
    %0 = arith.mulf %acc, %q : f32
    quant_tensor.yield %0 : f32
  } -> tensor<8x8xf32>
  return %b0, %b1, %b2, %b3, %a3, %b4, %b5 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}
