//===- StepWeights.h - Encoded weights of one step, in registers ----------===//
//
// What the main loops that feed mma.sync from registers hold of the weights:
// packed words, and the scales and zero points of the groups that they are in.
// Those of wgmma_decode hold the latter only.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_STEPWEIGHTS_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_STEPWEIGHTS_H

#include "MatmulEmitter.h"

namespace quantmlir {

/// Which weights a warp takes in one step: `rowTiles` tiles of 16 rows, and
/// `columns` columns, a multiple of the layout's tile. `unit` columns, which
/// divide these, share a scale; where no group is a number of units, a unit is
/// a segment, of which each lane has the scale of its own columns.
struct StepShape {
  int64_t rowTiles, columns, unit;
  /// Whether scales (zero points) are read with each step; otherwise they are
  /// the same for all.
  bool hasScales, hasZeroPoints;
  /// What is known to be there: all rows of all blocks, and all words and all
  /// groups of every step.
  bool rowsInside, wordsInside, groupsInside;
};

/// Scales or zero points of one step, as one lane of a warp has them: those of
/// its rows, several to a value, as they were read.
class StepParameters {
public:
  /// Reads those of the step that begins at (`firstRow`, `firstColumn`).
  static StepParameters load(MatmulEmitter &b, const StepShape &shape,
                             mlir::Value firstRow, mlir::Value firstColumn,
                             mlir::Value memref);

  /// That of row `g + 8 * half` of row tile `rowTile` in group `unit`, as it is
  /// stored.
  mlir::Value get(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                  int64_t half) const;
  /// The word that has it, and which of the word's bytes is its first. What is
  /// made of that leaves neighbours together until then: taken apart, each
  /// would have a register from when it is there.
  std::pair<mlir::Value, int64_t> getWord(MatmulEmitter &b, int64_t rowTile,
                                          int64_t unit, int64_t half) const;
  /// Those of rows `g` and `g + 8`, of up to 16 bits, in the low and the high
  /// half of a word. Of bytes, the upper one of a half is any.
  mlir::Value getBoth(MatmulEmitter &b, int64_t rowTile, int64_t unit) const;
  /// A scale in f32.
  mlir::Value getF32(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                     int64_t half) const;
  /// The scales of both rows, rounded to `element`, as a vector.
  mlir::Value getPair(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                      mlir::Type element) const;

  /// All values, to be carried by a loop.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> values;

private:
  /// `getWord` where values are words: of number `number` of a row, which of
  /// pairs is a group.
  std::pair<mlir::Value, int64_t> takeWord(MatmulEmitter &b, int64_t rowTile,
                                           int64_t number, int64_t half) const;
  /// Byte `byte` of what row `g + 8 * half` has.
  struct ByteOfRow {
    uint8_t half, byte;
  };
  /// Up to four bytes of a unit's, from the lowest of a word on.
  mlir::Value gather(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                     llvm::ArrayRef<ByteOfRow> bytes) const;
  /// The same of 8-bit floats, by an instruction that f16 comes out of.
  mlir::Value getFloat8Pair(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                            mlir::Type element) const;
  /// The same of f8E8M0FNU in bf16, which has all of its exponents.
  mlir::Value getExponentPair(MatmulEmitter &b, int64_t rowTile,
                              int64_t unit) const;
  void loadTiled(MatmulEmitter &b, const StepShape &shape, mlir::Value firstRow,
                 mlir::Value firstColumn, mlir::Value memref);
  void loadRows(MatmulEmitter &b, const StepShape &shape, mlir::Value firstRow,
                mlir::Value firstColumn, mlir::Value memref);
  /// How many of them a value has; which value has one, and at which place.
  int64_t getCount() const { return together * (isTiled ? 2 : 1); }
  std::pair<mlir::Value, int64_t> locate(int64_t rowTile, int64_t unit,
                                         int64_t half) const;
  /// Whether values have several of them.
  bool isInWords() const;
  /// Whether these are scales of several words, which pay for staying together:
  /// ptxas does as well with the two of one word taken apart.
  bool hasWideScales() const;
  /// Appends what was read as a loop carries it.
  void append(MatmulEmitter &b, mlir::Value value);

  mlir::Type type;
  /// Units whose parameters share a value.
  int64_t together = 1;
  /// Whether values are of both rows of a row tile, of each unit of the first
  /// and then the second; otherwise there is a list for each row.
  bool isTiled = false;
  /// Whether a unit has two, the second for the upper half of its columns.
  bool isPaired = false;
};

/// Element `half` of a vector of both rows', twice. Packed arithmetic reads
/// either half of a register without an instruction for it, where LLVM is not
/// told to permute bytes.
mlir::Value getOfRow(MatmulEmitter &b, mlir::Value pair, int64_t half);

/// The words of codes of one step that a lane owns, as vectors.
struct StepWords {
  /// Those of each tile, row by row, and tiles of a row.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> tiles;
  int64_t columnTiles;

  /// Reads those of the step that begins at (`firstRow`, `firstColumn`).
  static StepWords load(MatmulEmitter &b, const StepShape &shape,
                        mlir::Value firstRow, mlir::Value firstColumn);
  /// Calls `fn` with the row and column of each of that step's tiles, row by
  /// row.
  static void forEachTile(
      MatmulEmitter &b, const StepShape &shape, mlir::Value firstRow,
      mlir::Value firstColumn,
      llvm::function_ref<void(mlir::Value tileRow, mlir::Value tileColumn)> fn);
};

/// The weights of one step, as one lane of a warp has them: of rows `g` and
/// `g + 8` of each row tile.
class StepWeights {
public:
  /// Reads the step that begins at (`firstRow`, `firstColumn`).
  static StepWeights load(MatmulEmitter &b, const StepShape &shape,
                          mlir::Value firstRow, mlir::Value firstColumn);
  /// The same without its words, which come by another way.
  static StepWeights loadParameters(MatmulEmitter &b, const StepShape &shape,
                                    mlir::Value firstRow,
                                    mlir::Value firstColumn);
  void setWords(StepWords value) { words = std::move(value); }

  /// The pair of codes at register `p` of step `step` of segment `segment`, as
  /// `MatmulEmitter::decode` gives it in the type of the activations.
  mlir::Value decode(MatmulEmitter &b, int64_t rowTile, int64_t segment,
                     int64_t step, int64_t p, const DecodeForm &form) const;
  /// The same as it is multiplied when no bias and no zero point is taken from
  /// a sum: exact but for the zero point, and scaled where the schedule says so
  /// or `scalesDecoded`. What the schedule scales keeps the shrinkage of a
  /// `scaled` decode, or of one without zero points.
  mlir::Value decodeWhole(MatmulEmitter &b, int64_t rowTile, int64_t segment,
                          int64_t step, int64_t p) const;
  /// The same less its zero point, exactly: `schedule::decodesZeroPoints`.
  mlir::Value decodeLessZeroPoint(MatmulEmitter &b, int64_t rowTile,
                                  int64_t segment, int64_t step, int64_t p,
                                  bool shrunk) const;
  /// The scale in f32 (the stored zero point, null where there is none) of row
  /// `g + 8 * half` in group `unit` of the step.
  mlir::Value getScale(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                       int64_t half) const;
  mlir::Value getZeroPoint(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                           int64_t half) const;

  /// All values, to be carried by a loop, and back.
  llvm::SmallVector<mlir::Value> flatten() const;
  void unflatten(mlir::ValueRange values);

private:
  template <typename Self, typename Fn> static void forEach(Self &self, Fn fn);

  StepWords words;
  StepParameters scales, zeroPoints;
  int64_t unit = 0;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_STEPWEIGHTS_H
