//===- MatrixKernels.h - Products of dense matrices -------------*- C++ -*-===//
//
// Sums run over k in order for every element of the result, whatever the
// instruction set and the number of threads: the same bits everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_MATRIXKERNELS_H
#define QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_MATRIXKERNELS_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

namespace quantmlir::calibration {

/// C -= A B. None overlaps C. One thread.
void subtractProduct(MatrixRef<const float> a, MatrixRef<const float> b,
                     MatrixRef<float> c);
void subtractProduct(MatrixRef<const double> a, MatrixRef<const double> b,
                     MatrixRef<double> c);

/// The upper triangular U with U^T U = H^-1, H symmetric and positive definite,
/// in place: `reversed` holds J H J, H with its rows and columns in the other
/// order (the lower triangle is read), and becomes U. False, with nothing of
/// use left in it, where H is not numerically positive definite. All threads.
bool computeInverseFactor(MatrixRef<double> reversed);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_MATRIXKERNELS_H
