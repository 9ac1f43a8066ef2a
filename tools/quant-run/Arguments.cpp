//===- Arguments.cpp - Arrays as the manifest wants them ------------------===//

#include "QuantRun.h"

#include "llvm/ADT/STLExtras.h"

using namespace quantmlir;
using namespace quantmlir::run;

static llvm::Expected<PlanHandle> makePlan(const QuantmlirRtArtifact *artifact,
                                           size_t function,
                                           const std::vector<io::Array> &arrays,
                                           size_t numDims) {
  std::vector<int64_t> dims(numDims);
  for (size_t i = 0; i < numDims; ++i) {
    QuantmlirRtDimInfo dim;
    if (llvm::Error error =
            check(quantmlirRtArtifactGetDimInfo(artifact, function, i, &dim)))
      return std::move(error);
    const io::Array &array = arrays[dim.buffer];
    if (dim.axis >= array.shape.size())
      return makeError(llvm::Twine("dimension '") + dim.name +
                       "' belongs to a buffer that no array is read for");
    dims[i] = array.shape[dim.axis];
  }
  QuantmlirRtPlan *plan = nullptr;
  if (llvm::Error error = check(quantmlirRtPlanCreate(
          artifact, function, dims.data(), dims.size(), &plan)))
    return std::move(error);
  return PlanHandle(plan);
}

llvm::Expected<Arguments>
quantmlir::run::readArguments(const QuantmlirRtArtifact *artifact,
                              size_t function, Inputs &inputs,
                              const Shapes &preparedShapes) {
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error =
          check(quantmlirRtArtifactGetFunctionInfo(artifact, function, &info)))
    return std::move(error);
  Arguments result;
  result.arrays.resize(info.numBuffers);
  result.buffers.resize(info.numBuffers);
  for (size_t i = 0; i < info.numBuffers; ++i) {
    QuantmlirRtBufferInfo &buffer = result.buffers[i];
    if (llvm::Error error = check(
            quantmlirRtArtifactGetBufferInfo(artifact, function, i, &buffer)))
      return std::move(error);
    if (buffer.role == QUANTMLIR_RT_PREPARED)
      result.arrays[i].shape = preparedShapes[buffer.preparedFrom];
    if (!isGiven(buffer.role))
      continue;
    Argument argument{
        buffer.name, buffer.element, {}, buffer.role == QUANTMLIR_RT_WEIGHT};
    argument.shape.resize(buffer.rank);
    if (llvm::Error error = check(quantmlirRtArtifactGetBufferShape(
            artifact, function, i, argument.shape.data(), buffer.rank)))
      return std::move(error);
    auto array = inputs.get(argument);
    if (!array)
      return array.takeError();
    result.arrays[i] = std::move(*array);
  }
  auto plan = makePlan(artifact, function, result.arrays, info.numDims);
  if (!plan)
    return plan.takeError();
  result.plan = std::move(*plan);

  // Two arrays that share a dimension may disagree on its size.
  for (size_t i = 0; i < info.numBuffers; ++i) {
    if (!isGiven(result.buffers[i].role))
      continue;
    const io::Array &array = result.arrays[i];
    std::vector<int64_t> shape(array.shape.size());
    if (llvm::Error error = check(quantmlirRtPlanGetBufferShape(
            result.plan.get(), i, shape.data(), shape.size())))
      return std::move(error);
    if (shape == array.shape)
      continue;
    std::string expected;
    for (int64_t size : shape)
      expected += std::to_string(size) + "x";
    return makeError(llvm::Twine("'") + result.buffers[i].name + "' is " +
                     io::describe(array) +
                     "; with the other arrays' dimensions it has to be " +
                     expected + result.buffers[i].element);
  }
  return result;
}

llvm::Expected<Shapes>
quantmlir::run::getResultShapes(const Arguments &arguments) {
  Shapes shapes;
  for (auto [index, buffer] : llvm::enumerate(arguments.buffers)) {
    if (buffer.role != QUANTMLIR_RT_OUTPUT)
      continue;
    std::vector<int64_t> &shape = shapes.emplace_back(buffer.rank);
    if (llvm::Error error = check(quantmlirRtPlanGetBufferShape(
            arguments.plan.get(), index, shape.data(), shape.size())))
      return std::move(error);
  }
  return shapes;
}

llvm::Error quantmlir::run::checkArguments(const QuantmlirRtArtifact *artifact,
                                           size_t function, Inputs &inputs) {
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error =
          check(quantmlirRtArtifactGetFunctionInfo(artifact, function, &info)))
    return error;
  Shapes preparedShapes;
  if (info.prepare >= 0) {
    // A prepare function has none of its own.
    auto before = readArguments(artifact, info.prepare, inputs, {});
    if (!before)
      return before.takeError();
    auto shapes = getResultShapes(*before);
    if (!shapes)
      return shapes.takeError();
    preparedShapes = std::move(*shapes);
  }
  return readArguments(artifact, function, inputs, preparedShapes).takeError();
}
