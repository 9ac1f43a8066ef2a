//===- Parts.cpp - Codes, scales and zero points as arrays ----------------===//

#include "LayerTensors.h"

using namespace quantmlir;
using namespace quantmlir::calibration;

static llvm::StringRef getCodesElement(const WeightFormat &format) {
  return format.code == CodeKind::FP8E4M3   ? "f8E4M3FN"
         : format.code == CodeKind::FP8E5M2 ? "f8E5M2"
                                            : "i8";
}

static llvm::StringRef getZeroPointsElement(const WeightFormat &format) {
  return format.hasFloatZeroPoint() ? getElementName(format.zeroPoint) : "i8";
}

static int64_t getRowBytes(const WeightFormat &format, int64_t columns) {
  return (columns * static_cast<int64_t>(format.bits) + 7) / 8;
}

io::ArrayMap quantmlir::calibration::makeParts(const LayerWeights &weights) {
  const auto &[format, matrix] = weights;
  const WeightParams &params = matrix.params;
  std::vector<int64_t> blocks = {params.blockRows, params.blockColumns};
  io::ArrayMap parts;
  parts["codes"] =
      makeArray<uint8_t>(getCodesElement(format),
                         {matrix.rows, getRowBytes(format, matrix.columns)},
                         packRowMajor(matrix, format.bits));
  parts["scales"] =
      makeArray<uint8_t>(getElementName(format.scale), blocks,
                         encodeScales(params.scales, format.scale));
  if (format.hasZeroPoint())
    parts["zero_points"] = makeArray<uint8_t>(
        getZeroPointsElement(format), blocks,
        encodeZeroPoints(params.zeroPoints, format.zeroPoint));
  if (!matrix.groupIndex.empty())
    parts["group_index"] =
        makeArray<int32_t>("i32", {matrix.columns}, matrix.groupIndex);
  return parts;
}

llvm::Expected<LayerWeights>
quantmlir::calibration::readParts(const WeightFormat &format, int64_t rows,
                                  int64_t columns, const io::ArrayMap &parts) {
  LayerWeights result{format, {}};
  QuantizedMatrix &matrix = result.matrix;
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.params.blockRows = format.getNumBlockRows(rows);
  matrix.params.blockColumns = format.getNumBlockColumns(columns);
  auto codes = getMatrix(parts, "codes", getCodesElement(format), rows,
                         getRowBytes(format, columns));
  if (!codes)
    return codes.takeError();
  matrix.codes =
      unpackRowMajor(getElements<uint8_t>(**codes), rows, columns, format.bits);
  auto scales = getMatrix(parts, "scales", getElementName(format.scale),
                          matrix.params.blockRows, matrix.params.blockColumns);
  if (!scales)
    return scales.takeError();
  auto values = getScales(**scales, "scales");
  if (!values)
    return values.takeError();
  matrix.params.scales = std::move(*values);
  if (parts.count("group_index")) {
    auto groups = readGroupIndex(parts, "group_index", columns,
                                 matrix.params.blockColumns);
    if (!groups)
      return groups.takeError();
    matrix.groupIndex = std::move(groups->index);
  }
  if (!format.hasZeroPoint())
    return result;
  auto zeros = getMatrix(parts, "zero_points", getZeroPointsElement(format),
                         matrix.params.blockRows, matrix.params.blockColumns);
  if (!zeros)
    return zeros.takeError();
  if (format.hasFloatZeroPoint()) {
    auto floats = getScales(**zeros, "zero_points");
    if (!floats)
      return floats.takeError();
    matrix.params.zeroPoints = std::move(*floats);
    return result;
  }
  for (uint8_t zero : getElements<uint8_t>(**zeros))
    matrix.params.zeroPoints.push_back(
        format.zeroPoint == ZeroPointKind::UI8
            ? static_cast<float>(zero)
            : static_cast<float>(static_cast<int8_t>(zero)));
  return result;
}
