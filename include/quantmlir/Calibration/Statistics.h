//===- Statistics.h - What calibration saw of a tensor ----------*- C++ -*-===//
//
// A statistics file is a safetensors file with `__metadata__` {"format":
// "quantmlir.statistics", "version": "1"}. A tensor `name` that was observed as
// [.., C] (C channels, R rows in all) has the entries
//
//   name.count           i64 [2]     R and C
//   name.min, name.max   f32 [C]     per channel               (kind minmax)
//   name.absmean         f64 [C]     mean of |x| per channel   (kind absmean)
//   name.histogram       i64 [4096]  of all elements           (kind histogram)
//   name.histogram_range f32 [2]     -L and L, its two ends
//   name.xtx             f32 [C, C]  sum of x^T x over rows    (kind xtx)
//   name.rows            f32 [S, C]  some of the rows          (kind rows)
//
// `count` is always there, the others where their kind was asked for. Sums are
// of all rows ever seen, so files of several runs or machines merge into what
// one run over all samples gives.
//
// Independent of MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_STATISTICS_H
#define QUANTMLIR_CALIBRATION_STATISTICS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quantmlir::calibration {

/// Which statistics are kept, as a set of bits.
enum StatisticKind : unsigned {
  MinMaxStatistic = 1,
  AbsMeanStatistic = 2,
  HistogramStatistic = 4,
  XtXStatistic = 8,
  RowsStatistic = 16,
};

/// Counts of the elements in equal bins from -L to L. L is 0 (only zeros were
/// seen) or a power of two above every magnitude, so that a bin of a wider
/// histogram is exactly two of the narrower one: counts do not depend on the
/// order of the samples, nor on how they were split into runs.
struct Histogram {
  static constexpr int64_t numBins = 4096;

  std::vector<int64_t> counts;
  float limit = 0;

  bool empty() const { return counts.empty(); }
  /// Lower edge of `bin`.
  double getEdge(int64_t bin) const {
    return (static_cast<double>(bin) / (numBins / 2) - 1) * limit;
  }
  int64_t getTotal() const;
  /// Makes room for magnitudes up to `magnitude`, which is finite.
  void widen(float magnitude);
  /// Counts finite elements.
  void add(llvm::ArrayRef<float> elements);
  void merge(Histogram other);
  /// The value that `fraction` (in [0, 1]) of the elements do not exceed,
  /// linear within a bin.
  double getQuantile(double fraction) const;
};

/// Some of the rows: the different ones with the smallest hashes, of all that
/// were seen. So which rows these are depends on neither the order of the
/// samples nor on how they were split into runs.
class RowSample {
public:
  /// How many are kept at most.
  static constexpr size_t numRows = 512;

  void add(llvm::ArrayRef<float> row);
  void merge(const RowSample &other);
  /// Changes every row in place; the rows stay the ones they are.
  void
  transform(llvm::function_ref<void(llvm::MutableArrayRef<float> row)> change);
  /// By hash.
  const std::map<uint64_t, std::vector<float>> &getRows() const { return rows; }

private:
  std::map<uint64_t, std::vector<float>> rows;
};

/// What was seen of one tensor, viewed as rows of `channels` elements.
struct TensorStatistics {
  int64_t channels = 0;
  /// Rows.
  int64_t count = 0;
  /// Empty where their kind was not asked for, else one per channel; infinity
  /// and -infinity while `count` is 0.
  std::vector<float> min, max;
  /// Sums of |x|, one per channel: `getAbsMean` divides.
  std::vector<double> absSum;
  Histogram histogram;
  /// Row-major channels × channels, symmetric: the sum of x^T x. The GPTQ
  /// Hessian is 2 / count times it.
  std::vector<double> xtx;
  /// Unset where its kind was not asked for.
  std::optional<RowSample> sample;

  /// Nothing seen yet. `kinds` are bits of StatisticKind.
  static TensorStatistics create(int64_t channels, unsigned kinds);
  unsigned getKinds() const;
  double getAbsMean(int64_t channel) const {
    return count == 0 ? 0.0 : absSum[channel] / static_cast<double>(count);
  }
  /// Of all channels; 0 where nothing was seen. Need kind minmax.
  float getMin() const;
  float getMax() const;
  float getAbsMax() const;

  /// Adds rows of `channels` elements. Fails, having added none of them, where
  /// an element is NaN or infinite; the message says which.
  llvm::Error add(llvm::ArrayRef<float> rows);
  /// Adds what `other` saw. Fails where channels or kinds differ.
  llvm::Error merge(const TensorStatistics &other);
  /// Becomes what would have been seen of the same rows with each channel
  /// divided by its scale, which is positive. The histogram is lost.
  void divide(llvm::ArrayRef<float> scales);
};

/// Statistics by the names of the observed tensors.
struct Statistics {
  std::map<std::string, TensorStatistics> tensors;

  /// Null where there is none of that name.
  const TensorStatistics *find(llvm::StringRef name) const;
  /// The statistics of `name`, or an error that lists some names there are.
  llvm::Expected<const TensorStatistics *> get(llvm::StringRef name) const;

  /// Adds another run's; names of one alone are taken over.
  llvm::Error merge(const Statistics &other);

  /// Reads and checks a statistics file; errors name file and tensor.
  static llvm::Expected<Statistics> read(llvm::StringRef path);
  /// An error where `write` could only refuse such a name: asked before the
  /// work that statistics are.
  static llvm::Error checkPath(llvm::StringRef path);
  /// Writes beside `path`, then renames.
  llvm::Error write(llvm::StringRef path) const;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_STATISTICS_H
