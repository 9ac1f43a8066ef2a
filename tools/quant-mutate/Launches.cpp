//===- Launches.cpp - What the unchanged kernels do -----------------------===//

#include "../quant-emulate/Arguments.h"
#include "../quant-run/QuantRun.h"
#include "QuantMutate.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::emulator;
using namespace quantmlir::mutate;

static llvm::Error fail(const llvm::Twine &why) {
  return llvm::createStringError(why);
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

static void observe(void *user, const QuantmlirEmulatorLaunch *launch,
                    int isDone) {
  auto &records = *static_cast<std::vector<LaunchRecord> *>(user);
  if (!isDone) {
    LaunchRecord &record = records.emplace_back();
    record.kernel = launch->kernel;
    llvm::copy(launch->grid, record.shape.grid.begin());
    llvm::copy(launch->block, record.shape.block.begin());
    llvm::copy(launch->cluster, record.shape.cluster.begin());
    record.shape.dynamicSharedMemory = launch->dynamicSharedMemory;
    record.shape.dependent = launch->isDependent;
    record.arguments.assign(launch->arguments,
                            launch->arguments + launch->numArguments);
    for (size_t i = 0; i < launch->numArguments; ++i) {
      auto *bytes = reinterpret_cast<const char *>(launch->arguments[i]);
      size_t size = launch->byValueBytes[i];
      record.byValue.emplace_back(size ? bytes : nullptr,
                                  size ? bytes + size : nullptr);
    }
  }
  MemoryState &state = isDone ? records.back().after : records.back().before;
  for (size_t i = 0; i < launch->numBuffers; ++i) {
    const QuantmlirEmulatorBuffer &from = launch->buffers[i];
    MemoryState::Buffer &buffer = state.buffers.emplace_back();
    buffer.name = from.name;
    buffer.role = static_cast<BufferRole>(from.role);
    buffer.elementBytes = from.elementBytes;
    buffer.isRegistered = from.isRegistered;
    buffer.data.assign(from.data, from.data + from.bytes);
    if (from.touched)
      buffer.touched.assign(from.touched, from.touched + from.bytes);
    if (from.written)
      buffer.written.assign(from.written, from.written + from.bytes);
  }
}

/// The kernels that are launched to start before the one ahead has ended.
static llvm::Expected<llvm::StringSet<>>
findDependentKernels(const QuantmlirRtArtifact *artifact) {
  llvm::StringSet<> names;
  for (size_t i = 0; i < quantmlirRtArtifactGetNumKernels(artifact); ++i) {
    QuantmlirRtKernelInfo info;
    if (llvm::Error error =
            run::check(quantmlirRtArtifactGetKernelInfo(artifact, i, &info)))
      return std::move(error);
    if (info.dependentLaunch)
      names.insert(info.name);
  }
  return names;
}

/// A function's first kernel was launched behind what prepares its weights, or
/// behind nothing, so it waited for nothing. Whoever calls the function again
/// launches it behind kernels of their own, which may still write the inputs
/// and read the outputs: adds those launches to the records from `first` on.
static llvm::Error addOverlappingLaunches(Subject &subject, size_t first,
                                          const QuantmlirRtArtifact *artifact,
                                          size_t function, size_t numBuffers) {
  auto dependent = findDependentKernels(artifact);
  if (!dependent)
    return dependent.takeError();
  enum : uint8_t { Written = 1, Read = 2 };
  llvm::StringMap<uint8_t> touches;
  for (size_t i = 0; i < numBuffers; ++i) {
    QuantmlirRtBufferInfo info;
    if (llvm::Error error = run::check(
            quantmlirRtArtifactGetBufferInfo(artifact, function, i, &info)))
      return error;
    if (info.role == QUANTMLIR_RT_INPUT)
      touches[info.name] = Written;
    if (info.role == QUANTMLIR_RT_OUTPUT)
      touches[info.name] = Written | Read;
  }
  for (size_t i = first, end = subject.launches.size(); i < end; ++i) {
    // Those behind another kernel of the function have been told of it.
    bool isBehind = subject.launches[i].shape.dependent &&
                    llvm::any_of(subject.launches[i].before.buffers,
                                 [](const MemoryState::Buffer &buffer) {
                                   return !buffer.touched.empty();
                                 });
    if (isBehind || !dependent->contains(subject.launches[i].kernel))
      continue;
    LaunchRecord record = subject.launches[i];
    record.shape.dependent = true;
    for (MemoryState::Buffer &buffer : record.before.buffers)
      if (buffer.isRegistered)
        if (uint8_t how = touches.lookup(buffer.name))
          buffer.touched.assign(buffer.data.size(), how);
    subject.launches.push_back(std::move(record));
  }
  return llvm::Error::success();
}

/// Whether the kernel asks how many blocks there are: one that does not cannot
/// take over the tiles of those that are missing.
static bool loopsOverTiles(Operation *kernel) {
  return kernel->walk([](NVVM::GridDimXOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Calls `visit` with each module of whole kernels and an emulator of it.
static llvm::Error forEachModule(
    const Subject &subject,
    llvm::function_ref<llvm::Error(gpu::GPUModuleOp, Emulator &)> visit) {
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> file =
      parseSourceFile<ModuleOp>(subject.path, &context);
  if (!file)
    return fail("cannot read '" + subject.path + "'");
  for (auto module : file->getOps<gpu::GPUModuleOp>()) {
    EmulatorOptions how;
    how.workers = 1;
    auto emulator = Emulator::create(module, how);
    if (!emulator)
      return emulator.takeError();
    if (llvm::Error error = visit(module, **emulator))
      return error;
  }
  return llvm::Error::success();
}

/// Fails unless the whole kernels do without a fault what they are recorded to
/// do: launches that were made up would otherwise kill any mutant.
static llvm::Error checkLaunches(const Subject &subject) {
  return forEachModule(
      subject, [&](gpu::GPUModuleOp module, Emulator &emulator) -> llvm::Error {
        for (const LaunchRecord &record : subject.launches) {
          if (!module.lookupSymbol(record.kernel))
            continue;
          auto result = replay(record, emulator);
          if (!result)
            return result.takeError();
          if (result->isSame())
            continue;
          result->report.emit();
          return fail("kernel '" + record.kernel +
                      "' does something else when it is launched again: " +
                      result->difference);
        }
        return llvm::Error::success();
      });
}

/// Kernels that loop over tiles get a block for each as long as the chip has
/// room. Adds the launches again as a chip with room for `options.blocks` would
/// make them; the kernels must then still compute the same.
static llvm::Error addCrowdedLaunches(Subject &subject,
                                      const mutate::Options &options) {
  return forEachModule(
      subject, [&](gpu::GPUModuleOp module, Emulator &emulator) -> llvm::Error {
        for (size_t i = 0, end = subject.launches.size(); i < end; ++i) {
          LaunchRecord record = subject.launches[i];
          Operation *kernel = module.lookupSymbol(record.kernel);
          if (!kernel || !loopsOverTiles(kernel) ||
              record.shape.grid[0] <= options.blocks)
            continue;
          record.shape.grid[0] = options.blocks;
          // Fewer blocks may leave something else in memory that only they use:
          // the sums that each gives to others.
          llvm::SmallVector<size_t> temporaries;
          for (auto [number, buffer] : llvm::enumerate(record.after.buffers))
            if (buffer.role == BufferRole::Temporary) {
              temporaries.push_back(number);
              buffer.data.clear();
            }
          auto result = replay(record, emulator);
          if (!result)
            return result.takeError();
          result->report.emit();
          if (!result->isSame())
            return fail(
                "kernel '" + record.kernel + "' on " +
                llvm::Twine(options.blocks) +
                " blocks computes something else: " + result->difference);
          for (size_t number : temporaries)
            record.after.buffers[number] = result->after.buffers[number];
          subject.launches.push_back(std::move(record));
        }
        return llvm::Error::success();
      });
}

/// Runs each function that prepares nothing with each of the sizes.
static llvm::Error recordArtifact(Subject &subject,
                                  const mutate::Options &options) {
  QuantmlirRtArtifact *handle = nullptr;
  if (llvm::Error error =
          run::check(quantmlirRtArtifactLoad(subject.input.c_str(), &handle)))
    return error;
  run::ArtifactHandle artifact(handle);
  auto library = run::EmulatorLibrary::open(artifact.get(), "quant-mutate");
  if (!library)
    return library.takeError();
  subject.path = quantmlirRtArtifactGetKernelsIRPath(artifact.get());

  size_t count = quantmlirRtArtifactGetNumFunctions(artifact.get());
  std::vector<QuantmlirRtFunctionInfo> infos(count);
  std::vector<bool> prepares(count);
  for (size_t i = 0; i < count; ++i) {
    if (llvm::Error error = run::check(
            quantmlirRtArtifactGetFunctionInfo(artifact.get(), i, &infos[i])))
      return error;
    if (infos[i].prepare >= 0)
      prepares[infos[i].prepare] = true;
  }
  library->setObserver(&observe, &subject.launches);
  auto stop =
      llvm::make_scope_exit([&] { library->setObserver(nullptr, nullptr); });
  for (size_t i = 0; i < count; ++i) {
    if (prepares[i])
      continue;
    // Without dynamic dimensions all sizes are one.
    size_t sizes = infos[i].numDims ? options.sizes.size() : 1;
    size_t first = subject.launches.size();
    // Plain numbers, then infinities in even rows, then in odd ones.
    for (size_t run = 0; run < 3 * sizes; ++run) {
      run::Options how;
      how.artifact = subject.input;
      how.randomSeed = options.seed;
      how.randomSize = options.sizes[run % sizes];
      how.randomInfinities = run / sizes;
      auto inputs = run::Inputs::read(how, artifact.get());
      if (!inputs)
        return inputs.takeError();
      auto outcome = run::runOnEmulator(artifact.get(), i, *inputs, how);
      if (!outcome)
        return fail("'" + subject.input + "', function '" + infos[i].name +
                    "' with sizes " + llvm::Twine(how.randomSize) + ": " +
                    llvm::toString(outcome.takeError()));
    }
    if (llvm::Error error = addOverlappingLaunches(
            subject, first, artifact.get(), i, infos[i].numBuffers))
      return error;
  }
  if (llvm::Error error = checkLaunches(subject))
    return error;
  return options.blocks ? addCrowdedLaunches(subject, options)
                        : llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Files of MLIR
//===----------------------------------------------------------------------===//

static llvm::Error recordKernel(Subject &subject, gpu::GPUModuleOp module,
                                LLVM::LLVMFuncOp kernel,
                                DictionaryAttr attribute,
                                const mutate::Options &options) {
  LaunchRecord record;
  record.kernel = kernel.getName().str();
  auto bits = readLaunch(attribute, record.shape);
  if (!bits)
    return fail("kernel '" + record.kernel +
                "': " + llvm::toString(bits.takeError()));
  EmulatorOptions how;
  how.workers = 1;
  auto emulator = Emulator::create(module, how);
  if (!emulator)
    return emulator.takeError();
  Arguments arguments;
  for (const std::string &text : *bits)
    if (llvm::Error error = arguments.add(text, **emulator))
      return error;
  record.arguments.assign(arguments.getBits().begin(),
                          arguments.getBits().end());
  for (auto [parameter, bits] :
       llvm::zip((*emulator)->getParameters(record.kernel), record.arguments)) {
    auto *bytes = reinterpret_cast<const char *>(bits);
    size_t size = parameter.byValue ? parameter.size : 0;
    record.byValue.emplace_back(size ? bytes : nullptr,
                                size ? bytes + size : nullptr);
  }
  record.before = MemoryState::capture((*emulator)->getMemory());
  auto report =
      (*emulator)->launch(record.kernel, record.shape, record.arguments);
  if (!report)
    return report.takeError();
  if (report->isClean())
    *report = (*emulator)->getMemory().checkOutputs(module.getLoc());
  report->emit();
  if (!report->isClean())
    return fail("kernel '" + record.kernel + "' is faulty as it is");
  record.after = MemoryState::capture((*emulator)->getMemory());
  subject.launches.push_back(std::move(record));
  return llvm::Error::success();
}

static llvm::Error recordFile(Subject &subject,
                              const mutate::Options &options) {
  subject.path = subject.input;
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(subject.path, &context);
  if (!module)
    return fail("cannot read '" + subject.path + "'");
  for (auto gpuModule : module->getOps<gpu::GPUModuleOp>())
    for (auto kernel : gpuModule.getOps<LLVM::LLVMFuncOp>())
      if (auto launch = kernel->getAttrOfType<DictionaryAttr>("emulate.launch"))
        if (llvm::Error error =
                recordKernel(subject, gpuModule, kernel, launch, options))
          return error;
  return llvm::Error::success();
}

llvm::Expected<Subject>
quantmlir::mutate::recordLaunches(const std::string &input,
                                  const mutate::Options &options) {
  Subject subject;
  subject.input = input;
  bool isArtifact = llvm::sys::fs::is_directory(input);
  if (llvm::Error error = isArtifact ? recordArtifact(subject, options)
                                     : recordFile(subject, options))
    return std::move(error);
  if (subject.launches.empty())
    return fail("'" + input + "' launches nothing");
  // The smallest launches find what there is to find soonest.
  llvm::stable_sort(subject.launches, [](const auto &a, const auto &b) {
    auto size = [](const LaunchRecord &record) {
      uint64_t threads = 1;
      for (unsigned d = 0; d < 3; ++d)
        threads *= uint64_t(record.shape.grid[d]) * record.shape.block[d];
      return threads;
    };
    return size(a) < size(b);
  });
  return subject;
}
