//===- RowQuotients.h - Rounded quotients by a row's scale ----------------===//
//
// A division takes some eleven instructions for each element of a row, though
// all of a row's have one divisor s. Let r be 1/s rounded to nearest.
//
//   q0 = x r    q1 = q0 + (x - q0 s) r    q = q1 + (x - q1 s) r
//
// each step rounded once (fma), q is x / s rounded to nearest: q1 is within an
// ulp of the quotient, x - q1 s is exact then, and the last step rounds
// correctly (Markstein, "IA-64 and Elementary Functions", 2000, theorem 8.5).
// It takes five instructions, as long as nothing overflows or underflows on the
// way. What underflows is rounded to zero in any case, where quotients are
// rounded to integers; of what overflows, infinities and NaNs some step is no
// number. So a thread that finds one, or whose divisor is very large or small,
// divides.
//
// Most quotients become codes: integers that they are rounded to, half to even,
// within a range. Where the divisor is made of the row, x is seldom out of it:
// the largest magnitude of a run tells, in place of bounds and of NaN for each
// element. What was computed can do with less than a quotient. Let r- and r+ be
// r times 1 - 2^-22 and 1 + 2^-22: x r- and x r+ lie on either side of x / s,
// and of that rounded to f32, since all three roundings are by 2^-24 at most.
// Added to 1.5 * 2^23, each by one fma, both are rounded to integers. Where
// these agree they are the code, and they do but for 2^-16 of all elements. Of
// numbers that are read, many are half of their row's largest, and their
// quotient next to 63.5.
//
// What comes of a sum without an order, or of a function that is approximated,
// is itself not known to the last bit. Its code is that of a number which
// differs from it by two roundings of 2^-24: x r, rounded with the sum.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace quantmlir {

/// The divisions of an op whose quotients can be computed so.
class RowQuotients {
public:
  /// What is known of an argument: nothing; that it is the same for all of a
  /// row; or that it is also computed from the row, so that few of its
  /// quotients are out of range.
  enum class Divisor { Unknown, Uniform, OfRow };

  /// Those in the region of `op` by arguments that `classify` knows something
  /// of.
  RowQuotients(
      mlir::linalg::GenericOp op,
      llvm::function_ref<Divisor(mlir::BlockArgument argument)> classify);
  bool empty() const { return divisions.empty() && codes.empty(); }

  /// Whether some codes may be found without quotients: what `isComputed` says
  /// to have been computed, and not just read, is divided.
  bool hasShortcuts(
      llvm::function_ref<bool(mlir::BlockArgument argument)> isComputed);

  /// Says that no element of `argument` in this thread is larger than
  /// `magnitude`, which is NaN where one of them is.
  void setMagnitude(mlir::BlockArgument argument, mlir::Value magnitude) {
    known[argument] = magnitude;
  }

  /// How codes are found. `Near`: from x · (1 / s), which may be another number
  /// than the quotient, next to it; `Shortcut`: from two bounds of the
  /// quotient, which must have one code; `Quotient`: from the rounded quotient
  /// itself.
  enum class Way { Near, Shortcut, Quotient };

  /// Starts a run of elements, which fail together. Their codes are `hidden`
  /// where each is stored by itself: LLVM would store the low byte of a float's
  /// register, of which ptxas (13.0) makes a conversion.
  void start(Way way, bool hidden);
  /// Emits `inner` of the region where it is one of the divisions, asks whether
  /// a quotient is NaN or makes a code of it, and maps its result if it is
  /// needed; false where it is none of these.
  bool emit(mlir::OpBuilder &builder, mlir::Operation &inner,
            mlir::IRMapping &mapping);
  /// Whether some quotient since `start` must be computed by a division (i1).
  mlir::Value emitFailed(mlir::OpBuilder &builder, mlir::Location loc);

private:
  /// A division whose quotients only become codes, from -`limit` to `limit` at
  /// least.
  struct Code {
    mlir::arith::DivFOp division;
    double limit;
  };
  /// 1 / `divisor`, and whether it is neither too large nor too small for it.
  struct Reciprocal {
    mlir::Value value, isSafe;
    /// For codes: somewhat less and more than `value`, and by their limits the
    /// largest magnitude that may be divided.
    mlir::Value below, above;
    llvm::SmallDenseMap<int64_t, mlir::Value> largest;
  };

  /// Enters the division into `codes` if that is all that its quotients become.
  bool matchCode(mlir::arith::DivFOp division);
  Reciprocal &getReciprocal(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value divisor);
  mlir::Value emitCode(mlir::OpBuilder &builder, const Code &code,
                       mlir::IRMapping &mapping);
  mlir::Value emitQuotient(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value x, mlir::Value divisor);

  llvm::SmallDenseSet<mlir::Operation *> divisions;
  /// Those that become codes, by the conversion that makes them; and the ops
  /// before that.
  llvm::SmallDenseMap<mlir::Operation *, Code> codes;
  llvm::SmallDenseSet<mlir::Operation *> skipped;
  /// By divisor, as it is in the kernel.
  llvm::MapVector<mlir::Value, Reciprocal> reciprocals;
  /// NaN once a quotient of the run was not finite.
  mlir::Value poison;
  Way way = Way::Quotient;
  bool hidden = false;
  /// Not zero once two codes of the run differed.
  mlir::Value differences;
  /// By argument, what `setMagnitude` said.
  llvm::SmallDenseMap<mlir::Value, mlir::Value> known;
  /// The largest magnitudes of the run, by what they must not exceed.
  llvm::MapVector<mlir::Value, mlir::Value> magnitudes;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H
