//===- Words.cpp - GPTQ's and AWQ's layers --------------------------------===//

#include "LayerTensors.h"

using namespace quantmlir;
using namespace quantmlir::calibration;

/// Bits of a code of GPTQ's, from the words that K codes take.
static llvm::Expected<unsigned>
inferBits(const io::Array &words, const io::ArrayMap &tensors, unsigned bits) {
  auto it = tensors.find(".g_idx");
  if (it == tensors.end()) {
    if (bits != 0)
      return bits;
    return makeError("without '.g_idx' the number of bits has to be given");
  }
  if (it->second.element != "i32" || it->second.shape.size() != 1)
    return makeError("'.g_idx' is " + io::describe(it->second) +
                     " where there should be one i32 for each column");
  int64_t columns = it->second.shape[0];
  for (unsigned candidate : {2u, 3u, 4u, 8u})
    if ((bits == 0 || bits == candidate) && columns != 0 &&
        words.shape[0] * 32 == columns * int64_t(candidate))
      return candidate;
  return makeError("'.qweight' is " + io::describe(words) + ", which is not " +
                   llvm::Twine(columns) + " columns of 2, 3, 4 or 8 bits");
}

llvm::Expected<LayerWeights>
quantmlir::calibration::readWords(CheckpointFormat format,
                                  const io::ArrayMap &tensors, unsigned bits) {
  bool isAWQ = format == CheckpointFormat::AWQ;
  auto words = getMatrix(tensors, ".qweight", "i32");
  if (!words)
    return words.takeError();
  auto scales = getMatrix(tensors, ".scales", "");
  if (!scales)
    return scales.takeError();
  int64_t groups = (*scales)->shape[0], rows = (*scales)->shape[1];
  if (isAWQ) {
    if (bits != 0 && bits != 4)
      return makeError("AWQ's codes have 4 bits");
    bits = 4;
  } else {
    auto inferred = inferBits(**words, tensors, bits);
    if (!inferred)
      return inferred.takeError();
    bits = *inferred;
  }
  int64_t columns = isAWQ ? (*words)->shape[0] : (*words)->shape[0] * 32 / bits;
  // Without elements, extents could be anything.
  if (rows < 1 || columns < 1)
    return makeError("'.qweight' is " + io::describe(**words) + ": empty");
  CodePacking packing = *getCodePacking(format, bits);
  CodePacking zeroPacking = *getZeroPointPacking(format, bits);
  auto checkWords = [&](llvm::StringRef suffix, const CodePacking &packing,
                        int64_t width) -> llvm::Expected<std::vector<uint8_t>> {
    auto [height, breadth] = packing.getShape(rows, width);
    auto array = getMatrix(tensors, suffix, "i32", height, breadth);
    if (!array)
      return array.takeError();
    return packing.unpack(getElements<uint32_t>(**array), rows, width);
  };
  auto codes = checkWords(".qweight", packing, columns);
  if (!codes)
    return codes.takeError();
  auto zeros = checkWords(".qzeros", zeroPacking, groups);
  if (!zeros)
    return zeros.takeError();
  if (isAWQ && tensors.count(".g_idx"))
    return makeError("AWQ's groups are runs of columns: there is a '.g_idx'");
  auto columnGroups = readGroupIndex(tensors, ".g_idx", columns, groups);
  if (!columnGroups)
    return columnGroups.takeError();
  auto values = getScales(**scales, ".scales");
  if (!values)
    return values.takeError();

  LayerWeights result;
  WeightFormat &meaning = result.format;
  meaning.bits = bits;
  meaning.isSigned = false;
  meaning.low = 0;
  meaning.high = (1 << bits) - 1;
  meaning.scale = *getScaleKind((*scales)->element);
  meaning.zeroPoint = ZeroPointKind::UI8;
  meaning.blockColumns = columnGroups->extent;
  meaning.method = Method::MinMax;
  QuantizedMatrix &matrix = result.matrix;
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.codes = std::move(*codes);
  matrix.groupIndex = std::move(columnGroups->index);
  matrix.params.blockRows = rows;
  matrix.params.blockColumns = groups;
  matrix.params.scales = transpose(*values, groups, rows);
  for (uint8_t zero : *zeros)
    matrix.params.zeroPoints.push_back(
        format == CheckpointFormat::GPTQ ? (zero + 1) & meaning.high : zero);
  return result;
}

llvm::Expected<io::ArrayMap>
quantmlir::calibration::writeWords(CheckpointFormat format,
                                   const LayerWeights &weights) {
  const WeightFormat &given = weights.format;
  llvm::StringRef name = getName(format);
  bool isAWQ = format == CheckpointFormat::AWQ;
  if (given.code != CodeKind::Integer || given.hasFloatZeroPoint())
    return makeError(name + " holds integer codes with integer zero points");
  if (isAWQ ? given.bits != 4
            : given.bits != 2 && given.bits != 3 && given.bits != 4 &&
                  given.bits != 8)
    return makeError(name + " holds codes of " +
                     (isAWQ ? "4 bits, not " : "2, 3, 4 or 8 bits, not ") +
                     llvm::Twine(given.bits));
  if (isAWQ && !weights.matrix.groupIndex.empty())
    return makeError("awq holds groups that are runs of columns; these are "
                     "given by an index of columns");
  if (given.scale != ScaleKind::F16)
    return makeError(name + " holds scales of f16, not " +
                     getElementName(given.scale) + ": quantize with scale=f16");
  if (llvm::Error error = checkRowGroups(weights, format))
    return std::move(error);
  LayerWeights stored = toUnsigned(weights);
  const QuantizedMatrix &matrix = stored.matrix;
  int64_t rows = matrix.rows, columns = matrix.columns;
  int64_t groups = matrix.params.blockColumns;
  int64_t extent = given.blockColumns ? given.blockColumns : columns;
  // The packers of both formats fill whole words, and whole groups.
  if (rows * given.bits % 32 != 0 ||
      (isAWQ ? columns % extent : columns * given.bits % 32) != 0)
    return makeError(
        name + " holds whole words and groups; " + llvm::Twine(rows) + "x" +
        llvm::Twine(columns) + " codes of " + llvm::Twine(given.bits) +
        " bits in groups of " + llvm::Twine(extent) + " do not fill them");
  std::vector<uint8_t> zeros;
  for (auto [index, zeroPoint] : llvm::enumerate(matrix.params.zeroPoints)) {
    auto zero = static_cast<int32_t>(zeroPoint);
    if (zero < 0 || zero >= 1 << given.bits)
      return makeError("a zero point of " + llvm::Twine(zero) +
                       " does not fit " + llvm::Twine(given.bits) + " bits");
    if (format == CheckpointFormat::GPTQ) {
      // It would be stored as -1: some readers wrap it, others take it for
      // 2^bits.
      if (zero == 0)
        return makeError("gptq (v1) cannot hold the zero point 0 of row " +
                         llvm::Twine(index / groups) + ": write gptq_v2");
      --zero;
    }
    zeros.push_back(zero);
  }

  CodePacking packing = *getCodePacking(format, given.bits);
  CodePacking zeroPacking = *getZeroPointPacking(format, given.bits);
  auto [height, breadth] = packing.getShape(rows, columns);
  auto [zeroHeight, zeroBreadth] = zeroPacking.getShape(rows, groups);
  io::ArrayMap tensors;
  tensors[".qweight"] = makeArray<uint32_t>(
      "i32", {height, breadth}, packing.pack(matrix.codes, rows, columns));
  tensors[".qzeros"] = makeArray<uint32_t>(
      "i32", {zeroHeight, zeroBreadth}, zeroPacking.pack(zeros, rows, groups));
  tensors[".scales"] = makeArray<uint8_t>(
      "f16", {groups, rows},
      encodeScales(transpose(matrix.params.scales, rows, groups),
                   ScaleKind::F16));
  if (!isAWQ) {
    std::vector<int32_t> indices = matrix.groupIndex;
    if (indices.empty())
      for (int64_t column = 0; column < columns; ++column)
        indices.push_back(static_cast<int32_t>(column / extent));
    tensors[".g_idx"] = makeArray<int32_t>("i32", {columns}, indices);
  }
  return tensors;
}
