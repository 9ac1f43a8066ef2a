// RUN: quant-opt %s --import-contractions --remarks-filter-missed="import.*" --split-input-file --verify-diagnostics -o /dev/null

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#k = affine_map<(m, n, k) -> (k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// A zero point for each element of K.
func.func @along_k(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %z: tensor<64xi32>, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  // expected-remark @below {{a zero point varies along K}}
  %y = linalg.generic {indexing_maps = [#mk, #kn, #k, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w, %z : tensor<8x64xi8>, tensor<64x16xi8>, tensor<64xi32>) outs(%i : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %p: i32, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %p : i32
    %2 = arith.extsi %b : i8 to i32
    %3 = arith.muli %1, %2 : i32
    %4 = arith.addi %o, %3 : i32
    linalg.yield %4 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// The difference wraps in i8.
func.func @wraps(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %z: i8, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  // expected-remark @below {{its zero point is subtracted in i8, not in i32}}
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.subi %a, %z : i8
    %1 = arith.extsi %0 : i8 to i32
    %2 = arith.extsi %b : i8 to i32
    %3 = arith.muli %1, %2 : i32
    %4 = arith.addi %o, %3 : i32
    linalg.yield %4 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @twice(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %z: i32, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  %c = arith.constant 3 : i32
  // expected-remark @below {{two numbers are subtracted from the codes}}
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %z : i32
    %2 = arith.subi %1, %c : i32
    %3 = arith.extsi %b : i8 to i32
    %4 = arith.muli %2, %3 : i32
    %5 = arith.addi %o, %4 : i32
    linalg.yield %5 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @computed(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %z: i32, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  // expected-remark @below {{its zero point is computed beside the product}}
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.muli %z, %z : i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.extsi %b : i8 to i32
    %4 = arith.muli %2, %3 : i32
    %5 = arith.addi %o, %4 : i32
    linalg.yield %5 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Rows that are called a reduction, though there is a result for each.
func.func @rows_reduced(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %z: i32, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  // expected-remark @below {{loop 0 is a reduction, but the result varies along it}}
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["reduction", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %z : i32
    %2 = arith.extsi %b : i8 to i32
    %3 = arith.muli %1, %2 : i32
    %4 = arith.addi %o, %3 : i32
    linalg.yield %4 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Sums that i32 may not hold.
func.func @long_sums(%x: tensor<8x200000xi8>, %w: tensor<16x200000xi8>, %i: tensor<8x16xi64>) -> tensor<8x16xi64> {
  // expected-remark @below {{it sums K = 200000 products in i64: i32 holds 131071 of them}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x200000xi8>, tensor<16x200000xi8>) outs(%i : tensor<8x16xi64>) -> tensor<8x16xi64>
  return %y : tensor<8x16xi64>
}

// -----

func.func @unknown_sums(%x: tensor<8x?xi8>, %w: tensor<?x16xi8>, %i: tensor<8x16xi64>) -> tensor<8x16xi64> {
  // expected-remark @below {{it sums an unknown number of products in i64}}
  %y = linalg.matmul ins(%x, %w : tensor<8x?xi8>, tensor<?x16xi8>) outs(%i : tensor<8x16xi64>) -> tensor<8x16xi64>
  return %y : tensor<8x16xi64>
}

// -----

// Not codes, of which nothing is said.
func.func @wide(%x: tensor<8x64xi64>, %w: tensor<64x16xi64>, %i: tensor<8x16xi64>) -> tensor<8x16xi64> {
  %y = linalg.matmul ins(%x, %w : tensor<8x64xi64>, tensor<64x16xi64>) outs(%i : tensor<8x16xi64>) -> tensor<8x16xi64>
  return %y : tensor<8x16xi64>
}
