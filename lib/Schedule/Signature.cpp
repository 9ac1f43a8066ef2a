//===- Signature.cpp - What timings of an op are filed under --------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/Tuned.h"

using namespace mlir;
using quantmlir::quant_tensor::ScaledMatmulOp;

std::string quantmlir::schedule::getSignature(ScaledMatmulOp op,
                                              bool fastAccumulation) {
  Contraction contraction = Contraction::get(op, fastAccumulation);
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
  if (op.getNumBatchDims())
    extent("batch", contraction.batch);
  extent("m", contraction.m);
  extent("n", contraction.n);
  extent("k", contraction.k);
  if (op.getPaired())
    os << "paired ";
  os << "lhs=" << contraction.lhsElement
     << (op.getLhsUnsigned() ? " unsigned" : "");
  os << " rhs=" << contraction.rhsElement
     << (op.getRhsUnsigned() ? " unsigned" : "");
  // Kernels read the weights in the schedule's layout, whatever they come in.
  if (contraction.encoding)
    os << ' ' << Attribute(contraction.encoding.withLayout({}));
  if (contraction.isBlockScaled())
    os << ' ' << Attribute(contraction.lhsBlocks) << ' '
       << Attribute(contraction.rhsBlocks);
  os << " out=" << contraction.resultElement << " args=[";
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
  // Sums of other bounds, so others to choose from.
  if (fastAccumulation && contraction.isFloat8() &&
      !contraction.isBlockScaled())
    os << " fast-accumulation";
  return text;
}
