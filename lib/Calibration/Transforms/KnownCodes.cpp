//===- KnownCodes.cpp - Codes that are made while compiling ---------------===//

#include "KnownCodes.h"
#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

/// The `rows` x `columns` elements of `values`, columns first.
template <typename T>
static std::vector<T> transpose(const std::vector<T> &values, int64_t rows,
                                int64_t columns) {
  std::vector<T> result(values.size());
  if (values.empty())
    return result;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result[j * rows + i] = values[i * columns + j];
  return result;
}

/// The same weights as a K×N matrix.
static LayerWeights transpose(LayerWeights weights) {
  auto &[format, matrix] = weights;
  WeightParams &params = matrix.params;
  matrix.codes = transpose(matrix.codes, matrix.rows, matrix.columns);
  params.scales =
      transpose(params.scales, params.blockRows, params.blockColumns);
  params.zeroPoints =
      transpose(params.zeroPoints, params.blockRows, params.blockColumns);
  std::swap(matrix.rows, matrix.columns);
  std::swap(params.blockRows, params.blockColumns);
  std::swap(format.blockRows, format.blockColumns);
  return weights;
}

llvm::Expected<io::ArrayMap> quantmlir::calibration::quantizeLayerByGPTQ(
    const Layer &layer, const TensorScheme &scheme, const WeightValues &values,
    const TensorStatistics &inputs, GPTQReport &report) {
  auto weights = values.evaluate(layer);
  if (!weights)
    return llvm::createStringError("its weight is not known: " +
                                   llvm::toString(weights.takeError()));
  if (inputs.xtx.empty())
    return llvm::createStringError("the statistic xtx of '" +
                                   layer.getActivationName() +
                                   "' was not kept");
  int64_t columns = inputs.channels;
  int64_t rows = int64_t(weights->size()) / columns;
  WeightFormat format = WeightFormat::get(scheme).fit(rows, columns);
  auto result = quantizeGPTQ({weights->data(), rows, columns},
                             {inputs.xtx.data(), columns, columns}, format);
  if (!result)
    return result.takeError();
  report = result->report;
  LayerWeights made{format, std::move(result->matrix)};
  if (layer.getWeightAxis() == 0)
    made = transpose(std::move(made));
  return makeParts(made);
}

llvm::Expected<Value>
quantmlir::calibration::assembleConstants(OpBuilder &builder, Location loc,
                                          RankedTensorType type,
                                          const io::ArrayMap &parts) {
  EncodingAttr encoding = getEncoding(type);
  auto create = [&](const char *name,
                    RankedTensorType expected) -> llvm::Expected<Value> {
    auto it = parts.find(name);
    if (it == parts.end() ||
        ArrayRef<int64_t>(it->second.shape) != expected.getShape() ||
        int64_t(it->second.data.size * 8) !=
            expected.getNumElements() *
                int64_t(expected.getElementTypeBitWidth()))
      return llvm::createStringError("its " + Twine(name) +
                                     " are not those of its type");
    ArrayRef<char> bytes(reinterpret_cast<const char *>(it->second.data.data),
                         it->second.data.size);
    return arith::ConstantOp::create(
               builder, loc,
               DenseElementsAttr::getFromRawBuffer(expected, bytes))
        .getResult();
  };
  auto codes = create("codes", encoding.getCodesType(type.getShape()));
  if (!codes)
    return codes.takeError();
  auto scales = create("scales", encoding.getScalesType(type.getShape()));
  if (!scales)
    return scales.takeError();
  Value zeroPoints;
  if (encoding.hasZeroPoint()) {
    auto points =
        create("zero_points", encoding.getZeroPointsType(type.getShape()));
    if (!points)
      return points.takeError();
    zeroPoints = *points;
  }
  return AssembleOp::create(builder, loc, type, *codes, *scales, zeroPoints)
      .getResult();
}
