//===- StepWeights.cpp - Encoded weights of one step, in registers --------===//

#include "StepWeights.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>
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

StepParameters StepParameters::load(MatmulEmitter &b, const StepShape &shape,
                                    Value firstRow, Value firstColumn,
                                    Value memref) {
  StepParameters result;
  result.type = cast<MemRefType>(memref.getType()).getElementType();
  result.isTiled = b.hasTiledParameters();
  if (result.isTiled)
    result.loadTiled(b, shape, firstRow, firstColumn, memref);
  else
    result.loadRows(b, shape, firstRow, firstColumn, memref);
  return result;
}

void StepParameters::append(MatmulEmitter &b, Value value) {
  int64_t count = together * (isTiled ? 2 : 1);
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  // Vectors of narrow floats have no LLVM type.
  if (count > 1 && bytes == 1 && isa<FloatType>(type))
    value = arith::BitcastOp::create(b, VectorType::get({count}, b.getI8Type()),
                                     value);
  if (count > 1)
    value = LLVM::BitcastOp::create(b, getCarrier(b, count * bytes), value);
  if (count > 1 && count * bytes < 4)
    value = arith::ExtUIOp::create(b, b.getI32Type(), value);
  values.back().push_back(value);
}

void StepParameters::loadTiled(MatmulEmitter &b, const StepShape &shape,
                               Value firstRow, Value firstColumn,
                               Value memref) {
  const MatmulProblem &problem = b.problem;
  int64_t group = problem.getGroup();
  int64_t units = problem.hasOneGroup() ? 1 : shape.columns / shape.unit;
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  int64_t tileGroups = FragmentLayout::getTileGroups(group);
  // Steps begin with the groups of a read, as these divide a step's.
  if (!problem.hasOneGroup() && shape.unit == group)
    together = std::gcd(std::gcd(units, tileGroups), 16 / (2 * bytes));
  auto memrefType = cast<MemRefType>(memref.getType());
  for (int64_t r = 0; r < shape.rowTiles; ++r) {
    values.emplace_back();
    Value tileRow = b.add(b.div(firstRow, FragmentLayout::rows), r);
    if (!shape.rowsInside)
      tileRow = b.min(tileRow, b.index(memrefType.getDimSize(0) - 1));
    for (int64_t u = 0; u < units; u += together) {
      Value at = problem.hasOneGroup()
                     ? b.index(0)
                     : b.div(b.add(firstColumn, u * shape.unit), group);
      // Tiles are whole, so that the last groups may be read that are none.
      if (!shape.groupsInside)
        at = b.min(at,
                   b.index(memrefType.getDimSize(1) * tileGroups - together));
      append(b, b.loadTiledParameters(memref, tileRow, at, together));
    }
  }
}

void StepParameters::loadRows(MatmulEmitter &b, const StepShape &shape,
                              Value firstRow, Value firstColumn, Value memref) {
  const MatmulProblem &problem = b.problem;
  int64_t units = problem.hasOneGroup() ? 1 : shape.columns / shape.unit;
  int64_t groups = problem.getGroups(), group = problem.getGroup();
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  // Neighbours of a row lie behind each other. Reads of several are aligned
  // where the rows are, and steps begin with them.
  bool apart = !problem.hasOneGroup() && group % shape.unit;
  if (!problem.hasOneGroup() && shape.unit == group)
    together = std::gcd(std::gcd(units, groups), 16 / bytes);
  // Two groups in a segment: every lane reads both, to read more at once.
  if (apart && 2 * group == shape.unit && groups % 2 == 0) {
    isPaired = true;
    together = std::gcd(std::gcd(2 * units, groups), 16 / bytes);
    units *= 2;
  }
  Value lastRow = b.index(problem.n - 1);
  for (int64_t r = 0; r < shape.rowTiles; ++r)
    for (int64_t half = 0; half < 2; ++half) {
      values.emplace_back();
      Value row =
          b.add(firstRow, b.add(b.g, r * FragmentLayout::rows + 8 * half));
      if (!shape.rowsInside)
        row = b.min(row, lastRow);
      for (int64_t u = 0; u < units; u += together) {
        Value at = b.index(0);
        if (!problem.hasOneGroup()) {
          Value column =
              b.add(firstColumn, u * (isPaired ? group : shape.unit));
          if (apart && !isPaired)
            column = b.add(column, b.mul(b.t, FragmentLayout::runColumns));
          at = b.div(column, group);
          if (!shape.groupsInside)
            at = b.min(at, b.index(groups - together));
        }
        append(b, b.loadParameters(memref, row, at, together));
      }
    }
}

std::pair<Value, int64_t> StepParameters::locate(int64_t rowTile, int64_t unit,
                                                 int64_t half) const {
  ArrayRef<Value> all = values[isTiled ? rowTile : 2 * rowTile + half];
  // One group: of all units.
  if (all.size() * together == 1)
    unit = 0;
  int64_t place = unit % together;
  return {all[unit / together], isTiled ? 2 * place + half : place};
}

bool StepParameters::isInWords() const { return !isPaired && getCount() > 1; }

bool StepParameters::hasWideScales() const {
  return isInWords() && getCount() * type.getIntOrFloatBitWidth() > 32;
}

std::pair<Value, int64_t> StepParameters::getWord(MatmulEmitter &b,
                                                  int64_t rowTile, int64_t unit,
                                                  int64_t half) const {
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  if (!isInWords()) {
    Value value = get(b, rowTile, unit, half);
    if (isa<FloatType>(type))
      value = arith::BitcastOp::create(b, b.getIntegerType(8 * bytes), value);
    return {bytes == 4 ? value
                       : arith::ExtUIOp::create(b, b.getI32Type(), value),
            0};
  }
  return takeWord(b, rowTile, unit, half);
}

std::pair<Value, int64_t> StepParameters::takeWord(MatmulEmitter &b,
                                                   int64_t rowTile,
                                                   int64_t number,
                                                   int64_t half) const {
  auto [word, place] = locate(rowTile, number, half);
  int64_t byte = place * type.getIntOrFloatBitWidth() / 8;
  if (isa<VectorType>(word.getType()))
    word = b.element(word, byte / 4);
  return {word, byte % 4};
}

Value StepParameters::getF32(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                             int64_t half) const {
  if (!type.isBF16() || !hasWideScales())
    return b.scaleToF32(get(b, rowTile, unit, half));
  auto [word, byte] = getWord(b, rowTile, unit, half);
  Value bits =
      byte ? arith::AndIOp::create(b, word, b.wordConstant(0xffff0000))
                 .getResult()
           : arith::ShLIOp::create(b, word, b.wordConstant(16)).getResult();
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

Value StepParameters::gather(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                             ArrayRef<ByteOfRow> bytes) const {
  // Of two groups, which lie in one word, the upper lanes have the second.
  Value words[2];
  int64_t first[2];
  for (int64_t half = 0; half < 2; ++half)
    std::tie(words[half], first[half]) =
        isPaired ? takeWord(b, rowTile, 2 * unit, half)
                 : getWord(b, rowTile, unit, half);
  // Bytes of the second operand of prmt count on.
  constexpr uint32_t ofWord = 4, bits = 4;
  uint32_t selector = 0, toNext = 0;
  for (auto [place, byte] : llvm::enumerate(bytes)) {
    uint32_t source = ofWord * byte.half + first[byte.half] + byte.byte;
    selector |= source << (bits * place);
    toNext |= (type.getIntOrFloatBitWidth() / 8) << (bits * place);
  }
  Value select = b.wordConstant(selector);
  if (isPaired) {
    Value isUpper =
        b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), b.div(b.t, 2));
    select = arith::AddIOp::create(
        b, select, arith::MulIOp::create(b, isUpper, b.wordConstant(toNext)));
  }
  return NVVM::PermuteOp::create(b, b.getI32Type(), words[0], words[1], select,
                                 NVVM::PermuteMode::DEFAULT);
}

Value StepParameters::getBoth(MatmulEmitter &b, int64_t rowTile,
                              int64_t unit) const {
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  assert(bytes <= 2 && "of more, a word has one");
  // Those of a tile lie beside each other.
  if (isTiled && bytes == 2)
    return getWord(b, rowTile, unit, 0).first;
  uint8_t upper = bytes - 1;
  return gather(b, rowTile, unit, {{0, 0}, {0, upper}, {1, 0}, {1, upper}});
}

Value StepParameters::getFloat8Pair(MatmulEmitter &b, int64_t rowTile,
                                    int64_t unit, Type element) const {
  Value bytes = arith::TruncIOp::create(
      b, b.getIntegerType(16), gather(b, rowTile, unit, {{0, 0}, {1, 0}}));
  Value halves = NVVM::ConvertF8x2ToF16x2Op::create(
      b, VectorType::get({2}, b.getF16Type()),
      LLVM::BitcastOp::create(b, VectorType::get({2}, b.getI8Type()), bytes),
      /*relu=*/false, type);
  if (element.isF16())
    return halves;
  Value wide =
      arith::ExtFOp::create(b, VectorType::get({2}, b.getF32Type()), halves);
  return arith::TruncFOp::create(b, VectorType::get({2}, element), wide);
}

Value StepParameters::getExponentPair(MatmulEmitter &b, int64_t rowTile,
                                      int64_t unit) const {
  // A half has its byte twice, whose upper one is moved into the exponent.
  Value moved = arith::AndIOp::create(
      b,
      arith::ShRUIOp::create(b, getBoth(b, rowTile, unit), b.wordConstant(1)),
      b.wordConstant(0x7f807f80));
  // As `MatmulEmitter::scaleToF32`: 2^-127 is subnormal, and infinity is none.
  auto type = VectorType::get({2}, b.getBF16Type());
  Value pair = LLVM::MaxNumOp::create(
      b, b.bitcast(type, moved), b.floatConstant(type, std::ldexp(1.0, -127)));
  return LLVM::FMAOp::create(b, pair, b.floatConstant(type, 0.0), pair);
}

Value StepParameters::getPair(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                              Type element) const {
  auto pair = VectorType::get({2}, element);
  if (type == element)
    return b.bitcast(pair, getBoth(b, rowTile, unit));
  if (isa<Float8E4M3FNType>(type) && b.problem.chip->convertsFloat8)
    return getFloat8Pair(b, rowTile, unit, element);
  if (isa<Float8E8M0FNUType>(type) && element.isBF16() &&
      b.problem.chip->convertsFloat8)
    return getExponentPair(b, rowTile, unit);
  SmallVector<Value> rows;
  for (int64_t half = 0; half < 2; ++half)
    rows.push_back(
        arith::TruncFOp::create(b, element, getF32(b, rowTile, unit, half)));
  return vector::FromElementsOp::create(b, pair, rows);
}

Value quantmlir::getOfRow(MatmulEmitter &b, Value pair, int64_t half) {
  int32_t element = half;
  return LLVM::ShuffleVectorOp::create(b, pair, pair, {element, element});
}

Value StepParameters::get(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                          int64_t half) const {
  if (isPaired) {
    StepParameters single = *this;
    single.isPaired = false;
    return b.select(b.less(b.index(1), b.t),
                    single.get(b, rowTile, 2 * unit + 1, half),
                    single.get(b, rowTile, 2 * unit, half));
  }
  auto [value, place] = locate(rowTile, unit, half);
  int64_t count = getCount();
  if (count == 1)
    return value;
  unsigned bits = type.getIntOrFloatBitWidth();
  if (bits == 8) {
    // Vectors of bytes are in no register: LLVM would take them apart where
    // they are loaded, steps before they are needed, and wait for them there.
    if (isa<VectorType>(value.getType()))
      value = b.element(value, place / 4);
    Value byte = arith::TruncIOp::create(
        b, b.getI8Type(),
        b.createOrFold<arith::ShRUIOp>(value, b.wordConstant(place % 4 * 8)));
    return isa<FloatType>(type)
               ? arith::BitcastOp::create(b, type, byte).getResult()
               : byte;
  }
  auto integers = VectorType::get({count}, b.getIntegerType(bits));
  Value element = b.element(LLVM::BitcastOp::create(b, integers, value), place);
  return isa<FloatType>(type)
             ? arith::BitcastOp::create(b, type, element).getResult()
             : element;
}

void StepWords::forEachTile(MatmulEmitter &b, const StepShape &shape,
                            Value firstRow, Value firstColumn,
                            function_ref<void(Value, Value)> fn) {
  int64_t columns = b.problem.schedule.getWeights().getTile()[1];
  Value firstTile = b.div(firstColumn, columns);
  Value tileRow = b.div(firstRow, FragmentLayout::rows);
  for (int64_t r = 0; r < shape.rowTiles; ++r)
    for (int64_t c = 0; c < shape.columns / columns; ++c)
      fn(b.add(tileRow, r), b.add(firstTile, c));
}

StepWords StepWords::load(MatmulEmitter &b, const StepShape &shape,
                          Value firstRow, Value firstColumn) {
  StepWords result = {
      {}, shape.columns / b.problem.schedule.getWeights().getTile()[1]};
  forEachTile(b, shape, firstRow, firstColumn,
              [&](Value tileRow, Value tileColumn) {
                result.tiles.push_back(
                    b.loadWeights(tileRow, tileColumn, shape.wordsInside));
              });
  return result;
}

StepWeights StepWeights::load(MatmulEmitter &b, const StepShape &shape,
                              Value firstRow, Value firstColumn) {
  StepWords words = StepWords::load(b, shape, firstRow, firstColumn);
  StepWeights result = loadParameters(b, shape, firstRow, firstColumn);
  result.setWords(std::move(words));
  return result;
}

StepWeights StepWeights::loadParameters(MatmulEmitter &b,
                                        const StepShape &shape, Value firstRow,
                                        Value firstColumn) {
  StepWeights result;
  result.unit = shape.unit;
  if (shape.hasScales)
    result.scales =
        StepParameters::load(b, shape, firstRow, firstColumn, b.getScales());
  if (shape.hasZeroPoints)
    result.zeroPoints = StepParameters::load(b, shape, firstRow, firstColumn,
                                             b.getZeroPoints());
  return result;
}

Value StepWeights::decode(MatmulEmitter &b, int64_t rowTile, int64_t segment,
                          int64_t step, int64_t p,
                          const DecodeForm &form) const {
  int64_t perTile = b.problem.schedule.getWeights().getTile()[1] /
                    FragmentLayout::segmentColumns;
  return b.decode(words.tiles[rowTile * words.columnTiles + segment / perTile],
                  segment % perTile, step, p, b.problem.lhsElement, form);
}

Value StepWeights::decodeWhole(MatmulEmitter &b, int64_t rowTile,
                               int64_t segment, int64_t step, int64_t p) const {
  int64_t group = segment * FragmentLayout::segmentColumns / unit;
  Type element = b.problem.lhsElement;
  bool scales = b.problem.schedule.getScaleDecoded();
  DecodeForm form;
  if (scales && quantmlir::schedule::decodesScaled(b.problem)) {
    form.shrunk = true;
    form.scale = this->scales.getPair(b, rowTile, group, element);
    form.row = p % 2;
    return decode(b, rowTile, segment, step, p, form);
  }
  Value value;
  if (scales && quantmlir::schedule::decodesZeroPoints(b.problem)) {
    bool shrunk = quant_tile::DecodeOp::getShrinkage(
                      b.problem.encoding.getStorage(), element) != 1.0;
    value = decodeLessZeroPoint(b, rowTile, segment, step, p, shrunk);
  } else {
    double bias = b.getBiasOfZeroPoints(element);
    form.biased = bias != 0.0;
    value = decode(b, rowTile, segment, step, p, form);
    if (Value zeroPoint = getZeroPoint(b, rowTile, group, p % 2))
      value = b.subtractZeroPoint(value, zeroPoint, bias);
  }
  if (scales || b.problem.scalesDecoded())
    value = arith::MulFOp::create(
        b, value,
        getOfRow(b, this->scales.getPair(b, rowTile, group, element), p % 2));
  return value;
}

Value StepWeights::decodeLessZeroPoint(MatmulEmitter &b, int64_t rowTile,
                                       int64_t segment, int64_t step, int64_t p,
                                       bool shrunk) const {
  int64_t group = segment * FragmentLayout::segmentColumns / unit;
  DecodeForm form;
  form.shrunk = shrunk;
  form.minus = b.zeroPointsToPair(zeroPoints.getBoth(b, rowTile, group),
                                  b.problem.lhsElement, shrunk);
  form.row = p % 2;
  return decode(b, rowTile, segment, step, p, form);
}

Value StepWeights::getScale(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                            int64_t half) const {
  return scales.getF32(b, rowTile, unit, half);
}

Value StepWeights::getZeroPoint(MatmulEmitter &b, int64_t rowTile, int64_t unit,
                                int64_t half) const {
  if (!b.hasZeroPoint())
    return {};
  return zeroPoints.get(b, rowTile, unit, half);
}

template <typename Self, typename Fn>
void StepWeights::forEach(Self &self, Fn fn) {
  for (auto &tile : self.words.tiles)
    for (auto &value : tile)
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
