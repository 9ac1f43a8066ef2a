//===- Signature.cpp - What timings of an op are filed under --------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/Tuned.h"

using namespace mlir;
using quantmlir::quant_tensor::ScaledMatmulOp;

std::string quantmlir::schedule::getSignature(ScaledMatmulOp op) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType());
  auto rhs = cast<RankedTensorType>(op.getRhs().getType());
  int64_t m = 1;
  for (int64_t extent : lhs.getShape().drop_back())
    m = ShapedType::isDynamic(extent) || ShapedType::isDynamic(m)
            ? ShapedType::kDynamic
            : m * extent;
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
  extent("m", m);
  extent("n", rhs.getDimSize(0));
  extent("k", rhs.getDimSize(1));
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
