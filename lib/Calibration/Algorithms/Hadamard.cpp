//===- Hadamard.cpp - Rotations that spread outliers ----------------------===//

#include "quantmlir/Calibration/Algorithms/Hadamard.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

#include <cmath>

using namespace quantmlir::calibration;

//===----------------------------------------------------------------------===//
// Dense Hadamard matrices
//===----------------------------------------------------------------------===//

static bool isPrime(int64_t n) {
  for (int64_t d = 2; d * d <= n; ++d)
    if (n % d == 0)
      return false;
  return n > 1;
}

/// 1 for squares of the field of q elements, -1 for the others, 0 for 0.
static std::vector<int8_t> getCharacters(int64_t q) {
  std::vector<int8_t> characters(q, -1);
  characters[0] = 0;
  for (int64_t i = 1; i < q; ++i)
    characters[i * i % q] = 1;
  return characters;
}

/// Of order q + 1, q = 3 mod 4: I + S, S the skew matrix of characters with a
/// border.
static std::vector<int8_t> makePaleyOne(int64_t q) {
  std::vector<int8_t> chi = getCharacters(q);
  int64_t n = q + 1;
  std::vector<int8_t> h(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      h[i * n + j] = i == j   ? 1
                     : i == 0 ? 1
                     : j == 0 ? -1
                              : chi[((i - j) % q + q) % q];
  return h;
}

/// Of order 2 (q + 1), q = 1 mod 4: entries of the symmetric matrix of
/// characters with a border become 2×2 blocks.
static std::vector<int8_t> makePaleyTwo(int64_t q) {
  std::vector<int8_t> chi = getCharacters(q);
  int64_t m = q + 1, n = 2 * m;
  std::vector<int8_t> h(n * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < m; ++j) {
      int8_t entry = i == j             ? 0
                     : i == 0 || j == 0 ? 1
                                        : chi[((i - j) % q + q) % q];
      // 0 -> [1 -1; -1 -1], x -> x [1 1; 1 -1].
      int8_t block[4] = {entry, entry, entry, static_cast<int8_t>(-entry)};
      if (entry == 0) {
        block[0] = 1;
        block[1] = block[2] = block[3] = -1;
      }
      for (int64_t k = 0; k < 4; ++k)
        h[(2 * i + k / 2) * n + 2 * j + k % 2] = block[k];
    }
  return h;
}

/// Of order 172 = 4 * 43 (Williamson, 1944): four symmetric circulants whose
/// squares sum to 172 I. Entries agree along the classes of the subgroup
/// {1, 6, 7, 36, 37, 42}; the bits below are found by trying all.
static std::vector<int8_t> makeWilliamson172() {
  constexpr int64_t n = 43, order = 4 * n;
  constexpr int64_t representatives[] = {1, 2, 3, 4, 5, 9, 10};
  constexpr int64_t subgroup[] = {1, 6, 7, 36, 37, 42};
  constexpr unsigned negative[] = {7, 46, 52, 98};
  int8_t first[4][n];
  for (int64_t m = 0; m < 4; ++m) {
    std::fill_n(first[m], n, 1);
    for (int64_t c = 0; c < 7; ++c)
      if (negative[m] >> c & 1)
        for (int64_t g : subgroup)
          first[m][representatives[c] * g % n] = -1;
  }
  // [A B C D; -B A -D C; -C D A -B; -D -C B A]
  constexpr int8_t which[4][4] = {
      {1, 2, 3, 4}, {-2, 1, -4, 3}, {-3, 4, 1, -2}, {-4, -3, 2, 1}};
  std::vector<int8_t> h(order * order);
  for (int64_t i = 0; i < order; ++i)
    for (int64_t j = 0; j < order; ++j) {
      int8_t block = which[i / n][j / n];
      int8_t entry = first[std::abs(block) - 1][((j - i) % n + n) % n];
      h[i * order + j] = block < 0 ? -entry : entry;
    }
  return h;
}

/// The smallest order 2^b p for odd p that there is a construction for, b at
/// most `a`; empty if there is none.
static std::vector<int8_t> makeDense(int64_t p, int64_t a, int64_t &order) {
  order = 1;
  if (p == 1)
    return {1};
  for (int64_t b = 2; b <= a; ++b) {
    order = p << b;
    // Denser than this costs more than it is worth, and is not needed.
    if (order > 4096)
      break;
    if (isPrime(order - 1))
      return makePaleyOne(order - 1);
    if ((order / 2 - 1) % 4 == 1 && isPrime(order / 2 - 1))
      return makePaleyTwo(order / 2 - 1);
    if (order == 172)
      return makeWilliamson172();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The rotation
//===----------------------------------------------------------------------===//

llvm::Expected<HadamardRotation> HadamardRotation::create(int64_t size,
                                                          uint64_t seed) {
  HadamardRotation rotation;
  rotation.size = size;
  if (size >= 1) {
    int64_t a = llvm::countr_zero(static_cast<uint64_t>(size));
    rotation.dense = makeDense(size >> a, a, rotation.order);
  }
  if (rotation.dense.empty())
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "no Hadamard matrix of order " + llvm::Twine(size) +
            " is known here: the order must be 2^a, or 2^a times q + 1 or "
            "2 (q + 1) for a prime q, or 2^a times 172");
  rotation.signs.assign(size, 1);
  if (seed != 0)
    for (int64_t i = 0; i < size; ++i) {
      // splitmix64 of seed and place.
      uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      rotation.signs[i] = (z ^ (z >> 31)) >> 63 ? -1 : 1;
    }
  return rotation;
}

/// Multiplies each of the `count` runs of `length` elements by the Sylvester
/// matrix, which is symmetric.
static void transformRuns(double *row, int64_t count, int64_t length) {
  for (int64_t half = 1; half < length; half *= 2)
    for (int64_t first = 0; first < count * length; first += 2 * half)
      for (int64_t i = first; i < first + half; ++i) {
        double a = row[i], b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
}

void HadamardRotation::multiplyByDense(double *row, double *scratch,
                                       bool transposed) const {
  if (order == 1)
    return;
  int64_t length = size / order;
  std::fill_n(scratch, size, 0.0);
  for (int64_t i = 0; i < order; ++i)
    for (int64_t j = 0; j < order; ++j) {
      double sign = dense[transposed ? j * order + i : i * order + j];
      for (int64_t k = 0; k < length; ++k)
        scratch[i * length + k] += sign * row[j * length + k];
    }
  std::copy_n(scratch, size, row);
}

void HadamardRotation::rotate(double *row, double *scratch) const {
  int64_t length = size / order;
  double scale = 1.0 / std::sqrt(static_cast<double>(size));
  for (int64_t i = 0; i < size; ++i)
    row[i] *= signs[i] * scale;
  transformRuns(row, order, length);
  multiplyByDense(row, scratch, /*transposed=*/true);
}

void HadamardRotation::rotateBack(double *row, double *scratch) const {
  int64_t length = size / order;
  double scale = 1.0 / std::sqrt(static_cast<double>(size));
  multiplyByDense(row, scratch, /*transposed=*/false);
  transformRuns(row, order, length);
  for (int64_t i = 0; i < size; ++i)
    row[i] *= signs[i] * scale;
}

/// `change(row, scratch)` on every row, in f64.
template <typename Change>
static void changeRows(MatrixRef<float> rows, Change change) {
  llvm::parallelFor(0, rows.rows, [&](size_t index) {
    float *row = rows.row(index);
    std::vector<double> wide(row, row + rows.columns), scratch(rows.columns);
    change(wide.data(), scratch.data());
    std::copy(wide.begin(), wide.end(), row);
  });
}

void HadamardRotation::apply(MatrixRef<float> rows) const {
  changeRows(rows, [&](double *row, double *scratch) { rotate(row, scratch); });
}

void HadamardRotation::applyInverse(MatrixRef<float> rows) const {
  changeRows(rows,
             [&](double *row, double *scratch) { rotateBack(row, scratch); });
}

void HadamardRotation::applyToHessian(MatrixRef<double> hessian) const {
  // H Q by rows; then, as the result is symmetric, Q^T (H Q) is the same on the
  // rows of its transpose.
  for (int pass = 0; pass < 2; ++pass) {
    llvm::parallelFor(0, size, [&](size_t row) {
      std::vector<double> scratch(size);
      rotate(hessian.row(row), scratch.data());
    });
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < i; ++j)
        std::swap(hessian(i, j), hessian(j, i));
  }
  // Both halves rounded on their own, but readers rely on one matrix.
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < i; ++j)
      hessian(i, j) = hessian(j, i);
}
