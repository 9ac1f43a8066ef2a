//===- Emulator.cpp - Kernels on the CPU, thread by thread ----------------===//

#include "quantmlir/Emulator/Emulator.h"
#include "Launch.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;
using namespace quantmlir::emulator;

Emulator::Emulator(gpu::GPUModuleOp module, const EmulatorOptions &options)
    : module(cast<gpu::GPUModuleOp>(module->clone())), options(options) {}

Emulator::~Emulator() = default;

llvm::Expected<std::unique_ptr<Emulator>>
Emulator::create(gpu::GPUModuleOp module, const EmulatorOptions &options) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  return std::unique_ptr<Emulator>(new Emulator(module, options));
}

uint64_t Emulator::registerBuffer(llvm::StringRef name,
                                  llvm::MutableArrayRef<char> data,
                                  BufferRole role) {
  auto buffer = std::make_unique<Buffer>();
  buffer->name = name.str();
  buffer->data = data.data();
  buffer->size = data.size();
  buffer->role = role;
  if (role == BufferRole::Output || role == BufferRole::Temporary)
    buffer->written.assign(data.size(), 0);
  buffers.push_back(std::move(buffer));
  return address::globalTag | uint64_t(buffers.size()) << address::bufferShift;
}

void Emulator::unregisterBuffer(uint64_t address) {
  uint64_t number = (address & ~address::globalTag) >> address::bufferShift;
  assert(number > 0 && number <= buffers.size() && "not a registered buffer");
  Buffer &buffer = *buffers[number - 1];
  buffer.registered = false;
  buffer.written = {};
}

template <typename... Args>
static llvm::Error makeError(const char *format, Args &&...args) {
  return llvm::createStringError(
      llvm::formatv(format, std::forward<Args>(args)...).str());
}

static llvm::Error checkShape(llvm::StringRef name, const LaunchShape &shape) {
  uint64_t threads = 1, blocks = 1;
  for (unsigned d = 0; d < 3; ++d) {
    threads *= shape.block[d];
    blocks *= shape.cluster[d];
    if (shape.cluster[d] == 0 || shape.grid[d] % shape.cluster[d] != 0)
      return makeError("launch of '{0}': the grid is not a multiple of the "
                       "cluster",
                       name);
  }
  if (threads == 0 || threads > 1024)
    return makeError("launch of '{0}': a block of {1} threads; 1 to 1024 are "
                     "possible",
                     name, threads);
  if (blocks > 16)
    return makeError(
        "launch of '{0}': a cluster of {1} blocks; 16 are possible", name,
        blocks);
  // What one block of any of our chips can have.
  if (shape.dynamicSharedMemory > 227 * 1024)
    return makeError("launch of '{0}': {1} bytes of dynamic shared memory; "
                     "{2} are possible",
                     name, shape.dynamicSharedMemory, 227 * 1024);
  return llvm::Error::success();
}

llvm::Expected<Report> Emulator::launch(llvm::StringRef name,
                                        const LaunchShape &shape,
                                        llvm::ArrayRef<uint64_t> arguments) {
  if (llvm::Error error = checkShape(name, shape))
    return error;
  std::unique_ptr<Kernel> &kernel = kernels[name];
  if (!kernel) {
    auto compiled = Kernel::compile(*module, name);
    if (!compiled)
      return compiled.takeError();
    kernel = std::move(*compiled);
  }
  if (arguments.size() != kernel->parameterCount)
    return makeError(
        "launch of '{0}' with {1} arguments; it has {2} parameters", name,
        arguments.size(), kernel->parameterCount);
  for (auto &buffer : buffers)
    buffer->sharing.clear();
  Launch launch(*kernel, shape, arguments, buffers, options);
  return launch.run();
}

Report Emulator::checkOutputs() const {
  Report report;
  for (const auto &buffer : buffers) {
    if (!buffer->registered || buffer->role != BufferRole::Output)
      continue;
    uint64_t missing = llvm::count(buffer->written, 0);
    if (!missing)
      continue;
    uint64_t first = llvm::find(buffer->written, 0) - buffer->written.begin();
    report.findings.push_back(Finding{
        FindingKind::UnwrittenOutput, module.get()->getLoc(),
        llvm::formatv("{0} of {1} bytes of output buffer '{2}' were never "
                      "written, the first is byte {3}",
                      missing, buffer->size, buffer->name, first),
        std::nullopt, std::nullopt});
  }
  return report;
}
