//===- Tuned.h - Schedules that were measured ------------------*- C++ -*-===//
//
// What a tuner leaves behind: a text file with one JSON object a line, each the
// time of one schedule for one op. docs/Tuning.md describes it.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_TUNED_H
#define QUANTMLIR_SCHEDULE_TUNED_H

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/StringMap.h"

namespace quantmlir::schedule {

/// The text that timings of `op` are filed under: extents (`m=?` where the rows
/// are dynamic), element types, encoding of the weights whatever their layout,
/// and the epilogue's operands and ops. Ops of one signature have the same
/// kernels but for the epilogue's constants and order.
std::string getSignature(quant_tensor::ScaledMatmulOp op,
                         bool fastAccumulation = false);

/// The time of one schedule.
struct Timing {
  quant_tile::ScheduleAttr schedule;
  /// Rows of activations it was measured with.
  int64_t rows;
  double microseconds;
  std::string gpu;
  /// Its line in the file.
  mlir::LocationAttr location;
};

/// The best schedules of a file of timings.
class TunedSchedules {
public:
  /// Reads `path` and keeps what is for `chip`. A line that is measured twice
  /// counts as its last one says, failed measurements do not count, and with
  /// `gpu`, only names that contain it do. Errors are at the line that causes
  /// them, or at `loc` where the file cannot be read.
  static mlir::FailureOr<TunedSchedules> load(mlir::Location loc,
                                              llvm::StringRef path,
                                              llvm::StringRef chip,
                                              llvm::StringRef gpu);

  /// The fastest schedule for each number of rows that `signature` was measured
  /// with, ascending by rows; of equal times the one written first.
  llvm::ArrayRef<Timing> lookup(llvm::StringRef signature) const;

  /// Number of measurements of this chip.
  size_t size() const { return count; }

private:
  llvm::StringMap<llvm::SmallVector<Timing, 0>> best;
  size_t count = 0;
};

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_TUNED_H
