//===- Contraction.h - One view of every op that contracts ----------------===//
//
// The passes of the algebra all start from "some op computes
// out[.., m, n] += sum_k lhs[.., m, k] * rhs[.., n, k]". What that op is
// called, which way round its operands are stored and what casts stand in
// between is settled here, once.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_CONTRACTION_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_CONTRACTION_H

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/FormatVariadic.h"

namespace quantmlir::quant_tensor {

/// Why a match failed. An empty text means that the op never was a candidate,
/// so that nobody wants to read about it; any other text is a near miss, fit
/// for a remark.
class WhyNot {
public:
  /// Records the reason, formatted as by llvm::formatv, and fails.
  template <typename... Args>
  ::mlir::LogicalResult operator()(const char *format, Args &&...args) {
    text = ::llvm::formatv(format, std::forward<Args>(args)...).str();
    return ::mlir::failure();
  }
  bool isNearMiss() const { return !text.empty(); }
  ::llvm::StringRef str() const { return text; }

private:
  std::string text;
};

/// An operand of a contraction, seen through exact casts, transpositions and
/// `dequantize`.
struct ContractionOperand {
  /// The tensor below all that was looked through; encoded where it carries an
  /// encoding.
  ::mlir::Value value;
  /// Which loop of the contraction each dimension of `value` belongs to.
  ::llvm::SmallVector<unsigned> loops;
  /// Integer codes that are read as unsigned.
  bool isUnsigned = false;

  ::mlir::RankedTensorType getType() const {
    return ::llvm::cast<::mlir::RankedTensorType>(value.getType());
  }
  EncodingAttr getEncoding() const {
    return quant_tensor::getEncoding(value.getType());
  }
};

/// `out = init + sum_k lhs * rhs`, with `rhs` the operand that becomes N×K, or
/// [B.., N, K] where both operands have batch dimensions B...
struct Contraction {
  ::mlir::Operation *op = nullptr;
  ContractionOperand lhs, rhs;
  ::mlir::Value init;
  /// Loop of the reduction.
  unsigned k = 0;
  /// Loops of `lhs` and the result, outermost first; empty for a vector. Batch
  /// loops, which `rhs` has as well, come first.
  ::llvm::SmallVector<unsigned> m;
  /// How many loops of `m` are batch loops.
  unsigned numBatch = 0;
  /// Loop of `rhs` and the result; none where `rhs` is a vector.
  std::optional<unsigned> n;
  /// Loop of each dimension of the result.
  ::llvm::SmallVector<unsigned> resultLoops;

  ::mlir::RankedTensorType getResultType() const {
    return ::llvm::cast<::mlir::RankedTensorType>(op->getResult(0).getType());
  }
  /// Whether both operands are plain 8-bit integers summed into i32.
  bool isInteger() const;
  /// Whether `lhs` has rows beside the batch dimensions.
  bool hasRows() const { return m.size() > numBatch; }
  /// Extent of the contracted dimension.
  int64_t getContractedExtent() const;
  /// Whether `lhs`, which is not encoded then, is stored in another order than
  /// [.., M, K].
  bool isLhsTransposed() const;
  /// Whether `rhs` is stored in another order than [B.., N, K].
  bool isRhsTransposed() const;
  /// Whether the result has N last, as the normal form does.
  bool isResultInOrder() const;
  /// Rank of the normal form's result [.., m, n]; a missing M or N is a
  /// dimension of extent 1 there.
  unsigned getNormalRank() const {
    return std::max<size_t>(m.size(), numBatch + 1) + 1;
  }
  /// From the normal form's dimensions to those of the op's result.
  ::mlir::AffineMap getResultMap() const;
};

/// Whether the body of `op` is `out + cast(a) * cast(b)`, in any operand order,
/// of its two inputs and its one init.
bool isMultiplyAccumulate(::mlir::linalg::LinalgOp op);

/// Matches any linalg op, or `int_matmul` without zero points, that contracts
/// exactly one dimension. `rhsOperand` says which of the two inputs (0 or 1)
/// is to be the N×K one. Batch dimensions, shared by both operands, must lead
/// the result.
::mlir::FailureOr<Contraction>
matchContraction(::mlir::Operation *op, unsigned rhsOperand, WhyNot &whyNot);

/// As above; takes whichever side gives a result in [.., m, n] order, input 1
/// first.
::mlir::FailureOr<Contraction> matchContraction(::mlir::Operation *op,
                                                WhyNot &whyNot);

/// A dense constant's or a fill's scalar, where `value` is one.
::mlir::TypedAttr getUniformValue(::mlir::Value value);
/// Whether every element of `value` is known to be zero.
bool isZeroTensor(::mlir::Value value);

/// An element of an epilogue operand, where it is read.
struct EpilogueOperand {
  ::mlir::Value value;
  /// From the dimensions [.., m, n] of the result.
  ::mlir::AffineMap map;
};

/// The init of `contraction` as an operand of its epilogue. What is broadcast
/// into it, such as a bias, is read as it is.
EpilogueOperand getStart(const Contraction &contraction);

/// The tensor that `scalar` is extracted from as its only element, without its
/// dimensions; null where it is none. It is read where it lies.
::mlir::Value getOnlyElementTensor(::mlir::OpBuilder &builder,
                                   ::mlir::Value scalar);

/// Builds the region of an epilogue: given the accumulator, or both of a pair,
/// and one element of each operand, returns the element of the result.
using EpilogueBuilder = ::llvm::function_ref<::mlir::Value(
    ::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>;

/// Creates a scaled_matmul whose epilogue `body` builds. The accumulator's
/// type follows from the operands. `paired`: rows of `rhs` are pairs.
ScaledMatmulOp createScaledMatmul(::mlir::OpBuilder &builder,
                                  ::mlir::Location loc, ::mlir::Value lhs,
                                  ::mlir::Value rhs,
                                  ::mlir::ArrayRef<EpilogueOperand> operands,
                                  ::mlir::Value init, bool lhsUnsigned,
                                  bool rhsUnsigned, EpilogueBuilder body,
                                  bool paired = false);

/// `[.., M, K]` and `[B.., N, K]`: what the operands of a contraction look like
/// in a scaled_matmul.
struct NormalOperands {
  ::mlir::Value lhs, rhs;
};

/// Puts the operands of `contraction` into normal form: adds unit dimensions
/// for vectors and turns operands round, such as a K×N right-hand side. Fails,
/// before it changes anything, where an encoded right-hand side cannot be
/// turned or has batch dimensions.
::mlir::FailureOr<NormalOperands>
normalizeOperands(::mlir::OpBuilder &builder, const Contraction &contraction,
                  WhyNot &whyNot);

/// Creates a product of floats that is summed in f32 from the contraction's
/// init on, and rounded once where the result is a narrower float: bf16 and f16
/// sums as every library of products computes them.
ScaledMatmulOp createFloatProduct(::mlir::OpBuilder &builder,
                                  const Contraction &contraction,
                                  const NormalOperands &operands);

/// Whether `normalizeOperands` would succeed.
::mlir::LogicalResult canNormalizeOperands(const Contraction &contraction,
                                           WhyNot &whyNot);

/// Makes an uninitialised tensor of the normal form's shape.
::mlir::Value createNormalInit(::mlir::OpBuilder &builder, ::mlir::Location loc,
                               const NormalOperands &operands,
                               ::mlir::Type elementType);

/// Turns a result in normal form back into the type of the op that was
/// matched: drops the unit dimensions, then transposes.
::mlir::Value restoreResult(::mlir::OpBuilder &builder, ::mlir::Location loc,
                            const Contraction &contraction,
                            ::mlir::Value normal);

/// Where the scale (or zero point) of each element of the encoded `type` is
/// read, given which of `numDims` loops runs over each of its dimensions (none:
/// the dimension is contracted). A near miss where blocks are neither single
/// elements nor whole dimensions, or vary along a contracted one: `what` names
/// the tensor then.
::mlir::FailureOr<::mlir::AffineMap>
getParameterMap(::mlir::RankedTensorType type,
                ::mlir::ArrayRef<std::optional<unsigned>> loops,
                unsigned numDims, ::llvm::StringRef what, WhyNot &whyNot);

/// Emits "did" as a passed remark, or "not done" with its reason as a missed
/// one, at `op`. `pass` names the remark's category.
void remarkPassed(::mlir::Operation *op, ::llvm::StringRef pass,
                  ::llvm::StringRef text);
void remarkMissed(::mlir::Operation *op, ::llvm::StringRef pass,
                  ::llvm::StringRef text, const WhyNot &whyNot);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_CONTRACTION_H
