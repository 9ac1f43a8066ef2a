//===- Hadamard.h - Rotations that spread outliers --------------*- C++ -*-===//
//
// An orthogonal Q = D H / sqrt(K) for inputs and weights of a layer (QuaRot,
// Ashkboos et al., 2024): (X Q)(W Q)^T = X W^T, and no channel of X Q is much
// larger than the rest. H is a Hadamard matrix, D a diagonal of signs.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_HADAMARD_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_HADAMARD_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

namespace quantmlir::calibration {

/// H is the Kronecker product of a dense matrix of order 1 or 4p and a
/// Sylvester matrix of order 2^a, which costs `a` additions an element.
class HadamardRotation {
public:
  /// For `size` = 2^a, or 2^a times an order of Paley's constructions (q + 1
  /// for a prime q = 3 mod 4, 2 (q + 1) for a prime q = 1 mod 4) or 172
  /// (Williamson's): 384, 1536, 11008, ... Fails for others. With `seed` other
  /// than 0, D holds signs that the seed determines, else ones.
  static llvm::Expected<HadamardRotation> create(int64_t size,
                                                 uint64_t seed = 0);

  int64_t getSize() const { return size; }
  int64_t getDenseOrder() const { return order; }
  /// 1 or -1: the element of the dense matrix. Channel j of its order times 2^a
  /// is number j / 2^a of the dense part.
  int8_t getDenseElement(int64_t i, int64_t j) const {
    return dense[i * order + j];
  }

  /// Each row x becomes x Q; arithmetic in f64, rounded once.
  void apply(MatrixRef<float> rows) const;
  /// Each row x becomes x Q^T: the inverse.
  void applyInverse(MatrixRef<float> rows) const;
  /// A Hessian of X becomes that of X Q: Q^T H Q.
  void applyToHessian(MatrixRef<double> hessian) const;

private:
  void rotate(double *row, double *scratch) const;
  void rotateBack(double *row, double *scratch) const;
  /// `row` times the dense part, as the columns of each of its runs.
  void multiplyByDense(double *row, double *scratch, bool transposed) const;

  int64_t size = 1, order = 1;
  /// The dense part, order × order.
  std::vector<int8_t> dense;
  std::vector<int8_t> signs;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_HADAMARD_H
