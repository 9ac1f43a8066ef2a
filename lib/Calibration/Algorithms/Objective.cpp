//===- Objective.cpp - What a layer loses under its inputs ----------------===//

#include "MatrixKernels.h"

#include "quantmlir/Calibration/Algorithms/GPTQ.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>

using namespace quantmlir::calibration;

/// Rows that a thread works on at once, and columns of a panel of H.
static constexpr int64_t chunk = 48;
static constexpr int64_t panel = 128;

llvm::Error
quantmlir::calibration::checkHessian(MatrixRef<const double> hessian,
                                     int64_t channels) {
  auto fail = [](const auto &...parts) {
    return llvm::createStringError("the Hessian" +
                                   llvm::formatv(parts...).str());
  };
  if (hessian.rows != channels || hessian.columns != channels)
    return fail(" is {0}x{1}, but the weights have {2} columns", hessian.rows,
                hessian.columns, channels);
  for (int64_t i = 0; i < channels; ++i) {
    double diagonal = hessian(i, i);
    if (diagonal < 0)
      return fail("'s diagonal is {0} at {1}, which no x^T x has", diagonal, i);
    for (int64_t j = 0; j <= i; ++j) {
      double a = hessian(i, j), b = hessian(j, i);
      if (!std::isfinite(a) || !std::isfinite(b))
        return fail(" at [{0}, {1}] is NaN or infinite", i, j);
      // As large as |xi|^2 and |xj|^2 allow, up to rounding in f32.
      double bound = std::sqrt(diagonal) * std::sqrt(hessian(j, j));
      if (std::fabs(a - b) > 1e-3 * bound)
        return fail(" is not symmetric at [{0}, {1}]", i, j);
      if (std::fabs(a) > 1.001 * bound)
        return fail(" at [{0}, {1}] exceeds what its diagonal allows", i, j);
    }
  }
  return llvm::Error::success();
}

double
quantmlir::calibration::computeObjective(ConstMatrix a, ConstMatrix b,
                                         MatrixRef<const double> hessian) {
  int64_t n = hessian.rows;
  int64_t numChunks = (a.rows + chunk - 1) / chunk;
  std::vector<double> sums(numChunks);
  llvm::parallelFor(0, numChunks, [&](size_t index) {
    int64_t first = index * chunk, rows = std::min(chunk, a.rows - first);
    std::vector<double> errors(rows * n), products(rows * n, 0.0);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < n; ++j)
        errors[i * n + j] = double(a(first + i, j)) - double(b(first + i, j));
    // H is symmetric: the diagonal and twice what is above it.
    std::vector<double> diagonal(panel * panel);
    for (int64_t k = 0; k < n; k += panel) {
      int64_t width = std::min(panel, n - k), end = k + width;
      for (int64_t i = 0; i < width; ++i)
        for (int64_t j = 0; j < width; ++j)
          diagonal[i * panel + j] = j < i    ? 0.0
                                    : j == i ? 0.5 * hessian(k + i, k + j)
                                             : hessian(k + i, k + j);
      MatrixRef<const double> part(&errors[k], rows, width, n);
      subtractProduct(part, {diagonal.data(), width, width, panel},
                      MatrixRef<double>{&products[k], rows, width, n});
      if (end < n)
        subtractProduct(part,
                        {&hessian(k, end), width, n - end, hessian.stride},
                        MatrixRef<double>{&products[end], rows, n - end, n});
    }
    double sum = 0;
    for (int64_t i = 0; i < rows * n; ++i)
      sum -= 2 * products[i] * errors[i];
    sums[index] = sum;
  });
  double sum = 0;
  for (double part : sums)
    sum += part;
  // H is positive semidefinite; below 0 is rounding.
  return std::max(sum, 0.0);
}

void quantmlir::calibration::accumulateHessian(ConstMatrix samples,
                                               MatrixRef<double> hessian) {
  int64_t n = samples.columns;
  // x^T, negated, so that a difference of products adds.
  constexpr int64_t batch = 512;
  for (int64_t first = 0; first < samples.rows; first += batch) {
    int64_t count = std::min(batch, samples.rows - first);
    std::vector<double> rows(count * n), negated(n * count);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double value = samples(first + i, j);
        rows[i * n + j] = value;
        negated[j * count + i] = -value;
      }
    llvm::parallelFor(0, (n + chunk - 1) / chunk, [&](size_t index) {
      int64_t top = index * chunk, height = std::min(chunk, n - top);
      // Up to the diagonal, and mirrored below.
      subtractProduct({&negated[top * count], height, count},
                      {&rows[top], count, n - top, n},
                      MatrixRef<double>{&hessian(top, top), height, n - top,
                                        hessian.stride});
    });
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j)
      hessian(i, j) = hessian(j, i);
}
