// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-widen-integers))" --split-input-file --verify-diagnostics | FileCheck %s

// Data movement, branches, constants and fills of i4 and i12.
// CHECK-LABEL: func.func @moves
// CHECK-DAG: arith.constant dense<[-1, 2, 3, -8]> : tensor<4xi8>
// CHECK-DAG: %[[SEVEN:.+]] = arith.constant 7 : i4
// CHECK: %[[WIDE:.+]] = arith.extsi %[[SEVEN]] : i4 to i8
// CHECK: linalg.fill ins(%[[WIDE]] : i8) outs(%{{.+}} : tensor<4xi8>) -> tensor<4xi8>
// CHECK: scf.if %{{.+}} -> (tensor<4xi8>)
// CHECK: tensor.concat dim(0) %{{.+}} : (tensor<4xi8>, tensor<4xi8>) -> tensor<8xi8>
// CHECK: tensor.pad
// CHECK: %[[ZERO:.+]] = arith.extsi %{{.+}} : i4 to i8
// CHECK: tensor.yield %[[ZERO]] : i8
// CHECK: tensor<8xi8> to tensor<10xi8>
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0(%[[E:.+]]: i8, %{{.+}}: i8):
// CHECK-NEXT: %[[T:.+]] = arith.trunci %[[E]] : i8 to i4
// CHECK-NEXT: %[[W:.+]] = arith.extsi %[[T]] : i4 to i8
// CHECK-NEXT: linalg.yield %[[W]] : i8
// CHECK: %[[X:.+]] = tensor.extract %{{.+}}[%{{.+}}] : tensor<10xi8>
// CHECK: arith.trunci %[[X]] : i8 to i4
// CHECK: tensor.from_elements %{{.+}} : tensor<1xi8>
func.func @moves(%p: i1, %i: index, %n: tensor<1xi8>) -> tensor<1xi8> {
  %c = arith.constant dense<[-1, 2, 3, -8]> : tensor<4xi4>
  %zero = arith.constant 0 : i4
  %seven = arith.constant 7 : i4
  %e = tensor.empty() : tensor<4xi4>
  %f = linalg.fill ins(%seven : i4) outs(%e : tensor<4xi4>) -> tensor<4xi4>
  %s = scf.if %p -> tensor<4xi4> {
    scf.yield %c : tensor<4xi4>
  } else {
    scf.yield %f : tensor<4xi4>
  }
  %j = tensor.concat dim(0) %s, %c : (tensor<4xi4>, tensor<4xi4>) -> tensor<8xi4>
  %q = tensor.pad %j low[1] high[1] {
  ^bb0(%k: index):
    tensor.yield %zero : i4
  } : tensor<8xi4> to tensor<10xi4>
  %d = tensor.empty() : tensor<10xi4>
  %t = linalg.copy ins(%q : tensor<10xi4>) outs(%d : tensor<10xi4>) -> tensor<10xi4>
  %x = tensor.extract %t[%i] : tensor<10xi4>
  %y = arith.addi %x, %x : i4
  %v = tensor.from_elements %y : tensor<1xi4>
  %z = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%v : tensor<1xi4>) outs(%n : tensor<1xi8>) {
  ^bb0(%a: i4, %o: i8):
    %0 = arith.extui %a : i4 to i8
    linalg.yield %0 : i8
  } -> tensor<1xi8>
  return %z : tensor<1xi8>
}

// -----

// CHECK-LABEL: func.func @twelve
// CHECK: linalg.generic {{.*}} ins(%{{.+}} : tensor<4xi32>) outs(%{{.+}} : tensor<4xi16>)
func.func @twelve(%x: tensor<4xi32>) -> tensor<4xi1> {
  %e = tensor.empty() : tensor<4xi12>
  %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xi32>) outs(%e : tensor<4xi12>) {
  ^bb0(%a: i32, %o: i12):
    %0 = arith.trunci %a : i32 to i12
    linalg.yield %0 : i12
  } -> tensor<4xi12>
  %b = tensor.empty() : tensor<4xi1>
  %z = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%n : tensor<4xi12>) outs(%b : tensor<4xi1>) {
  ^bb0(%a: i12, %o: i1):
    %0 = arith.trunci %a : i12 to i1
    linalg.yield %0 : i1
  } -> tensor<4xi1>
  return %z : tensor<4xi1>
}

// -----

func.func @unknown_op(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @below {{computes on tensors whose elements are no whole bytes; extend them to i8 first}}
  %0 = arith.trunci %x : tensor<4xi8> to tensor<4xi4>
  %1 = arith.extsi %0 : tensor<4xi4> to tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

func.func @elsewhere(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @below {{has elements that are neither whole bytes nor written out}}
  %c = arith.constant dense_resource<gone> : tensor<4xi4>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%c : tensor<4xi4>) outs(%x : tensor<4xi8>) {
  ^bb0(%a: i4, %o: i8):
    %0 = arith.extui %a : i4 to i8
    linalg.yield %0 : i8
  } -> tensor<4xi8>
  return %y : tensor<4xi8>
}
