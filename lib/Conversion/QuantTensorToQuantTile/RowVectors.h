//===- RowVectors.h - A thread's columns as vectors, words, elements ------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWVECTORS_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWVECTORS_H

#include "mlir/IR/Builders.h"

namespace quantmlir {

/// The elements of all `vectors`, of which some may be single elements.
llvm::SmallVector<mlir::Value> extractAll(mlir::OpBuilder &b,
                                          mlir::Location loc,
                                          llvm::ArrayRef<mlir::Value> vectors);

/// `elements`, of one type, as words (i32) where they are narrower and fill
/// whole ones; else themselves.
llvm::SmallVector<mlir::Value>
packElements(mlir::OpBuilder &b, mlir::Location loc,
             llvm::ArrayRef<mlir::Value> elements);

/// The `count` elements of `type` that `packElements` made the first values of
/// `packed` of, which it drops.
llvm::SmallVector<mlir::Value> unpackElements(mlir::OpBuilder &b,
                                              mlir::Location loc,
                                              mlir::ValueRange &packed,
                                              int64_t count, mlir::Type type);

/// The same word (i32), about which neither LLVM nor ptxas knows anything.
mlir::Value hideWord(mlir::OpBuilder &b, mlir::Location loc, mlir::Value word);

/// `elements`, of one type, as one vector: the words that it was unpacked of
/// stay whole.
mlir::Value joinElements(mlir::OpBuilder &b, mlir::Location loc,
                         llvm::ArrayRef<mlir::Value> elements);

/// The same vector, about which neither LLVM nor ptxas knows anything: what is
/// computed from it is computed again. Unless it has no whole words.
mlir::Value hideVector(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value vector);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWVECTORS_H
