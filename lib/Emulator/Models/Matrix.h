//===- Matrix.h - Tensor core arithmetic ----------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_MODELS_MATRIX_H
#define QUANTMLIR_LIB_EMULATOR_MODELS_MATRIX_H

#include "quantmlir/Emulator/Semantics.h"

namespace quantmlir::emulator {

/// Types that tensor cores multiply.
enum class MatrixElement { F16, BF16, TF32, S8, U8, S4, U4, E4M3, E5M2 };

unsigned getBitWidth(MatrixElement element);
bool isInteger(MatrixElement element);

/// The value of element `index` of the 32-bit registers at `bytes`. Every one
/// of these types fits a float without loss.
float decode(MatrixElement element, const char *bytes, unsigned index);

/// A shape and types of mma.sync, A row-major and B column-major.
struct MmaForm {
  unsigned m = 0, n = 0, k = 0;
  MatrixElement a = MatrixElement::F16, b = MatrixElement::F16;
  bool halfAccumulator = false;
  bool saturate = false;
};

/// Whether it follows the fragment layout of the m16n8 family (or of integer
/// m8n8), as PTX ISA "Matrix Fragments for mma" draws it.
bool isKnownForm(const MmaForm &form);

/// D = A * B + C. Operands are the registers of A, of B and of C, in so many
/// values each. Integers are exact, floats summed as in TensorCoreSum.h.
void executeMma(WarpLanes &warp, const MmaForm &form, unsigned aCount,
                unsigned bCount, unsigned cCount);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_MODELS_MATRIX_H
