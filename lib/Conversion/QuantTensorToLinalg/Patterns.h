//===- Patterns.h - Inside QuantTensorToLinalg ----------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOLINALG_PATTERNS_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOLINALG_PATTERNS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"

namespace quantmlir::quant_tensor {

void populateElementwisePatterns(mlir::RewritePatternSet &patterns);
void populatePoisonScalesPatterns(mlir::RewritePatternSet &patterns);
void populateConvertOrderGroupsPatterns(mlir::RewritePatternSet &patterns);
void populateContractionPatterns(mlir::RewritePatternSet &patterns,
                                 bool keepScheduled);

/// A pattern on `BaseT` (of an op or of an interface) that leaves alone what
/// has no form in linalg and, where it keeps scheduled ops, what has a kernel.
template <typename BaseT, typename OpT> class LinalgPattern : public BaseT {
public:
  LinalgPattern(mlir::MLIRContext *context, bool keepScheduled = false)
      : BaseT(context), keepScheduled(keepScheduled) {}

  mlir::LogicalResult
  matchAndRewrite(OpT op, mlir::PatternRewriter &rewriter) const final {
    if (keepScheduled && isScheduled(op))
      return rewriter.notifyMatchFailure(op, "is left for its kernel");
    if (std::string obstacle = findLinalgObstacle(op); !obstacle.empty())
      return rewriter.notifyMatchFailure(op, obstacle);
    return rewrite(op, rewriter);
  }

  /// Replaces `op`, which has a form in linalg.
  virtual mlir::LogicalResult
  rewrite(OpT op, mlir::PatternRewriter &rewriter) const = 0;

private:
  bool keepScheduled;
};
template <typename OpT>
using LinalgOpPattern = LinalgPattern<mlir::OpRewritePattern<OpT>, OpT>;
template <typename InterfaceT>
using LinalgInterfacePattern =
    LinalgPattern<mlir::OpInterfaceRewritePattern<InterfaceT>, InterfaceT>;

using BodyBuilder = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                   mlir::ValueRange)>;

/// One linalg.generic that is parallel over `type`'s elements. `maps` has one
/// entry per input; the body gets the inputs' elements and gives the result's.
mlir::Value buildElementwise(mlir::ImplicitLocOpBuilder &b,
                             mlir::RankedTensorType type,
                             llvm::ArrayRef<mlir::OpFoldResult> sizes,
                             mlir::ValueRange inputs,
                             llvm::ArrayRef<mlir::AffineMap> maps,
                             BodyBuilder body);

/// NaN where `condition` holds, else `scale`, a float of any type of scales.
mlir::Value buildPoisoned(mlir::ImplicitLocOpBuilder &b, mlir::Value condition,
                          mlir::Value scale);

/// A tensor of `type` filled with `value`, a float or integer constant.
mlir::Value buildFilled(mlir::ImplicitLocOpBuilder &b,
                        mlir::RankedTensorType type,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes,
                        mlir::TypedAttr value);

/// Scale and zero point of one block, as every method gives them.
struct BlockParams {
  /// Scale, rounded to the scale type.
  mlir::Value scale;
  /// Zero point of its element type; null where the encoding has none.
  mlir::Value zeroPoint;
};

/// Parameters for data of largest magnitude `magnitude` (f32).
BlockParams buildSymmetricParams(mlir::ImplicitLocOpBuilder &b,
                                 EncodingAttr encoding, mlir::Value magnitude);

/// Parameters for data between `low` and `high` (f32), zero included.
BlockParams buildAsymmetricParams(mlir::ImplicitLocOpBuilder &b,
                                  EncodingAttr encoding, mlir::Value low,
                                  mlir::Value high);

/// Visits the elements of one block in a nest of loops, threading `state`.
/// \param position block indices. \param visit gets an element as f32 and the
/// state, gives the next state.
llvm::SmallVector<mlir::Value>
buildBlockLoop(mlir::ImplicitLocOpBuilder &b, EncodingAttr encoding,
               mlir::Value source, mlir::ValueRange position,
               mlir::ValueRange state,
               llvm::function_ref<llvm::SmallVector<mlir::Value>(
                   mlir::ImplicitLocOpBuilder &, mlir::Value, mlir::ValueRange)>
                   visit);

/// The parameters of one block by percentile, mse or kl.
struct BlockSearch {
  EncodingAttr encoding;
  ParamMethod method;
  double percent;
  int64_t candidates;
  /// Histogram of |x| per block for kl, else null.
  mlir::Value histogram;
};
BlockParams buildSearchBlock(mlir::ImplicitLocOpBuilder &b,
                             const BlockSearch &search, mlir::Value source,
                             mlir::ValueRange position);

/// Histogram of |x| over [0, max|x|] of every block: a tensor of the scales'
/// shape and one more dimension of `getHistogramBins`.
mlir::Value buildHistogram(mlir::ImplicitLocOpBuilder &b, EncodingAttr encoding,
                           mlir::Value source, int64_t candidates);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOLINALG_PATTERNS_H
