//===- DequantizeMatch.h - Dequantization that is written out ---*- C++ -*-===//

#ifndef QUANTMLIR_LIB_IMPORT_DEQUANTIZEMATCH_H
#define QUANTMLIR_LIB_IMPORT_DEQUANTIZEMATCH_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir {

/// Whether `type` is an 8-bit float whose values can be codes.
bool isFloatCode(mlir::Type type);

/// A scale or zero point: a constant, or an operand with one element per block.
struct BlockParameter {
  double constant = 0.0;
  /// Null for a constant.
  mlir::Value operand;
  /// Extent of a block in each dimension of the codes.
  llvm::SmallVector<int64_t> block;
  /// For each dimension of the operand but its unit ones that are read at 0,
  /// the dimension of the codes.
  llvm::SmallVector<unsigned> dims;
  /// Which dimensions of the operand those are.
  llvm::SmallVector<unsigned> operandDims;
};

/// Everything that `assemble` needs to know.
struct EncodedTensor {
  mlir::Value codes;
  mlir::RankedTensorType type;
  quant_tensor::LayoutAttr layout;
  unsigned bits = 8;
  bool isSigned = true;
  /// The type of codes that are 8-bit floats, else null.
  mlir::FloatType floatStorage;
  BlockParameter scale, zeroPoint;
  /// Extent of a block with one scale and one zero point in each dimension.
  llvm::SmallVector<int64_t> block;
  bool hasZeroPoint = false;
  bool zeroPointIsUnsigned = false;
  /// What makes nibbles of bytes; null where codes are whole bytes.
  mlir::linalg::LinalgOp low, high;
  /// The first of two dimensions that are [groups, group] of one.
  std::optional<unsigned> groupDim;

  /// How the result's dimensions are those of `type`: the groups' two are one.
  llvm::SmallVector<mlir::ReassociationIndices> getReassociation() const {
    llvm::SmallVector<mlir::ReassociationIndices> groups;
    int64_t next = 0;
    for (unsigned dim = 0, e = type.getRank(); dim != e; ++dim) {
      groups.push_back({next++});
      if (dim == groupDim)
        groups.back().push_back(next++);
    }
    return groups;
  }
};

/// Whether `type` is one that an encoded tensor and its scales can have here:
/// f32, f16 or bf16.
bool isEncodableFloat(mlir::Type type);

/// Matches an elementwise op that decodes, scales or both. A near miss says
/// what is no dequantization about it.
mlir::FailureOr<EncodedTensor> matchDequantize(mlir::linalg::LinalgOp op,
                                               quant_tensor::WhyNot &whyNot);

/// Matches nibbles that are joined as floats and mean themselves.
mlir::FailureOr<EncodedTensor> matchJoined(mlir::Value value,
                                           quant_tensor::WhyNot &whyNot);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_DEQUANTIZEMATCH_H
