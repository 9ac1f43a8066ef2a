//===- QuantTensorToLinalg.h - The reference semantics --------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_QUANTTENSORTOLINALG_H
#define QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_QUANTTENSORTOLINALG_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Pass/Pass.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Conversion/QuantTensorToLinalg/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Conversion/QuantTensorToLinalg/Passes.h.inc"

namespace quant_tensor {

/// Whether a pass with `keepScheduled` leaves `op` for its kernel: it carries
/// the attribute `quant_tile.schedule`.
bool isScheduled(mlir::Operation *op);

/// Why `op`, of quant_tensor or a linalg op on encoded tensors, has no form in
/// linalg, to follow the op's name in a message; empty where it has one. The
/// patterns below match only the latter.
std::string findLinalgObstacle(mlir::Operation *op);

/// Patterns that replace every quant_tensor op but `assemble` and
/// `disassemble`, and every linalg op with encoded operands, by linalg,
/// tensor, scf, arith and math ops on plain tensors. Encoded operands are taken
/// apart where they are used, encoded results are assembled again.
void populateQuantTensorToLinalgPatterns(mlir::RewritePatternSet &patterns,
                                         bool keepScheduled = false);

/// Patterns that replace arith.extf from, and arith.truncf to, scalars of 4-
/// and 8-bit float types by integer and f32 arithmetic.
void populateExpandSmallFloatPatterns(mlir::RewritePatternSet &patterns);

/// The pieces, for those who build a value rather than rewrite an op.

/// Dequantizes to `elementType` (f16, bf16, f32 or f64), rounding once.
mlir::Value buildDequantize(mlir::OpBuilder &builder, mlir::Location loc,
                            const EncodedParts &parts,
                            mlir::FloatType elementType);

/// Scales and, where the encoding has them, zero points of a dense `source`.
std::pair<mlir::Value, mlir::Value>
buildChooseParams(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Value source, EncodingAttr encoding, ParamMethod method,
                  double percent, int64_t candidates);

} // namespace quant_tensor
} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_QUANTTENSORTOLINALG_H
