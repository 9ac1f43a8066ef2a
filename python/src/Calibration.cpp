//===- Calibration.cpp - Python over quantmlir-c/Weights.h ----------------===//
//
// Matrices in, (bytes, shape, element) out; what a NumPy array is, is Python's
// affair (quantmlir/weights.py).
//
//===----------------------------------------------------------------------===//

#include "Strings.h"
#include "quantmlir-c/Weights.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;
using namespace quantmlir::python;

namespace {

using Matrix = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Wide = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

QuantmlirMatrix toMatrix(const Matrix &matrix) {
  return {matrix.data(), static_cast<intptr_t>(matrix.shape(0)),
          static_cast<intptr_t>(matrix.shape(1))};
}

void require(bool condition, const char *message) {
  if (!condition)
    throw nb::value_error(message);
}

/// Owns quantized weights.
class Weights {
public:
  Weights(QuantmlirWeights weights, const std::string &error)
      : weights(weights) {
    if (!weights.ptr)
      throw nb::value_error(error.c_str());
  }
  Weights(Weights &&other) : weights(other.weights) {
    other.weights.ptr = nullptr;
  }
  ~Weights() {
    if (weights.ptr)
      quantmlirWeightsDestroy(weights);
  }

  static nb::object toTuple(QuantmlirArray array) {
    if (!array.element.data)
      return nb::none();
    return nb::make_tuple(
        nb::bytes(static_cast<const char *>(array.data), array.numBytes),
        std::vector<int64_t>(array.shape, array.shape + array.rank),
        toString(array.element));
  }
  nb::object codes() { return toTuple(quantmlirWeightsGetCodes(weights)); }
  nb::object scales() { return toTuple(quantmlirWeightsGetScales(weights)); }
  nb::object zeroPoints() {
    return toTuple(quantmlirWeightsGetZeroPoints(weights));
  }
  nb::object groupIndex() {
    return toTuple(quantmlirWeightsGetGroupIndex(weights));
  }
  std::vector<int64_t> shape() {
    return {quantmlirWeightsGetNumRows(weights),
            quantmlirWeightsGetNumColumns(weights)};
  }
  std::string encoding() {
    return toString(quantmlirWeightsGetEncoding(weights));
  }
  /// {suffix: (bytes, shape, element)}
  nb::dict toCheckpoint(const std::string &format) {
    std::string error;
    QuantmlirTensors tensors =
        quantmlirWeightsToCheckpoint(weights, toRef(format), append, &error);
    if (!tensors.ptr)
      throw nb::value_error(error.c_str());
    nb::dict result;
    for (intptr_t i = 0; i < quantmlirTensorsGetSize(tensors); ++i)
      result[nb::str(toString(quantmlirTensorsGetName(tensors, i)).c_str())] =
          toTuple(quantmlirTensorsGetArray(tensors, i));
    quantmlirTensorsDestroy(tensors);
    return result;
  }
  void dequantize(Matrix result) {
    require(static_cast<int64_t>(result.shape(0)) ==
                    quantmlirWeightsGetNumRows(weights) &&
                static_cast<int64_t>(result.shape(1)) ==
                    quantmlirWeightsGetNumColumns(weights),
            "the result must have the shape of the weights");
    nb::gil_scoped_release release;
    quantmlirWeightsDequantize(weights, toMatrix(result));
  }

private:
  QuantmlirWeights weights;
};

Weights quantizeWeights(Matrix weights, const std::string &scheme) {
  std::string error;
  QuantmlirWeights result;
  {
    nb::gil_scoped_release release;
    result = quantmlirQuantizeWeights(toMatrix(weights), toRef(scheme), append,
                                      &error);
  }
  return Weights(result, error);
}

/// `tensors` are (suffix, array of bytes, shape, element).
Weights fromCheckpoint(const std::string &format, nb::list tensors,
                       unsigned bits, bool isSigned) {
  using ByteArray =
      nb::ndarray<nb::ro, uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  std::vector<std::string> suffixes, elements;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<ByteArray> bytes;
  for (nb::handle tensor : tensors) {
    auto [suffix, array, shape, element] = nb::cast<
        std::tuple<std::string, nb::object, std::vector<int64_t>, std::string>>(
        tensor);
    suffixes.push_back(std::move(suffix));
    bytes.push_back(nb::cast<ByteArray>(array));
    shapes.push_back(std::move(shape));
    elements.push_back(std::move(element));
  }
  std::vector<MlirStringRef> names;
  std::vector<QuantmlirArray> arrays;
  for (size_t i = 0; i < bytes.size(); ++i) {
    names.push_back(toRef(suffixes[i]));
    arrays.push_back({bytes[i].data(), bytes[i].size(),
                      static_cast<intptr_t>(shapes[i].size()), shapes[i].data(),
                      toRef(elements[i])});
  }
  std::string error;
  QuantmlirWeights result = quantmlirWeightsFromCheckpoint(
      toRef(format), arrays.size(), names.data(), arrays.data(), bits, isSigned,
      append, &error);
  return Weights(result, error);
}

std::string getCheckpointLayout(const std::string &format, unsigned bits) {
  std::string text;
  if (mlirLogicalResultIsFailure(quantmlirCheckpointGetLayout(
          toRef(format), bits, append, append, &text)))
    throw nb::value_error(text.c_str());
  return text;
}

void checkHessian(const Matrix &weights, const Wide &hessian) {
  require(hessian.shape(0) == weights.shape(1) &&
              hessian.shape(1) == weights.shape(1),
          "the Hessian must be KxK for weights of NxK");
}

nb::dict toDict(const QuantmlirGPTQReport &report) {
  nb::dict told;
  told["damping"] = report.damping;
  told["damping_steps"] = report.dampingSteps;
  told["dead_columns"] = report.deadColumns;
  told["objective"] = report.objective;
  told["rounding_objective"] = report.roundingObjective;
  return told;
}

nb::tuple quantizeGPTQ(Matrix weights, Wide hessian, const std::string &scheme,
                       int64_t blockSize, double damping, bool actOrder,
                       bool staticGroups, bool orderedGroups) {
  checkHessian(weights, hessian);
  std::string error;
  QuantmlirGPTQReport report;
  QuantmlirWeights result;
  {
    nb::gil_scoped_release release;
    result = quantmlirQuantizeGPTQ(
        toMatrix(weights), hessian.data(), toRef(scheme),
        {blockSize, damping, actOrder, staticGroups, orderedGroups}, &report,
        append, &error);
  }
  Weights owner(result, error);
  return nb::make_tuple(std::move(owner), toDict(report));
}

nb::dict toDict(const QuantmlirAWQReport &report,
                const std::vector<double> &searched) {
  nb::dict told;
  told["alpha"] = report.alpha;
  told["clipped"] = report.clipped;
  told["blocks"] = report.blocks;
  told["objective"] = report.objective;
  told["rounding_objective"] = report.roundingObjective;
  told["searched"] = searched;
  return told;
}

void checkChannels(const Matrix &weights, const Doubles &absMean,
                   const Floats &channelScales) {
  require(absMean.shape(0) == weights.shape(1) &&
              channelScales.shape(0) == weights.shape(1),
          "there must be one mean for each column of the weights");
}

nb::tuple quantizeAWQ(Matrix weights, Doubles absMean, Wide hessian,
                      const std::string &scheme, int64_t grid,
                      int64_t searchRows, bool clip, int64_t clipSteps,
                      Floats channelScales) {
  checkHessian(weights, hessian);
  checkChannels(weights, absMean, channelScales);
  std::string error;
  QuantmlirAWQReport report;
  QuantmlirWeights result;
  std::vector<double> searched(grid > 0 ? grid : 0);
  {
    nb::gil_scoped_release release;
    result = quantmlirQuantizeAWQ(
        toMatrix(weights), absMean.data(), hessian.data(), toRef(scheme),
        {grid, searchRows, clip, clipSteps}, channelScales.data(),
        searched.data(), &report, append, &error);
  }
  Weights owner(result, error);
  return nb::make_tuple(std::move(owner), toDict(report, searched));
}

nb::tuple quantizeAWQThenGPTQ(Matrix weights, Doubles absMean, Wide hessian,
                              const std::string &scheme, int64_t grid,
                              int64_t searchRows, int64_t blockSize,
                              double damping, bool actOrder, bool staticGroups,
                              bool orderedGroups, Floats channelScales) {
  checkHessian(weights, hessian);
  checkChannels(weights, absMean, channelScales);
  std::string error;
  QuantmlirAWQReport awq;
  QuantmlirGPTQReport gptq;
  QuantmlirWeights result;
  std::vector<double> searched(grid > 0 ? grid : 0);
  QuantmlirAWQOptions awqOptions = quantmlirAWQOptionsGetDefault();
  awqOptions.grid = grid;
  awqOptions.searchRows = searchRows;
  {
    nb::gil_scoped_release release;
    result = quantmlirQuantizeAWQThenGPTQ(
        toMatrix(weights), absMean.data(), hessian.data(), toRef(scheme),
        awqOptions, {blockSize, damping, actOrder, staticGroups, orderedGroups},
        channelScales.data(), searched.data(), &awq, &gptq, append, &error);
  }
  Weights owner(result, error);
  return nb::make_tuple(std::move(owner), toDict(awq, searched), toDict(gptq));
}

void accumulateHessian(Matrix samples, Wide hessian) {
  require(hessian.shape(0) == samples.shape(1) &&
              hessian.shape(1) == samples.shape(1),
          "the Hessian must be KxK for samples of K inputs");
  nb::gil_scoped_release release;
  quantmlirAccumulateHessian(toMatrix(samples), hessian.data());
}

double computeObjective(Matrix a, Matrix b, Wide hessian) {
  checkHessian(a, hessian);
  require(a.shape(0) == b.shape(0) && a.shape(1) == b.shape(1),
          "the matrices must have the same shape");
  nb::gil_scoped_release release;
  return quantmlirComputeObjective(toMatrix(a), toMatrix(b), hessian.data());
}

void computeSmoothScales(Floats inputs, Floats weights, double alpha,
                         Floats scales) {
  require(inputs.shape(0) == weights.shape(0) &&
              inputs.shape(0) == scales.shape(0),
          "inputs and weights must have as many channels");
  quantmlirComputeSmoothScales(inputs.shape(0), inputs.data(), weights.data(),
                               alpha, scales.data());
}

nb::tuple searchSmoothAlpha(Matrix samples, std::vector<Matrix> weights,
                            const std::string &scheme, int64_t steps,
                            Floats scales) {
  require(scales.shape(0) == samples.shape(1),
          "there must be one scale for each channel");
  require(steps >= 1, "the search needs at least one step");
  std::vector<QuantmlirMatrix> matrices;
  for (const Matrix &matrix : weights)
    matrices.push_back(toMatrix(matrix));
  double alpha = 0;
  std::vector<double> alphas(steps + 1), losses(steps + 1);
  std::string error;
  MlirLogicalResult result;
  {
    nb::gil_scoped_release release;
    result = quantmlirSearchSmoothAlpha(toMatrix(samples), matrices.size(),
                                        matrices.data(), toRef(scheme), steps,
                                        &alpha, scales.data(), alphas.data(),
                                        losses.data(), append, &error);
  }
  if (mlirLogicalResultIsFailure(result))
    throw nb::value_error(error.c_str());
  return nb::make_tuple(alpha, alphas, losses);
}

void rotate(Matrix rows, uint64_t seed, bool inverse) {
  std::string error;
  MlirLogicalResult result;
  {
    nb::gil_scoped_release release;
    result =
        quantmlirHadamardRotate(toMatrix(rows), seed, inverse, append, &error);
  }
  if (mlirLogicalResultIsFailure(result))
    throw nb::value_error(error.c_str());
}

} // namespace

NB_MODULE(_calibration, m) {
  nb::class_<Weights>(m, "Weights")
      .def_prop_ro("codes", &Weights::codes)
      .def_prop_ro("scales", &Weights::scales)
      .def_prop_ro("zero_points", &Weights::zeroPoints)
      .def_prop_ro("group_index", &Weights::groupIndex)
      .def_prop_ro("encoding", &Weights::encoding)
      .def_prop_ro("shape", &Weights::shape)
      .def("to_checkpoint", &Weights::toCheckpoint, nb::arg("format"))
      .def("dequantize", &Weights::dequantize, nb::arg("result"));
  m.def("from_checkpoint", &fromCheckpoint);
  m.def("checkpoint_layout", &getCheckpointLayout);
  m.def("quantize_weights", &quantizeWeights);
  m.def("gptq", &quantizeGPTQ);
  m.def("awq", &quantizeAWQ);
  m.def("awq_gptq", &quantizeAWQThenGPTQ);
  m.def("accumulate_hessian", &accumulateHessian);
  m.def("compute_objective", &computeObjective);
  m.def("compute_smooth_scales", &computeSmoothScales);
  m.def("search_smooth_alpha", &searchSmoothAlpha);
  m.def("rotate", &rotate);
}
