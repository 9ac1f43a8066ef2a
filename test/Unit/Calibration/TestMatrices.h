//===- TestMatrices.h - Small matrices in f64, the slow way -----*- C++ -*-===//

#ifndef QUANTMLIR_TEST_UNIT_CALIBRATION_TESTMATRICES_H
#define QUANTMLIR_TEST_UNIT_CALIBRATION_TESTMATRICES_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

#include <cstdint>
#include <random>
#include <vector>

namespace quantmlir::test {

using calibration::ConstMatrix;
using calibration::MatrixRef;

/// A matrix that owns its elements.
template <typename T> struct Matrix {
  int64_t rows, columns;
  std::vector<T> elements;

  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), elements(rows * columns) {}
  T &operator()(int64_t i, int64_t j) { return elements[i * columns + j]; }
  const T &operator()(int64_t i, int64_t j) const {
    return elements[i * columns + j];
  }
  MatrixRef<T> ref() { return {elements.data(), rows, columns}; }
  MatrixRef<const T> ref() const { return {elements.data(), rows, columns}; }
};

inline Matrix<float> makeNormal(int64_t rows, int64_t columns, unsigned seed,
                                float deviation = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  Matrix<float> matrix(rows, columns);
  for (float &element : matrix.elements)
    element = normal(generator);
  return matrix;
}

/// Samples whose channels are correlated and of different sizes.
inline Matrix<float> makeSamples(int64_t samples, int64_t channels,
                                 unsigned seed) {
  Matrix<float> x = makeNormal(samples, channels, seed);
  Matrix<float> common = makeNormal(samples, 2, seed + 1);
  for (int64_t i = 0; i < samples; ++i)
    for (int64_t j = 0; j < channels; ++j)
      x(i, j) = (x(i, j) + common(i, j % 2) * 0.7f) *
                (0.2f + static_cast<float>(j % 5));
  return x;
}

/// x^T x.
inline Matrix<double> makeHessian(const Matrix<float> &x) {
  Matrix<double> h(x.columns, x.columns);
  for (int64_t i = 0; i < x.columns; ++i)
    for (int64_t j = 0; j < x.columns; ++j)
      for (int64_t s = 0; s < x.rows; ++s)
        h(i, j) += double(x(s, i)) * double(x(s, j));
  return h;
}

} // namespace quantmlir::test

#endif // QUANTMLIR_TEST_UNIT_CALIBRATION_TESTMATRICES_H
