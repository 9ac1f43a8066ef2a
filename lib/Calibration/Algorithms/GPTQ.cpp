//===- GPTQ.cpp - Codes that make up for each other's errors --------------===//
//
// Rows of W do not know of each other once U is there, so threads take rows, a
// chunk at a time, through all columns. Within a block of columns elements are
// kept transposed: a step is then the same for all lanes of a vector.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "Codes.h"
#include "MatrixKernels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>

using namespace quantmlir::calibration;

//===----------------------------------------------------------------------===//
// The factor of the inverse
//===----------------------------------------------------------------------===//

namespace {
struct Free {
  void operator()(void *memory) const { std::free(memory); }
};
/// A matrix as large as all the rest together: doubles, of which floats are
/// made in place.
using Buffer = std::unique_ptr<void, Free>;
} // namespace

/// `count` doubles become floats, and the memory behind them is given back.
static Buffer narrow(Buffer buffer, size_t count) {
  auto *bytes = static_cast<char *>(buffer.get());
  for (size_t i = 0; i < count; ++i) {
    double wide;
    std::memcpy(&wide, bytes + i * sizeof(double), sizeof(double));
    auto value = static_cast<float>(wide);
    std::memcpy(bytes + i * sizeof(float), &value, sizeof(float));
  }
  if (void *smaller =
          std::realloc(bytes, std::max<size_t>(count, 1) * sizeof(float))) {
    (void)buffer.release();
    buffer.reset(smaller);
  }
  return buffer;
}

/// U (f32) of the permuted and damped H, for inputs divided by `scales` where
/// there are any.
static llvm::Expected<Buffer> makeFactor(MatrixRef<const double> hessian,
                                         llvm::ArrayRef<int64_t> order,
                                         llvm::ArrayRef<float> scales,
                                         const GPTQOptions &options,
                                         GPTQReport &report) {
  int64_t n = hessian.rows;
  auto getElement = [&](int64_t i, int64_t j) {
    return scales.empty() ? hessian(i, j)
                          : hessian(i, j) / (static_cast<double>(scales[i]) *
                                             static_cast<double>(scales[j]));
  };
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += getElement(i, i);
    report.deadColumns += hessian(i, i) == 0;
  }
  int64_t live = n - report.deadColumns;
  double mean = live ? sum / static_cast<double>(live) : 1.0;
  Buffer buffer(std::malloc(std::max<size_t>(n * n, 1) * sizeof(double)));
  if (!buffer)
    return llvm::createStringError("there is no memory for a factor of " +
                                   llvm::Twine(n) + "x" + llvm::Twine(n));
  MatrixRef<double> u(static_cast<double *>(buffer.get()), n, n);
  for (report.damping = options.damping;;
       report.damping = std::max(report.damping * 10, 1e-8),
      ++report.dampingSteps) {
    // Filled anew each time: the factor takes its place.
    llvm::parallelFor(0, n, [&](size_t row) {
      int64_t i = order[n - 1 - row];
      for (int64_t j = 0; j < n; ++j)
        u(row, j) = getElement(i, order[n - 1 - j]);
      // Stands alone: nothing is taken from others for it.
      if (u(row, row) == 0)
        u(row, row) = mean;
      u(row, row) += report.damping * mean;
    });
    if (computeInverseFactor(u))
      break;
    // With ten times the mean a matrix of this diagonal is far from singular.
    if (report.damping > 10)
      return llvm::createStringError(
          "the Hessian is not positive semidefinite: damping by " +
          llvm::formatv("{0}", report.damping) +
          " of its mean diagonal does not make it definite");
  }
  return narrow(std::move(buffer), n * n);
}

//===----------------------------------------------------------------------===//
// Rows through all columns
//===----------------------------------------------------------------------===//

namespace {
/// Rows of a chunk: lanes of a step, a multiple of what products like.
constexpr int64_t chunk = 96;

/// Everything that chunks share.
struct Problem {
  ConstMatrix weights;
  const WeightFormat &format;
  MatrixRef<const float> factor;
  /// order[k] is the column that is k-th to be quantized.
  llvm::ArrayRef<int64_t> order;
  int64_t blockSize;
  /// Columns of a group.
  int64_t groupSize;
  bool isStatic;
  /// Whether groups are of columns in order of quantization.
  bool isOrdered;
  QuantizedMatrix &result;

  int64_t getBlockEnd(int64_t first) const;
};

/// One chunk of rows.
class Chunk {
public:
  Chunk(const Problem &problem, int64_t firstRow);
  void run();

private:
  void startGroup(int64_t column, int64_t blockFirst, int64_t blockEnd);
  void loadParams(int64_t group);
  void runBlock(int64_t first, int64_t end);

  const Problem &problem;
  int64_t firstRow, rows;
  /// What the weights have become, in the order of quantization.
  std::vector<float> current;
  /// The block of columns at hand, [column][row], and its errors,
  /// [row][column].
  std::vector<float> block, errors;
  /// Of the column at hand, one per row.
  float scales[chunk], zeroPoints[chunk], decoded[chunk], error[chunk];
  uint8_t codes[chunk];
};
} // namespace

/// Groups start where blocks do or within one, never where columns wait for an
/// update.
int64_t Problem::getBlockEnd(int64_t first) const {
  int64_t columns = weights.columns;
  int64_t end;
  if (isStatic || groupSize >= columns)
    end = first + blockSize;
  else if (groupSize <= blockSize)
    end = first + blockSize / groupSize * groupSize;
  else
    end = std::min(first + blockSize, (first / groupSize + 1) * groupSize);
  return std::min(end, columns);
}

Chunk::Chunk(const Problem &problem, int64_t firstRow)
    : problem(problem), firstRow(firstRow),
      rows(std::min(chunk, problem.weights.rows - firstRow)),
      current(rows * problem.weights.columns), block(problem.blockSize * chunk),
      errors(chunk * problem.blockSize) {
  int64_t columns = problem.weights.columns;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < columns; ++k)
      current[row * columns + k] =
          problem.weights(firstRow + row, problem.order[k]);
  std::fill_n(zeroPoints, chunk, 0.0f);
}

/// Chooses the parameters of the group that starts at `column`, from what its
/// weights have become.
void Chunk::startGroup(int64_t column, int64_t blockFirst, int64_t blockEnd) {
  int64_t columns = problem.weights.columns;
  int64_t end = std::min(column + problem.groupSize, columns);
  WeightParams &params = problem.result.params;
  std::vector<float> elements(end - column);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = column; k < end; ++k)
      elements[k - column] = k < blockEnd
                                 ? block[(k - blockFirst) * chunk + row]
                                 : current[row * columns + k];
    auto [scale, zeroPoint] = chooseBlockParams(elements, problem.format);
    int64_t index =
        (firstRow + row) * params.blockColumns + column / problem.groupSize;
    params.scales[index] = scale;
    if (problem.format.hasZeroPoint())
      params.zeroPoints[index] = zeroPoint;
  }
}

/// Sets `scales` and `zeroPoints` for the columns of a group.
void Chunk::loadParams(int64_t group) {
  const WeightParams &params = problem.result.params;
  int64_t blockRows = problem.format.blockRows;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t blockRow = blockRows ? (firstRow + row) / blockRows : 0;
    int64_t index = blockRow * params.blockColumns + group;
    scales[row] = params.scales[index];
    zeroPoints[row] = params.getZeroPoint(index);
  }
}

/// block[j] -= error * factor[j] for columns 1 .. count - 1 of a block; the
/// first is the one at hand.
QUANTMLIR_VECTOR_CLONES
static void spreadError(const float *__restrict error,
                        const float *__restrict factor, int64_t count,
                        float *__restrict block) {
  for (int64_t j = 1; j < count; ++j)
    for (int64_t row = 0; row < chunk; ++row)
      block[j * chunk + row] -= error[row] * factor[j];
}

void Chunk::runBlock(int64_t first, int64_t end) {
  int64_t columns = problem.weights.columns, width = end - first;
  for (int64_t k = first; k < end; ++k)
    for (int64_t row = 0; row < chunk; ++row)
      block[(k - first) * chunk + row] =
          row < rows ? current[row * columns + k] : 0.0f;
  for (int64_t k = first; k < end; ++k) {
    int64_t column = problem.order[k];
    if (!problem.isStatic && k % problem.groupSize == 0)
      startGroup(k, first, end);
    loadParams((problem.isOrdered ? k : column) / problem.groupSize);
    float *weights = &block[(k - first) * chunk];
    encodeLanes(problem.format, weights, rows, scales, zeroPoints, codes,
                decoded);
    float pivot = problem.factor(k, k);
    for (int64_t row = 0; row < rows; ++row) {
      problem.result.codes[(firstRow + row) * columns + column] = codes[row];
      error[row] = (weights[row] - decoded[row]) / pivot;
      errors[row * width + k - first] = error[row];
    }
    std::fill(error + rows, error + chunk, 0.0f);
    spreadError(error, &problem.factor(k, k), end - k, weights);
  }
  if (end < columns)
    subtractProduct(
        MatrixRef<const float>(errors.data(), rows, width),
        MatrixRef<const float>(&problem.factor(first, end), width,
                               columns - end, columns),
        MatrixRef<float>(&current[end], rows, columns - end, columns));
}

void Chunk::run() {
  int64_t end;
  for (int64_t first = 0; first < problem.weights.columns; first = end) {
    end = problem.getBlockEnd(first);
    runBlock(first, end);
  }
}

llvm::Expected<GPTQResult> quantmlir::calibration::quantizeGPTQ(
    ConstMatrix weights, MatrixRef<const double> hessian,
    const WeightFormat &format, const GPTQOptions &options,
    llvm::ArrayRef<float> channelScales) {
  if (llvm::Error error = format.verify())
    return std::move(error);
  if (options.blockSize < 1)
    return llvm::createStringError("a block of columns must have at least one");
  if (!(options.damping >= 0) || !std::isfinite(options.damping))
    return llvm::createStringError("damping must not be negative");
  if (options.orderedGroups &&
      (!options.actOrder || options.staticGroups || format.blockRows != 1))
    return llvm::createStringError(
        "groups in the order of quantization go with act-order, "
        "groups that are not static, and blocks of one row");
  if (llvm::Error error = checkHessian(hessian, weights.columns))
    return std::move(error);
  if (llvm::Error error = checkWeights(weights))
    return std::move(error);
  int64_t columns = weights.columns;
  if (!channelScales.empty() && int64_t(channelScales.size()) != columns)
    return llvm::createStringError(
        "there are " + llvm::Twine(channelScales.size()) +
        " channel scales for " + llvm::Twine(columns) + " columns");

  GPTQResult result;
  std::vector<int64_t> order(columns);
  std::iota(order.begin(), order.end(), 0);
  if (options.actOrder) {
    auto getDiagonal = [&](int64_t k) {
      double scale = channelScales.empty() ? 1.0 : channelScales[k];
      return hessian(k, k) / (scale * scale);
    };
    llvm::stable_sort(order, [&](int64_t a, int64_t b) {
      return getDiagonal(a) > getDiagonal(b);
    });
  }
  auto factor =
      makeFactor(hessian, order, channelScales, options, result.report);
  if (!factor)
    return factor.takeError();

  // What is quantized; the given weights without scales.
  std::vector<float> scaled;
  ConstMatrix target = weights;
  if (!channelScales.empty()) {
    scaled.resize(weights.rows * columns);
    llvm::parallelFor(0, weights.rows, [&](size_t row) {
      for (int64_t k = 0; k < columns; ++k)
        scaled[row * columns + k] = weights(row, k) * channelScales[k];
    });
    target = {scaled.data(), weights.rows, columns};
  }
  QuantizedMatrix rounded = quantize(target, format);
  QuantizedMatrix &matrix = result.matrix;
  matrix.rows = weights.rows;
  matrix.columns = columns;
  matrix.codes.resize(weights.rows * columns);
  matrix.params = rounded.params;
  int64_t groupSize = format.blockColumns ? format.blockColumns : columns;
  Problem problem{target,
                  format,
                  {static_cast<const float *>(factor->get()), columns, columns},
                  order,
                  // All columns, and a group for those that are no whole ones.
                  std::min(options.blockSize, columns + groupSize),
                  groupSize,
                  (options.actOrder && !options.orderedGroups) ||
                      options.staticGroups || format.blockRows != 1 ||
                      format.blockColumns == 0,
                  options.orderedGroups,
                  matrix};
  llvm::parallelFor(0, (weights.rows + chunk - 1) / chunk,
                    [&](size_t index) { Chunk(problem, index * chunk).run(); });
  factor->reset();
  // One group needs no index.
  if (options.orderedGroups && matrix.params.blockColumns > 1) {
    matrix.groupIndex.resize(columns);
    for (int64_t k = 0; k < columns; ++k)
      matrix.groupIndex[order[k]] = k / problem.groupSize;
  }
  scaled = {};

  std::vector<float> decoded(weights.rows * columns);
  auto getObjective = [&](const QuantizedMatrix &codes) {
    MatrixRef<float> view(decoded.data(), weights.rows, columns);
    dequantize(codes, format, view);
    if (!channelScales.empty())
      llvm::parallelFor(0, weights.rows, [&](size_t row) {
        for (int64_t k = 0; k < columns; ++k)
          view(row, k) /= channelScales[k];
      });
    return computeObjective(weights, view, hessian);
  };
  result.report.objective = getObjective(matrix);
  result.report.roundingObjective = getObjective(rounded);
  return result;
}
