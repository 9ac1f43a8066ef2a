//===- SharedTile.h - Rows of a matrix in swizzled shared memory ----------===//
//
// A stage of the mma_sync kernel's ring holds, of each operand that goes
// through shared memory, *panels* of 128 bytes along K:
//
//   panel 0: row 0 | row 1 | ...      each row 8 chunks of 16 bytes,
//   panel 1: row 0 | row 1 | ...      chunk c of row r at place c ^ f(r),
//                                     f(r) = r mod 8 with its bits reversed
//
// A lane (g, t) of the fragment layout reads, from row g, eight consecutive
// elements of each 32: 16 bytes of 16-bit or 8 bytes of 8-bit elements. With
// f, the lanes that the hardware serves together hit different banks in both
// cases.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_SHAREDTILE_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_SHAREDTILE_H

#include "MatmulEmitter.h"

namespace quantmlir {

/// One operand's tile of a stage: its copies from global memory, and the
/// reads of its fragments.
class SharedTile {
public:
  static constexpr int64_t panelBytes = 128;

  /// Bytes of one stage of `rows` rows and `columns` columns of `element`.
  static int64_t getBytes(int64_t rows, int64_t columns, mlir::Type element) {
    return rows * columns * (element.getIntOrFloatBitWidth() / 8);
  }

  /// A tile of `tileRows` rows from row `firstRow` and `tileColumns` columns
  /// of the contiguous matrix `source` (flattened), without rows from `limit`
  /// on. `bytes`
  /// is the kernel's shared memory (memref of i8); a stage starts at a
  /// multiple of `stageBytes` and the tile lies `offset` bytes into it.
  SharedTile(MatmulEmitter &b, mlir::Value source, mlir::Value limit,
             mlir::Value firstRow, int64_t tileRows, int64_t tileColumns,
             mlir::Value bytes, int64_t stageBytes, int64_t offset);

  /// Starts this thread's copies of the columns from `firstColumn` on into
  /// `stage`; what lies outside of the matrix becomes zero.
  void copy(mlir::Value firstColumn, mlir::Value stage);

  /// Prepares reads of `stage` by the lane whose row is `row` (a multiple of
  /// 8, plus g).
  void beginReads(mlir::Value stage, mlir::Value row, mlir::Value panel);

  /// The lane's eight elements of segment `segment` (32 columns) of its
  /// panels, `rowOffset` (a multiple of 8) rows on: one or two words a step.
  llvm::SmallVector<mlir::Value> read(int64_t segment, int64_t rowOffset);

private:
  struct Copy {
    mlir::Value sourceRow; // offset of the row's first element
    mlir::Value column;    // within the tile
    mlir::Value place;     // offset within the stage, in elements
    mlir::Value inside;    // whether the row exists
  };

  /// The copy with number `id` of a stage.
  Copy makeCopy(mlir::Value id);
  void copyAsync(const Copy &copy, mlir::Value firstColumn, mlir::Value stage);
  void copyThroughRegisters(const Copy &copy, mlir::Value firstColumn,
                            mlir::Value stage);
  mlir::Value place(mlir::Value panel, mlir::Value row, mlir::Value byte);

  MatmulEmitter &b;
  mlir::Value source, elements, words;
  mlir::Type element;
  int64_t tileRows, tileColumns, elementBytes, panelColumns, stageBytes, offset;
  /// Bytes of one copy, and the number of copies of a stage.
  int64_t copyBytes, copyCount;
  mlir::Value limit, firstRow;
  /// Whether rows are aligned to a copy; null where that is known.
  mlir::Value isAligned;
  /// This thread's asynchronous copies, with whether it has each (null: yes).
  llvm::SmallVector<std::pair<Copy, mlir::Value>> copies;
  /// Word offset of the lane's chunk for each segment of a panel.
  llvm::SmallVector<mlir::Value> laneOffset;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_SHAREDTILE_H
