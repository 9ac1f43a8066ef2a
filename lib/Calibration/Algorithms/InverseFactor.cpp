//===- InverseFactor.cpp - The Cholesky factor of an inverse --------------===//
//
// With J the exchange of order, J H J = L L^T gives H = R R^T for the upper
// triangular R = J L J, and H^-1 = (R^-1)^T R^-1: one factorization and one
// triangular inverse, without ever forming the inverse of H.
//
//===----------------------------------------------------------------------===//

#include "MatrixKernels.h"

#include "llvm/Support/Parallel.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace quantmlir::calibration;

using RowMajor =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Block = Eigen::Map<RowMajor, Eigen::Unaligned, Eigen::OuterStride<>>;

/// Columns that are eliminated at once.
static constexpr int64_t panel = 128;
/// Rows (or columns) of the result that a thread works on at once.
static constexpr int64_t chunk = 96;

static Block getBlock(MatrixRef<double> a, int64_t row, int64_t column,
                      int64_t rows, int64_t columns) {
  return Block(&a(row, column), rows, columns, Eigen::OuterStride<>(a.stride));
}

/// The lower triangle of `a` becomes L.
static bool factorize(MatrixRef<double> a) {
  int64_t n = a.rows;
  std::vector<double> transposed;
  for (int64_t k = 0; k < n; k += panel) {
    int64_t width = std::min(panel, n - k), end = k + width;
    Block diagonal = getBlock(a, k, k, width, width);
    Eigen::LLT<RowMajor> llt(diagonal);
    if (llt.info() != Eigen::Success)
      return false;
    RowMajor l = llt.matrixL();
    // Tiny pivots mean that rounding decides whether H is definite.
    if (!(l.diagonal().array() > 0).all() || !l.allFinite())
      return false;
    diagonal = l;
    int64_t left = n - end;
    if (left == 0)
      continue;
    transposed.resize(width * left);
    MatrixRef<double> panelT(transposed.data(), width, left);
    llvm::parallelFor(0, (left + chunk - 1) / chunk, [&](size_t index) {
      int64_t first = end + index * chunk, rows = std::min(chunk, n - first);
      Block below = getBlock(a, first, k, rows, width);
      l.transpose()
          .triangularView<Eigen::Upper>()
          .solveInPlace<Eigen::OnTheRight>(below);
      getBlock(panelT, 0, first - end, width, rows) = below.transpose();
    });
    llvm::parallelFor(0, (left + chunk - 1) / chunk, [&](size_t index) {
      // The longest first, so that threads end together.
      int64_t first = end + ((left - 1) / chunk - index) * chunk;
      int64_t rows = std::min(chunk, n - first), columns = first + rows - end;
      subtractProduct(
          {&a(first, k), rows, width, a.stride},
          {panelT.data, width, columns, left},
          MatrixRef<double>{&a(first, end), rows, columns, a.stride});
    });
  }
  return true;
}

/// The lower triangle of `a`, L, becomes its inverse X: row by row of blocks,
/// X_ij = -L_ii^-1 sum_k L_ik X_kj.
static void invertLower(MatrixRef<double> a) {
  int64_t n = a.rows;
  std::vector<double> sums, products;
  for (int64_t i = 0; i < n; i += panel) {
    int64_t height = std::min(panel, n - i);
    Block diagonal = getBlock(a, i, i, height, height);
    RowMajor inverse = diagonal.triangularView<Eigen::Lower>().solve(
        RowMajor::Identity(height, height));
    RowMajor negated = -inverse;
    sums.assign(height * i, 0.0);
    products.assign(height * i, 0.0);
    llvm::parallelFor(0, (i + chunk - 1) / chunk, [&](size_t index) {
      int64_t first = index * chunk, columns = std::min(chunk, i - first);
      // X is lower triangular: in these columns its rows begin at `first`.
      MatrixRef<double> sum(&sums[first], height, columns, i);
      subtractProduct({&a(i, first), height, i - first, a.stride},
                      {&a(first, first), i - first, columns, a.stride}, sum);
      subtractProduct({negated.data(), height, height},
                      {sum.data, height, columns, i},
                      MatrixRef<double>{&products[first], height, columns, i});
    });
    if (i != 0)
      getBlock(a, i, 0, height, i) =
          Block(products.data(), height, i, Eigen::OuterStride<>(i));
    diagonal = inverse;
    // From now on these rows are read as rows of X, with what is above its
    // diagonal.
    for (int64_t row = i; row < i + height; ++row)
      std::fill(&a(row, row) + 1, a.row(row) + n, 0.0);
  }
}

bool quantmlir::calibration::computeInverseFactor(MatrixRef<double> u) {
  int64_t n = u.rows;
  if (!factorize(u))
    return false;
  invertLower(u);
  // J X J: both orders reversed.
  for (int64_t row = 0; row < n / 2; ++row)
    std::swap_ranges(u.row(row), u.row(row) + n, u.row(n - 1 - row));
  llvm::parallelFor(
      0, n, [&](size_t row) { std::reverse(u.row(row), u.row(row) + n); });
  return true;
}
