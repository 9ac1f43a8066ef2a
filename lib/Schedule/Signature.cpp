//===- Signature.cpp - What timings of an op are filed under --------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/Tuned.h"

using namespace mlir;
using quantmlir::quant_tensor::ScaledMatmulOp;

std::string quantmlir::schedule::getSignature(ScaledMatmulOp op) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType());
  auto rhs = cast<RankedTensorType>(op.getRhs().getType());
  int64_t numBatchDims = op.getNumBatchDims();
  auto product = [](ArrayRef<int64_t> extents) {
    int64_t result = 1;
    for (int64_t extent : extents)
      result = ShapedType::isDynamic(extent) || ShapedType::isDynamic(result)
                   ? ShapedType::kDynamic
                   : result * extent;
    return result;
  };
  std::string text;
  llvm::raw_string_ostream os(text);
  auto extent = [&](StringRef name, int64_t value) {
    os << name << '=';
    if (ShapedType::isDynamic(value))
      os << '?';
    else
      os << value;
    os << ' ';
  };
  if (numBatchDims)
    extent("batch", product(lhs.getShape().take_front(numBatchDims)));
  extent("m", product(lhs.getShape().drop_front(numBatchDims).drop_back()));
  extent("n", rhs.getDimSize(numBatchDims));
  extent("k", rhs.getShape().back());
  os << "lhs=" << lhs.getElementType()
     << (op.getLhsUnsigned() ? " unsigned" : "");
  os << " rhs=" << rhs.getElementType()
     << (op.getRhsUnsigned() ? " unsigned" : "");
  // Kernels read the weights in the schedule's layout, whatever they come in.
  if (quant_tensor::EncodingAttr encoding = op.getRhsEncoding())
    os << ' ' << Attribute(encoding.withLayout({}));
  os << " out=" << op.getInit().getType().getElementType() << " args=[";
  llvm::interleaveComma(
      llvm::zip_equal(op.getEpilogueArgs(),
                      op.getMaps().getAsValueRange<AffineMapAttr>()),
      os, [&](auto pair) {
        auto [argument, map] = pair;
        os << getElementTypeOrSelf(argument.getType()) << '(';
        llvm::interleaveComma(map.getResults(), os);
        os << ')';
      });
  os << "] epilogue=[";
  llvm::interleaveComma(op.getEpilogue().front().without_terminator(), os,
                        [&](Operation &inner) { os << inner.getName(); });
  os << ']';
  return text;
}
