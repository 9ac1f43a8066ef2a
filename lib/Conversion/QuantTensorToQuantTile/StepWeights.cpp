//===- StepWeights.cpp - Encoded weights of one step, in registers --------===//

#include "StepWeights.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;

/// The type of `bytes` bytes of parameters that a loop carries: words, since a
/// register each is what narrower elements would take.
static Type getCarrier(MatmulEmitter &b, int64_t bytes) {
  if (bytes < 4)
    return b.getIntegerType(8 * bytes);
  if (bytes == 4)
    return b.getI32Type();
  return VectorType::get({bytes / 4}, b.getI32Type());
}

StepWeights::Parameters
StepWeights::loadParameters(MatmulEmitter &b, const StepShape &shape,
                            Value firstRow, Value firstColumn, Value memref) {
  const MatmulProblem &problem = b.problem;
  Parameters result;
  result.type = cast<MemRefType>(memref.getType()).getElementType();
  int64_t units = problem.hasOneGroup() ? 1 : shape.columns / shape.unit;
  int64_t groups = problem.getGroups(), group = problem.getGroup();
  int64_t bytes = result.type.getIntOrFloatBitWidth() / 8;
  // Neighbours of a row lie behind each other. Reads of several are aligned
  // where the rows are, and steps begin with them.
  bool apart = problem.scalesDecoded();
  if (!problem.hasOneGroup() && shape.unit == group)
    result.together = std::gcd(std::gcd(units, groups), 16 / bytes);
  // Two groups in a segment: every lane reads both, to read more at once.
  if (apart && 2 * group == shape.unit && groups % 2 == 0) {
    result.isPaired = true;
    result.together = std::gcd(std::gcd(2 * units, groups), 16 / bytes);
    units *= 2;
  }
  int64_t together = result.together;
  Value lastRow = b.index(problem.n - 1);
  for (int64_t r = 0; r < shape.rowTiles; ++r)
    for (int64_t half = 0; half < 2; ++half) {
      auto &values = result.values.emplace_back();
      Value row =
          b.add(firstRow, b.add(b.g, r * FragmentLayout::rows + 8 * half));
      if (!shape.rowsInside)
        row = b.min(row, lastRow);
      for (int64_t u = 0; u < units; u += together) {
        Value at = b.index(0);
        if (!problem.hasOneGroup()) {
          Value column =
              b.add(firstColumn, u * (result.isPaired ? group : shape.unit));
          if (apart && !result.isPaired)
            column = b.add(column, b.mul(b.t, FragmentLayout::runColumns));
          at = b.div(column, group);
          if (!shape.groupsInside)
            at = b.min(at, b.index(groups - together));
        }
        Value value = b.loadParameters(memref, row, at, together);
        // Vectors of narrow floats have no LLVM type.
        if (together > 1 && bytes == 1 && isa<FloatType>(result.type))
          value = arith::BitcastOp::create(
              b, VectorType::get({together}, b.getI8Type()), value);
        if (together > 1)
          value = LLVM::BitcastOp::create(b, getCarrier(b, together * bytes),
                                          value);
        values.push_back(value);
      }
    }
  return result;
}

Value StepWeights::Parameters::get(MatmulEmitter &b, int64_t rowTile,
                                   int64_t unit, int64_t half) const {
  if (isPaired) {
    Parameters single = *this;
    single.isPaired = false;
    return b.select(b.less(b.index(1), b.t),
                    single.get(b, rowTile, 2 * unit + 1, half),
                    single.get(b, rowTile, 2 * unit, half));
  }
  ArrayRef<Value> all = values[2 * rowTile + half];
  // One group: of all units.
  if (all.size() * together == 1)
    unit = 0;
  Value value = all[unit / together];
  if (together == 1)
    return value;
  unsigned bits = type.getIntOrFloatBitWidth();
  auto integers = VectorType::get({together}, b.getIntegerType(bits));
  Value element =
      b.element(LLVM::BitcastOp::create(b, integers, value), unit % together);
  return isa<FloatType>(type)
             ? arith::BitcastOp::create(b, type, element).getResult()
             : element;
}

StepWeights StepWeights::load(MatmulEmitter &b, const StepShape &shape,
                              Value firstRow, Value firstColumn) {
  StepWeights result;
  result.unit = shape.unit;
  int64_t columns = b.problem.schedule.getWeights().getTile()[1];
  Value firstTile = b.div(firstColumn, columns);
  Value tileRow = b.div(firstRow, FragmentLayout::rows);
  for (int64_t r = 0; r < shape.rowTiles; ++r) {
    auto &words = result.words.emplace_back();
    for (int64_t c = 0; c < shape.columns / columns; ++c)
      words.push_back(b.loadWeights(b.add(tileRow, r), b.add(firstTile, c),
                                    shape.wordsInside));
  }
  if (shape.hasScales)
    result.scales =
        loadParameters(b, shape, firstRow, firstColumn, b.getScales());
  if (shape.hasZeroPoints)
    result.zeroPoints =
        loadParameters(b, shape, firstRow, firstColumn, b.getZeroPoints());
  return result;
}

Value StepWeights::decode(MatmulEmitter &b, int64_t rowTile, int64_t segment,
                          int64_t step, int64_t p, bool biased) const {
  int64_t perTile = b.problem.schedule.getWeights().getTile()[1] /
                    FragmentLayout::segmentColumns;
  return b.decode(words[rowTile][segment / perTile], segment % perTile, step, p,
                  b.problem.lhsElement, biased);
}

Value StepWeights::decodeWhole(MatmulEmitter &b, int64_t rowTile,
                               int64_t segment, int64_t step, int64_t p) const {
  Value value = decode(b, rowTile, segment, step, p, /*biased=*/false);
  int64_t group = segment * FragmentLayout::segmentColumns / unit;
  if (Value zeroPoint = getZeroPoint(b, rowTile, group, p % 2))
    value = b.subtractZeroPoint(value, zeroPoint);
  if (b.problem.scalesDecoded())
    value = b.multiplyByScale(value, getScale(b, rowTile, group, p % 2));
  return value;
}

Value StepWeights::getScale(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                            int64_t half) const {
  return b.scaleToF32(scales.get(b, rowTile, unit, half));
}

Value StepWeights::getZeroPoint(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                                int64_t half) const {
  if (!b.hasZeroPoint())
    return {};
  return zeroPoints.get(b, rowTile, unit, half);
}

template <typename Self, typename Fn>
void StepWeights::forEach(Self &self, Fn fn) {
  for (auto &row : self.words)
    for (auto &column : row)
      for (auto &value : column)
        fn(value);
  for (auto *parameters : {&self.scales, &self.zeroPoints})
    for (auto &list : parameters->values)
      for (auto &value : list)
        fn(value);
}

SmallVector<Value> StepWeights::flatten() const {
  SmallVector<Value> values;
  forEach(*this, [&](Value value) { values.push_back(value); });
  return values;
}

void StepWeights::unflatten(ValueRange values) {
  size_t next = 0;
  forEach(*this, [&](Value &value) { value = values[next++]; });
}
