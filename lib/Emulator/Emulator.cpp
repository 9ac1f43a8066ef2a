//===- Emulator.cpp - Kernels on the CPU, thread by thread ----------------===//

#include "quantmlir/Emulator/Emulator.h"
#include "Launch.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;
using namespace quantmlir::emulator;

Emulator::Emulator(gpu::GPUModuleOp module, const EmulatorOptions &options,
                   std::shared_ptr<GlobalMemory> memory)
    : module(cast<gpu::GPUModuleOp>(module->clone())), options(options),
      memory(memory ? std::move(memory) : std::make_shared<GlobalMemory>()) {}

Emulator::~Emulator() = default;

llvm::Expected<std::unique_ptr<Emulator>>
Emulator::create(gpu::GPUModuleOp module, const EmulatorOptions &options,
                 std::shared_ptr<GlobalMemory> memory) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  return std::unique_ptr<Emulator>(
      new Emulator(module, options, std::move(memory)));
}

bool Emulator::hasKernel(llvm::StringRef name) {
  auto function = module->lookupSymbol<LLVM::LLVMFuncOp>(name);
  return function && !function.isExternal();
}

std::vector<Parameter> Emulator::getParameters(llvm::StringRef name) {
  auto function = module->lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function)
    return {};
  return Kernel::getParameters(function).value_or(std::vector<Parameter>());
}

template <typename... Args>
static llvm::Error makeError(const char *format, Args &&...args) {
  return llvm::createStringError(
      llvm::formatv(format, std::forward<Args>(args)...).str());
}

/// What one block of any of our chips can have.
constexpr uint64_t maxShared = 227 * 1024, maxStaticShared = 48 * 1024;

static llvm::Error checkShape(llvm::StringRef name, const LaunchShape &shape) {
  uint64_t threads = 1, blocks = 1;
  for (unsigned d = 0; d < 3; ++d) {
    constexpr uint32_t mostBlocks[] = {0x7fffffff, 65535, 65535};
    if (shape.grid[d] < 1 || shape.grid[d] > mostBlocks[d])
      return makeError("launch of '{0}': a grid of {1} blocks in dimension "
                       "{2}; 1 to {3} are possible",
                       name, shape.grid[d], d, mostBlocks[d]);
    // So that products of such numbers are no others.
    if (shape.block[d] > 1024 || (d == 2 && shape.block[d] > 64))
      return makeError("launch of '{0}': a block of {1} threads in dimension "
                       "{2}; {3} are possible",
                       name, shape.block[d], d, d == 2 ? 64 : 1024);
    if (shape.cluster[d] > 16)
      return makeError("launch of '{0}': a cluster of {1} blocks in dimension "
                       "{2}; 16 are possible",
                       name, shape.cluster[d], d);
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
  if (shape.dynamicSharedMemory > maxShared)
    return makeError("launch of '{0}': {1} bytes of dynamic shared memory; "
                     "{2} are possible",
                     name, shape.dynamicSharedMemory, maxShared);
  return llvm::Error::success();
}

/// Takes from attributes of `kernel` what `shape` leaves open, and checks that
/// it is as they say.
static llvm::Error matchAttributes(LLVM::LLVMFuncOp kernel,
                                   LaunchShape &shape) {
  auto get = [&](StringRef name) -> std::optional<std::array<uint32_t, 3>> {
    auto attr = kernel->getAttrOfType<DenseI32ArrayAttr>(name);
    if (!attr || attr.size() > 3)
      return std::nullopt;
    std::array<uint32_t, 3> extents = {1, 1, 1};
    llvm::copy(attr.asArrayRef(), extents.begin());
    return extents;
  };
  auto product = [](std::array<uint32_t, 3> extents) {
    return uint64_t(extents[0]) * extents[1] * extents[2];
  };
  auto print = [](std::array<uint32_t, 3> extents) -> std::string {
    return llvm::formatv("({0}, {1}, {2})", extents[0], extents[1], extents[2]);
  };
  StringRef name = kernel.getName();
  if (auto block = get(NVVM::NVVMDialect::getReqntidAttrName());
      block && *block != shape.block)
    return makeError("launch of '{0}': blocks of {1} threads; the kernel is "
                     "for {2}",
                     name, print(shape.block), print(*block));
  if (auto most = get(NVVM::NVVMDialect::getMaxntidAttrName());
      most && product(*most) < product(shape.block))
    return makeError("launch of '{0}': blocks of {1} threads; the kernel is "
                     "for at most {2}",
                     name, product(shape.block), product(*most));
  auto cluster = get(NVVM::NVVMDialect::getClusterDimAttrName());
  if (cluster && product(shape.cluster) == 1)
    shape.cluster = *cluster;
  if (cluster && *cluster != shape.cluster)
    return makeError("launch of '{0}': clusters of {1} blocks; the kernel is "
                     "for {2}",
                     name, print(shape.cluster), print(*cluster));
  return llvm::Error::success();
}

llvm::Expected<Report> Emulator::launch(llvm::StringRef name,
                                        const LaunchShape &asked,
                                        llvm::ArrayRef<uint64_t> arguments) {
  LaunchShape shape = asked;
  if (auto function = module->lookupSymbol<LLVM::LLVMFuncOp>(name))
    if (llvm::Error error = matchAttributes(function, shape))
      return error;
  if (llvm::Error error = checkShape(name, shape))
    return error;
  std::unique_ptr<Kernel> &kernel = kernels[name];
  if (!kernel) {
    auto compiled = Kernel::compile(*module, name, options.stackSize);
    if (!compiled)
      return compiled.takeError();
    kernel = std::move(*compiled);
  }
  if (arguments.size() != kernel->parameters.size())
    return makeError(
        "launch of '{0}' with {1} arguments; it has {2} parameters", name,
        arguments.size(), kernel->parameters.size());
  // Without what lies between variables here.
  uint64_t shared = 0;
  for (const SharedVariable &variable : kernel->shared)
    shared = llvm::alignTo(shared, 16) + variable.size;
  if (shared > maxStaticShared)
    return makeError("launch of '{0}': {1} bytes of static shared memory; {2} "
                     "are possible",
                     name, shared, maxStaticShared);
  if (shared + shape.dynamicSharedMemory > maxShared)
    return makeError("launch of '{0}': {1} bytes of shared memory; {2} are "
                     "possible",
                     name, shared + shape.dynamicSharedMemory, maxShared);
  for (const auto &buffer : memory->getBuffers())
    buffer->startLaunch(shape.dependent);
  Launch launch(*kernel, shape, arguments, memory->getBuffers(), options);
  return launch.run();
}
