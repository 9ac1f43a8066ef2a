//===- RunOnCuda.cpp - The artifact's kernels on a device -----------------===//

#include "QuantRun.h"

#include <chrono>

using namespace quantmlir;
using namespace quantmlir::run;

namespace {
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
  Arguments arguments;
  std::vector<QuantmlirRtBuffer> buffers;
  QuantmlirRtBuffer workspace = {0, 0};
};

class Session {
public:
  Session(const QuantmlirRtArtifact *artifact,
          const QuantmlirRtContext *context,
          const QuantmlirRtExecutable *executable, Inputs &inputs,
          const Options &options)
      : artifact(artifact), context(context), executable(executable),
        inputs(inputs), options(options), memory(context) {}

  /// Reads and uploads the inputs of `function`; its prepared buffers come from
  /// its prepare function, which is run.
  llvm::Expected<Prepared> prepare(size_t function);
  llvm::Error launch(const Prepared &prepared) {
    return check(quantmlirRtLaunch(executable, prepared.arguments.plan.get(),
                                   prepared.buffers.data(),
                                   prepared.buffers.size(), prepared.workspace,
                                   /*stream=*/nullptr));
  }
  llvm::Error synchronize() {
    return check(quantmlirRtStreamSynchronize(context, nullptr));
  }
  llvm::Expected<Outcome> download(size_t function, const Prepared &prepared);

private:
  const QuantmlirRtArtifact *artifact;
  const QuantmlirRtContext *context;
  const QuantmlirRtExecutable *executable;
  Inputs &inputs;
  const Options &options;
  DeviceMemory memory;
};
} // namespace

llvm::Expected<Prepared> Session::prepare(size_t function) {
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error =
          check(quantmlirRtArtifactGetFunctionInfo(artifact, function, &info)))
    return std::move(error);

  // Outputs of the prepare function, in their order, and their shapes.
  std::vector<QuantmlirRtBuffer> preparedBuffers;
  Shapes preparedShapes;
  if (info.prepare >= 0) {
    auto before = prepare(info.prepare);
    if (!before)
      return before.takeError();
    if (llvm::Error error = launch(*before))
      return std::move(error);
    // A kernel with dependent launch reads weights before it waits for the
    // kernels before it.
    if (llvm::Error error = synchronize())
      return std::move(error);
    auto shapes = getResultShapes(before->arguments);
    if (!shapes)
      return shapes.takeError();
    preparedShapes = std::move(*shapes);
    for (auto [buffer, description] :
         llvm::zip_equal(before->buffers, before->arguments.buffers))
      if (description.role == QUANTMLIR_RT_OUTPUT)
        preparedBuffers.push_back(buffer);
  }

  auto arguments = readArguments(artifact, function, inputs, preparedShapes);
  if (!arguments)
    return arguments.takeError();
  Prepared result;
  result.arguments = std::move(*arguments);
  const QuantmlirRtPlan *plan = result.arguments.plan.get();
  result.buffers.resize(info.numBuffers, {0, 0});
  for (size_t i = 0; i < info.numBuffers; ++i) {
    const QuantmlirRtBufferInfo &buffer = result.arguments.buffers[i];
    if (buffer.role == QUANTMLIR_RT_TEMPORARY)
      continue;
    if (buffer.role == QUANTMLIR_RT_PREPARED) {
      result.buffers[i] = preparedBuffers[buffer.preparedFrom];
      continue;
    }
    size_t bytes = 0;
    if (llvm::Error error =
            check(quantmlirRtPlanGetBufferBytes(plan, i, &bytes)))
      return std::move(error);
    auto allocated = memory.allocate(bytes);
    if (!allocated)
      return allocated.takeError();
    result.buffers[i] = *allocated;
    if (options.describeBuffer && bytes)
      options.describeBuffer(*allocated, buffer);
    if (buffer.role == QUANTMLIR_RT_OUTPUT)
      continue;
    if (llvm::Error error = check(quantmlirRtMemoryCopyToDevice(
            context, *allocated, result.arguments.arrays[i].data.data, bytes,
            nullptr)))
      return std::move(error);
  }
  auto workspace = memory.allocate(quantmlirRtPlanGetWorkspaceBytes(plan));
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
            prepared.arguments.plan.get(), i, array.shape.data(), info.rank)))
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

  Session session(artifact, context.get(), executable.get(), inputs, options);
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
