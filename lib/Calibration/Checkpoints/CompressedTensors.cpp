//===- CompressedTensors.cpp - Layers of compressed-tensors ---------------===//

#include "LayerTensors.h"

using namespace quantmlir;
using namespace quantmlir::calibration;

/// Fills in scales and blocks from ".weight_scale": [N, G], [N] and [N, 1] per
/// row, [1] and [] per tensor.
static llvm::Error readScales(const io::ArrayMap &tensors,
                              LayerWeights &result) {
  auto it = tensors.find(".weight_scale");
  if (it == tensors.end())
    return makeError("there is no '.weight_scale'");
  const io::Array &array = it->second;
  std::optional<ScaleKind> kind = getScaleKind(array.element);
  int64_t rows = result.matrix.rows, columns = result.matrix.columns;
  llvm::ArrayRef<int64_t> shape = array.shape;
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  bool isPerRow = !shape.empty() && shape[0] == rows && shape.size() <= 2;
  // One row and one scale is both; what it means is the same.
  if (!kind || !(isPerRow || count == 1))
    return makeError("'.weight_scale' is " + io::describe(array) +
                     ", which gives no scales for " + llvm::Twine(rows) + "x" +
                     llvm::Twine(columns) + " weights by rows or groups");
  auto scales = getScales(array, ".weight_scale");
  if (!scales)
    return scales.takeError();
  WeightParams &params = result.matrix.params;
  result.format.scale = *kind;
  params.scales = std::move(*scales);
  params.blockRows = isPerRow ? rows : 1;
  params.blockColumns = isPerRow && shape.size() == 2 ? shape[1] : 1;
  result.format.blockRows = isPerRow ? 1 : 0;
  auto groups =
      readGroupIndex(tensors, ".weight_g_idx", columns, params.blockColumns);
  if (!groups)
    return groups.takeError();
  result.format.blockColumns = groups->extent;
  result.matrix.groupIndex = std::move(groups->index);
  return llvm::Error::success();
}

/// The codes of compressed-tensors are signed integers; stored in words, they
/// are moved up to begin at 0.
static void setInteger(WeightFormat &format, unsigned bits) {
  format.bits = bits;
  format.isSigned = true;
  format.low = -(1 << (bits - 1));
  format.high = (1 << (bits - 1)) - 1;
}

static void setZeroPoints(LayerWeights &result, std::vector<float> zeroPoints) {
  result.format.zeroPoint = ZeroPointKind::I8;
  result.format.method = Method::MinMax;
  result.matrix.params.zeroPoints = std::move(zeroPoints);
}

static llvm::Expected<LayerWeights> readPacked(const io::ArrayMap &tensors,
                                               unsigned bits) {
  auto shapeTensor = tensors.find(".weight_shape");
  if (shapeTensor == tensors.end())
    return makeError("there is no '.weight_shape'");
  if (shapeTensor->second.element != "i64" ||
      shapeTensor->second.shape != std::vector<int64_t>{2})
    return makeError("'.weight_shape' is " + io::describe(shapeTensor->second) +
                     " where there should be 2xi64");
  std::vector<int64_t> shape = getElements<int64_t>(shapeTensor->second);
  int64_t rows = shape[0], columns = shape[1];
  constexpr int64_t limit = int64_t(1) << 40;
  if (rows < 1 || columns < 1 || rows > limit || columns > limit)
    return makeError("'.weight_shape' says " + llvm::Twine(rows) + "x" +
                     llvm::Twine(columns));
  auto words = getMatrix(tensors, ".weight_packed", "i32", rows);
  if (!words)
    return words.takeError();
  unsigned matches = 0, found = 0;
  for (unsigned candidate = 2; candidate <= 8; ++candidate)
    if ((bits == 0 || bits == candidate) &&
        (columns * candidate + 31) / 32 == (*words)->shape[1]) {
      ++matches;
      found = candidate;
    }
  if (matches == 0)
    return makeError("'.weight_packed' is " + io::describe(**words) +
                     ", which is not " + llvm::Twine(columns) + " columns of " +
                     (bits ? llvm::Twine(bits) : llvm::Twine("2 to 8")) +
                     " bits");
  if (matches > 1)
    return makeError("'.weight_packed' may hold " + llvm::Twine(columns) +
                     " columns of several widths: say how many bits");

  LayerWeights result;
  setInteger(result.format, found);
  result.matrix.rows = rows;
  result.matrix.columns = columns;
  CodePacking packing = *getCodePacking(CheckpointFormat::PackQuantized, found);
  result.matrix.codes =
      packing.unpack(getElements<uint32_t>(**words), rows, columns);
  uint8_t half = 1 << (found - 1);
  for (uint8_t &code : result.matrix.codes)
    code ^= half;
  if (llvm::Error error = readScales(tensors, result))
    return std::move(error);
  if (tensors.count(".weight_zero_point")) {
    if (llvm::Error error =
            checkRowGroups(result, CheckpointFormat::PackQuantized))
      return std::move(error);
    CodePacking zeroPacking =
        *getZeroPointPacking(CheckpointFormat::PackQuantized, found);
    int64_t groups = result.matrix.params.blockColumns;
    auto [height, breadth] = zeroPacking.getShape(rows, groups);
    auto zeros =
        getMatrix(tensors, ".weight_zero_point", "i32", height, breadth);
    if (!zeros)
      return zeros.takeError();
    std::vector<float> zeroPoints;
    for (uint8_t zero :
         zeroPacking.unpack(getElements<uint32_t>(**zeros), rows, groups))
      zeroPoints.push_back(static_cast<float>(zero) - static_cast<float>(half));
    setZeroPoints(result, std::move(zeroPoints));
  }
  return result;
}

llvm::Expected<LayerWeights> quantmlir::calibration::readCompressed(
    CheckpointFormat format, const io::ArrayMap &tensors, unsigned bits) {
  if (format == CheckpointFormat::PackQuantized)
    return readPacked(tensors, bits);
  bool isFloat = format == CheckpointFormat::FloatQuantized;
  if (bits != 0 && bits != 8)
    return makeError(getName(format) + " holds codes of 8 bits");
  auto weight = getMatrix(tensors, ".weight", isFloat ? "f8E4M3FN" : "i8");
  if (!weight)
    return weight.takeError();
  LayerWeights result;
  if (isFloat) {
    result.format.code = CodeKind::FP8E4M3;
    result.format.low = result.format.high = 0;
  } else {
    setInteger(result.format, 8);
  }
  if ((*weight)->data.size == 0)
    return makeError("'.weight' is " + io::describe(**weight) + ": empty");
  result.matrix.rows = (*weight)->shape[0];
  result.matrix.columns = (*weight)->shape[1];
  result.matrix.codes = getElements<uint8_t>(**weight);
  // Every integer is a code; of the floats, these two are NaN.
  for (auto [index, code] : llvm::enumerate(result.matrix.codes))
    if (isFloat && (code & 0x7f) == 0x7f)
      return makeError("'.weight' is NaN at element " + llvm::Twine(index));
  if (llvm::Error error = readScales(tensors, result))
    return std::move(error);
  auto it = tensors.find(".weight_zero_point");
  if (it == tensors.end())
    return result;
  const io::Array &zeros = it->second;
  if (isFloat)
    return makeError("float-quantized weights have no '.weight_zero_point'");
  if (zeros.element != "i8" || zeros.shape != tensors.at(".weight_scale").shape)
    return makeError("'.weight_zero_point' is " + io::describe(zeros) +
                     " where there should be i8 of the shape of "
                     "'.weight_scale'");
  std::vector<int8_t> elements = getElements<int8_t>(zeros);
  setZeroPoints(result, std::vector<float>(elements.begin(), elements.end()));
  return result;
}

llvm::Expected<io::ArrayMap>
quantmlir::calibration::writeCompressed(CheckpointFormat format,
                                        const LayerWeights &weights) {
  llvm::StringRef name = getName(format);
  bool isFloat = format == CheckpointFormat::FloatQuantized;
  bool isPacked = format == CheckpointFormat::PackQuantized;
  const WeightFormat &given = weights.format;
  if (isFloat ? given.code != CodeKind::FP8E4M3
              : given.code != CodeKind::Integer || given.hasFloatZeroPoint())
    return makeError(name + " holds " +
                     (isFloat ? "f8E4M3FN codes"
                              : "integer codes with integer zero points"));
  if (!isPacked && !isFloat && given.bits != 8)
    return makeError(name + " holds codes of 8 bits, not " +
                     llvm::Twine(given.bits));
  if (given.scale == ScaleKind::E8M0 || given.scale == ScaleKind::E4M3)
    return makeError(name + " holds scales of f32, f16 or bf16, not " +
                     getElementName(given.scale));
  bool isPerTensor = given.blockRows == 0 && given.blockColumns == 0;
  if (!isPerTensor || given.hasZeroPoint())
    if (llvm::Error error = checkRowGroups(weights, format))
      return std::move(error);
  // The group's size is not stored, so it must follow from their number.
  if (given.blockColumns != 0 &&
      weights.matrix.columns % given.blockColumns != 0)
    return makeError(name + " holds whole groups; " +
                     llvm::Twine(given.blockColumns) + " does not divide " +
                     llvm::Twine(weights.matrix.columns));
  LayerWeights stored = weights;
  if (!isFloat && !given.isSigned)
    stored = toSigned(std::move(stored));
  const QuantizedMatrix &matrix = stored.matrix;
  const WeightParams &params = matrix.params;
  std::vector<int64_t> shape = {params.blockRows, params.blockColumns};
  if (isPerTensor)
    shape = {1};
  io::ArrayMap tensors;
  tensors[".weight_scale"] =
      makeArray<uint8_t>(getElementName(given.scale), shape,
                         encodeScales(params.scales, given.scale));
  if (!matrix.groupIndex.empty())
    tensors[".weight_g_idx"] =
        makeArray<int32_t>("i32", {matrix.columns}, matrix.groupIndex);
  bool hasZeroPoint = stored.format.hasZeroPoint();
  if (!isPacked) {
    tensors[".weight"] =
        makeArray<uint8_t>(isFloat ? "f8E4M3FN" : "i8",
                           {matrix.rows, matrix.columns}, matrix.codes);
    if (hasZeroPoint)
      tensors[".weight_zero_point"] = makeArray<uint8_t>(
          "i8", shape, encodeZeroPoints(params.zeroPoints, ZeroPointKind::I8));
    return tensors;
  }
  CodePacking packing = *getCodePacking(format, given.bits);
  uint8_t half = 1 << (given.bits - 1);
  std::vector<uint8_t> codes = matrix.codes;
  for (uint8_t &code : codes)
    code ^= half;
  auto [height, breadth] = packing.getShape(matrix.rows, matrix.columns);
  tensors[".weight_packed"] =
      makeArray<uint32_t>("i32", {height, breadth},
                          packing.pack(codes, matrix.rows, matrix.columns));
  int64_t extents[] = {matrix.rows, matrix.columns};
  tensors[".weight_shape"] = makeArray<int64_t>("i64", {2}, extents);
  if (hasZeroPoint) {
    CodePacking zeroPacking = *getZeroPointPacking(format, given.bits);
    std::vector<uint8_t> zeros;
    for (float zeroPoint : params.zeroPoints) {
      auto zero = static_cast<int32_t>(zeroPoint) + half;
      if (zero < 0 || zero >= 1 << given.bits)
        return makeError("a zero point of " +
                         llvm::Twine(static_cast<int32_t>(zeroPoint)) +
                         " does not fit " + llvm::Twine(given.bits) + " bits");
      zeros.push_back(zero);
    }
    auto [zeroHeight, zeroBreadth] =
        zeroPacking.getShape(matrix.rows, params.blockColumns);
    tensors[".weight_zero_point"] = makeArray<uint32_t>(
        "i32", {zeroHeight, zeroBreadth},
        zeroPacking.pack(zeros, matrix.rows, params.blockColumns));
  }
  return tensors;
}
