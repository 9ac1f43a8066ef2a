//===- RowAccess.h - Ops that work on a row at a time ---------------------===//
//
// A row-local op computes each row of its result from the same row of its
// operands. Here stands which linalg.generic is one, for those that group such
// ops, verify groups, and make kernels of them.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTILE_IR_ROWACCESS_H
#define QUANTMLIR_DIALECT_QUANTTILE_IR_ROWACCESS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace quantmlir::quant_tile {

/// Which element of an operand belongs to (row, column).
enum class RowAccess {
  Full,   ///< its own: element row * columns + column
  Row,    ///< one of the row: element row
  Column, ///< one of the column: element column
  Scalar  ///< the same one everywhere: element 0
};

/// The rows and columns that a group of ops shares: extents of the dimensions
/// that rows are counted by, without those of size 1, and the columns.
struct RowDomain {
  llvm::SmallVector<int64_t> rows;
  int64_t columns = 0;

  /// The domain of `op` taken by itself, if it reduces its innermost loop and
  /// no other, over a static extent of two or more.
  static std::optional<RowDomain> ofReduction(mlir::linalg::GenericOp op);
  /// That of the ops of a group: of the first that is such a reduction.
  static std::optional<RowDomain> ofGroup(mlir::Block &body);
};

/// An op within a domain.
struct RowOp {
  /// Whether it iterates over columns, and whether it reduces them.
  bool hasColumns = false, reduces = false;
  /// Of each operand, inputs first.
  llvm::SmallVector<RowAccess> accesses;
  /// Where it reduces: the combining op of each result.
  llvm::SmallVector<mlir::Operation *> combiners;

  /// Whether it reduces to values of 32 bits alone, which is what blocks that
  /// share a row exchange.
  bool reducesToWords() const;
};

/// `op` within `domain`; nothing, and the reason in `why`, if it is not
/// row-local there. Dynamic row extents are taken for equal: where operands
/// come from each other they are.
std::optional<RowOp> analyzeRowOp(mlir::linalg::GenericOp op,
                                  const RowDomain &domain, std::string &why);

/// The value whose elements `value` has, behind reshapes that add or drop
/// dimensions of size 1.
mlir::Value skipUnitReshapes(mlir::Value value);

/// The scalar that all elements of `value` equal, if it is filled with one.
mlir::Value getFilledScalar(mlir::Value value);

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_DIALECT_QUANTTILE_IR_ROWACCESS_H
