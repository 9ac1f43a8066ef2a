//===- RunOnCuda.cpp - The artifact's kernels on a device -----------------===//

#include "QuantRun.h"

#include <chrono>

using namespace quantmlir;
using namespace quantmlir::run;

namespace {
using PlanHandle =
    std::unique_ptr<QuantmlirRtPlan, Destroyer<quantmlirRtPlanDestroy>>;
using ContextHandle =
    std::unique_ptr<QuantmlirRtContext, Destroyer<quantmlirRtContextDestroy>>;
using ExecutableHandle =
    std::unique_ptr<QuantmlirRtExecutable,
                    Destroyer<quantmlirRtExecutableDestroy>>;

/// Device memory, freed with the session.
class DeviceMemory {
public:
  explicit DeviceMemory(const QuantmlirRtContext *context) : context(context) {}
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;
  ~DeviceMemory() {
    for (QuantmlirRtBuffer buffer : buffers)
      quantmlirRtMemoryFree(context, buffer);
  }
  llvm::Expected<QuantmlirRtBuffer> allocate(size_t bytes) {
    QuantmlirRtBuffer buffer = {0, 0};
    if (llvm::Error error =
            check(quantmlirRtMemoryAllocate(context, bytes, &buffer)))
      return std::move(error);
    buffers.push_back(buffer);
    return buffer;
  }

private:
  const QuantmlirRtContext *context;
  std::vector<QuantmlirRtBuffer> buffers;
};

/// A function planned at the dimensions of its inputs, with all its memory.
struct Prepared {
  PlanHandle plan;
  std::vector<QuantmlirRtBuffer> buffers;
  QuantmlirRtBuffer workspace = {0, 0};
};

class Session {
public:
  Session(const QuantmlirRtArtifact *artifact,
          const QuantmlirRtContext *context,
          const QuantmlirRtExecutable *executable, Inputs &inputs)
      : artifact(artifact), context(context), executable(executable),
        inputs(inputs), memory(context) {}

  /// Reads and uploads the inputs of `function`; its prepared buffers come from
  /// its prepare function, which is run.
  llvm::Expected<Prepared> prepare(size_t function);
  llvm::Error launch(const Prepared &prepared) {
    return check(quantmlirRtLaunch(executable, prepared.plan.get(),
                                   prepared.buffers.data(),
                                   prepared.buffers.size(), prepared.workspace,
                                   /*stream=*/nullptr));
  }
  llvm::Error synchronize() {
    return check(quantmlirRtStreamSynchronize(context, nullptr));
  }
  llvm::Expected<Outcome> download(size_t function, const Prepared &prepared);

private:
  llvm::Expected<Argument> describe(size_t function, size_t buffer);
  llvm::Expected<PlanHandle> makePlan(size_t function,
                                      const std::vector<io::Array> &arrays,
                                      const QuantmlirRtFunctionInfo &info);

  const QuantmlirRtArtifact *artifact;
  const QuantmlirRtContext *context;
  const QuantmlirRtExecutable *executable;
  Inputs &inputs;
  DeviceMemory memory;
};
} // namespace

llvm::Expected<Argument> Session::describe(size_t function, size_t buffer) {
  QuantmlirRtBufferInfo info;
  if (llvm::Error error = check(
          quantmlirRtArtifactGetBufferInfo(artifact, function, buffer, &info)))
    return std::move(error);
  Argument argument{info.name, info.element, {}};
  argument.shape.resize(info.rank);
  if (llvm::Error error = check(quantmlirRtArtifactGetBufferShape(
          artifact, function, buffer, argument.shape.data(), info.rank)))
    return std::move(error);
  return argument;
}

llvm::Expected<PlanHandle>
Session::makePlan(size_t function, const std::vector<io::Array> &arrays,
                  const QuantmlirRtFunctionInfo &info) {
  std::vector<int64_t> dims(info.numDims);
  for (size_t i = 0; i < info.numDims; ++i) {
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

llvm::Expected<Prepared> Session::prepare(size_t function) {
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error =
          check(quantmlirRtArtifactGetFunctionInfo(artifact, function, &info)))
    return std::move(error);

  // Outputs of the prepare function, in their order, and their shapes.
  std::vector<QuantmlirRtBuffer> preparedBuffers;
  std::vector<std::vector<int64_t>> preparedShapes;
  if (info.prepare >= 0) {
    auto before = prepare(info.prepare);
    if (!before)
      return before.takeError();
    if (llvm::Error error = launch(*before))
      return std::move(error);
    for (size_t i = 0; i < before->buffers.size(); ++i) {
      QuantmlirRtBufferInfo buffer;
      if (llvm::Error error = check(quantmlirRtArtifactGetBufferInfo(
              artifact, info.prepare, i, &buffer)))
        return std::move(error);
      if (buffer.role != QUANTMLIR_RT_OUTPUT)
        continue;
      preparedBuffers.push_back(before->buffers[i]);
      std::vector<int64_t> &shape = preparedShapes.emplace_back(buffer.rank);
      if (llvm::Error error = check(quantmlirRtPlanGetBufferShape(
              before->plan.get(), i, shape.data(), shape.size())))
        return std::move(error);
    }
  }

  std::vector<QuantmlirRtRole> roles;
  std::vector<io::Array> arrays(info.numBuffers);
  Prepared result;
  result.buffers.resize(info.numBuffers, {0, 0});
  for (size_t i = 0; i < info.numBuffers; ++i) {
    QuantmlirRtBufferInfo buffer;
    if (llvm::Error error = check(
            quantmlirRtArtifactGetBufferInfo(artifact, function, i, &buffer)))
      return std::move(error);
    roles.push_back(buffer.role);
    if (buffer.role == QUANTMLIR_RT_PREPARED) {
      result.buffers[i] = preparedBuffers[buffer.preparedFrom];
      arrays[i].shape = preparedShapes[buffer.preparedFrom];
    }
    if (buffer.role != QUANTMLIR_RT_INPUT && buffer.role != QUANTMLIR_RT_WEIGHT)
      continue;
    auto argument = describe(function, i);
    if (!argument)
      return argument.takeError();
    auto array = inputs.get(*argument);
    if (!array)
      return array.takeError();
    arrays[i] = std::move(*array);
  }
  auto plan = makePlan(function, arrays, info);
  if (!plan)
    return plan.takeError();
  result.plan = std::move(*plan);

  for (size_t i = 0; i < info.numBuffers; ++i) {
    if (roles[i] == QUANTMLIR_RT_PREPARED || roles[i] == QUANTMLIR_RT_TEMPORARY)
      continue;
    size_t bytes = 0;
    if (llvm::Error error =
            check(quantmlirRtPlanGetBufferBytes(result.plan.get(), i, &bytes)))
      return std::move(error);
    auto buffer = memory.allocate(bytes);
    if (!buffer)
      return buffer.takeError();
    result.buffers[i] = *buffer;
    if (roles[i] == QUANTMLIR_RT_OUTPUT)
      continue;
    // Two arrays that share a dimension may disagree on its size.
    if (arrays[i].data.size != bytes)
      return makeError("an input is " + io::describe(arrays[i]) +
                       ", which is " + llvm::Twine(arrays[i].data.size) +
                       " bytes; with the "
                       "other inputs' dimensions it needs " +
                       llvm::Twine(bytes));
    if (llvm::Error error = check(quantmlirRtMemoryCopyToDevice(
            context, *buffer, arrays[i].data.data, bytes, nullptr)))
      return std::move(error);
  }
  auto workspace =
      memory.allocate(quantmlirRtPlanGetWorkspaceBytes(result.plan.get()));
  if (!workspace)
    return workspace.takeError();
  result.workspace = *workspace;
  return result;
}

llvm::Expected<Outcome> Session::download(size_t function,
                                          const Prepared &prepared) {
  Outcome outcome;
  for (size_t i = 0; i < prepared.buffers.size(); ++i) {
    QuantmlirRtBufferInfo info;
    if (llvm::Error error = check(
            quantmlirRtArtifactGetBufferInfo(artifact, function, i, &info)))
      return std::move(error);
    if (info.role != QUANTMLIR_RT_OUTPUT)
      continue;
    io::Array array;
    array.element = info.element;
    array.shape.resize(info.rank);
    if (llvm::Error error = check(quantmlirRtPlanGetBufferShape(
            prepared.plan.get(), i, array.shape.data(), info.rank)))
      return std::move(error);
    uint8_t *target = nullptr;
    array.data = io::Bytes::allocate(prepared.buffers[i].bytes, target);
    if (llvm::Error error = check(quantmlirRtMemoryCopyToHost(
            context, target, prepared.buffers[i], array.data.size, nullptr)))
      return std::move(error);
    outcome.results.emplace_back(info.name, std::move(array));
  }
  return outcome;
}

llvm::Expected<Outcome>
quantmlir::run::runOnCuda(const QuantmlirRtArtifact *artifact, size_t function,
                          Inputs &inputs, const Options &options) {
  QuantmlirRtContext *contextHandle = nullptr;
  if (llvm::Error error =
          check(quantmlirRtContextCreate(options.ordinal, &contextHandle)))
    return std::move(error);
  ContextHandle context(contextHandle);
  QuantmlirRtExecutable *executableHandle = nullptr;
  if (llvm::Error error = check(quantmlirRtExecutableCreate(
          context.get(), artifact, options.image, &executableHandle)))
    return std::move(error);
  ExecutableHandle executable(executableHandle);

  Session session(artifact, context.get(), executable.get(), inputs);
  auto prepared = session.prepare(function);
  if (!prepared)
    return prepared.takeError();
  if (llvm::Error error = inputs.checkAllUsed())
    return std::move(error);
  if (llvm::Error error = session.launch(*prepared))
    return std::move(error);
  auto outcome = session.download(function, *prepared);
  if (!outcome)
    return outcome.takeError();

  auto start = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < options.bench; ++i)
    if (llvm::Error error = session.launch(*prepared))
      return std::move(error);
  if (llvm::Error error = session.synchronize())
    return std::move(error);
  std::chrono::duration<double, std::micro> time =
      std::chrono::steady_clock::now() - start;
  if (options.bench != 0)
    outcome->microseconds = time.count() / options.bench;
  return outcome;
}
