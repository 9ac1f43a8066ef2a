//===- FlatMemref.h - A buffer as one dimension ---------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_FLATMEMREF_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_FLATMEMREF_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace quantmlir {

/// `memref`, which is contiguous, as one dimension of `size` elements.
inline mlir::Value flattenMemref(mlir::OpBuilder &builder, mlir::Location loc,
                                 mlir::Value memref, mlir::Value size) {
  auto type = mlir::cast<mlir::MemRefType>(memref.getType());
  auto flat = mlir::MemRefType::get({mlir::ShapedType::kDynamic},
                                    type.getElementType());
  return mlir::memref::ReinterpretCastOp::create(
      builder, loc, flat, memref, mlir::OpFoldResult(builder.getIndexAttr(0)),
      mlir::ArrayRef<mlir::OpFoldResult>{size},
      mlir::ArrayRef<mlir::OpFoldResult>{builder.getIndexAttr(1)});
}

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_FLATMEMREF_H
