//===- Device.cpp - An emulated device ------------------------------------===//

#include "Device.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "quantmlir/Emulator/LaunchRecord.h"
#include "quantmlir/Support/ModuleSource.h"
#include "llvm/Support/FileSystem.h"

#include <unistd.h>

using namespace mlir;
using namespace quantmlir::emulator;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registry.insert<gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                  DLTIDialect, quantmlir::quant_tile::QuantTileDialect>();
  registerEmulationModels(registry);
  return registry;
}

Device::Device() : context(makeRegistry(), MLIRContext::Threading::DISABLED) {}

Device &Device::get() {
  // Never destroyed: the runtime never closes its driver either.
  static Device *device = new Device();
  return *device;
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

Module *Device::load(std::string &log) {
  std::lock_guard<std::mutex> lock(mutex);
  const char *path = std::getenv("QUANTMLIR_EMULATOR_KERNELS");
  if (!path) {
    log = "QUANTMLIR_EMULATOR_KERNELS does not name the kernels' MLIR";
    return nullptr;
  }
  auto file = quantmlir::openModuleFile(path, &log);
  if (!file)
    return nullptr;
  auto loaded = std::make_unique<Module>();
  loaded->sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    log += diagnostic.str() + "\n";
    return success();
  });
  loaded->operation = parseSourceFile<ModuleOp>(loaded->sources, &context);
  if (!loaded->operation)
    return nullptr;
  auto kernels = loaded->operation->getOps<gpu::GPUModuleOp>();
  if (kernels.empty()) {
    log = std::string(path) + " holds no gpu.module";
    return nullptr;
  }
  if (const char *list = std::getenv("QUANTMLIR_EMULATOR_INSTRUCTIONS")) {
    std::error_code error;
    llvm::raw_fd_ostream file(list, error, llvm::sys::fs::CD_OpenAlways,
                              llvm::sys::fs::FA_Write,
                              llvm::sys::fs::OF_Append);
    if (error) {
      log = std::string("cannot write ") + list + ": " + error.message();
      return nullptr;
    }
    // In one piece: other processes may add to it at the same time.
    std::string lines;
    llvm::raw_string_ostream stream(lines);
    instructions.add(*kernels.begin(), stream);
    file.SetUnbuffered();
    file << lines;
  }
  if (const char *seed = std::getenv("QUANTMLIR_EMULATOR_SEED"))
    if (!llvm::to_integer(seed, options.seed)) {
      log = std::string("QUANTMLIR_EMULATOR_SEED is not a number: ") + seed;
      return nullptr;
    }
  auto emulator = Emulator::create(*kernels.begin(), options, memory);
  if (!emulator) {
    log = llvm::toString(emulator.takeError());
    return nullptr;
  }
  loaded->emulator = std::move(*emulator);
  modules.push_back(std::move(loaded));
  return modules.back().get();
}

void Device::unload(Module *module) {
  std::lock_guard<std::mutex> lock(mutex);
  llvm::erase_if(modules, [&](auto &other) { return other.get() == module; });
}

Function *Module::getFunction(llvm::StringRef name) {
  if (!emulator->hasKernel(name))
    return nullptr;
  std::unique_ptr<Function> &function = functions[name];
  if (!function)
    function = std::make_unique<Function>(Function{this, name.str()});
  return function.get();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// What the device has: half of this machine's memory, because something is
/// kept of every byte.
static uint64_t getMemoryBytes() {
  static const uint64_t bytes =
      uint64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 2;
  return bytes;
}

uint64_t Device::allocate(size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  uint64_t taken = 0;
  for (auto &[address, storage] : allocations)
    taken += storage.size();
  if (bytes > getMemoryBytes() - std::min(taken, getMemoryBytes()))
    return 0;
  std::vector<char> storage(bytes);
  std::string name = "allocation " + std::to_string(allocations.size());
  // It holds nothing until a kernel or a copy writes it.
  uint64_t address =
      memory->registerBuffer(name, storage, BufferRole::Temporary);
  allocations[address] = std::move(storage);
  return address;
}

bool Device::free(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!allocations.erase(address))
    return address == 0;
  memory->unregisterBuffer(address);
  return true;
}

bool Device::describe(uint64_t address, llvm::StringRef name, BufferRole role,
                      unsigned elementBytes) {
  std::lock_guard<std::mutex> lock(mutex);
  llvm::Error error = memory->describeBuffer(address, name, role, elementBytes);
  bool known = !error;
  llvm::consumeError(std::move(error));
  return known;
}

bool Device::write(uint64_t address, const void *from, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  return tell(memory->write(address, from, bytes));
}

bool Device::read(void *to, uint64_t address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  return tell(memory->read(to, address, bytes, UnknownLoc::get(&context)));
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool Device::tell(llvm::Expected<Report> report) {
  if (!report) {
    clean = false;
    llvm::errs() << "emulator: " << llvm::toString(report.takeError()) << "\n";
    return false;
  }
  if (report->isClean())
    return true;
  clean = false;
  report->emit();
  return true; // told by the next synchronisation, as a device would
}

bool Device::launch(Function &function, const LaunchShape &shape,
                    void **parameters) {
  std::lock_guard<std::mutex> lock(mutex);
  Emulator &emulator = *function.module->emulator;
  llvm::SmallVector<uint64_t> arguments;
  std::vector<Parameter> descriptions = emulator.getParameters(function.name);
  for (auto [index, parameter] : llvm::enumerate(descriptions)) {
    uint64_t bits = 0;
    if (parameter.byValue)
      bits = reinterpret_cast<uint64_t>(parameters[index]);
    else
      std::memcpy(&bits, parameters[index],
                  std::min<size_t>(parameter.size, sizeof(bits)));
    arguments.push_back(bits);
  }
  observe(function.name, shape, descriptions, arguments, /*isDone=*/false);
  auto report = emulator.launch(function.name, shape, arguments);
  if (report && report->profile)
    profiles[function.name].add(*report->profile);
  bool launched = tell(std::move(report));
  if (launched)
    observe(function.name, shape, descriptions, arguments, /*isDone=*/true);
  return launched;
}

void Device::observe(llvm::StringRef kernel, const LaunchShape &shape,
                     llvm::ArrayRef<Parameter> parameters,
                     llvm::ArrayRef<uint64_t> arguments, bool isDone) {
  if (!observer)
    return;
  MemoryState state = MemoryState::capture(*memory);
  std::vector<QuantmlirEmulatorBuffer> buffers;
  for (const MemoryState::Buffer &buffer : state.buffers)
    buffers.push_back(
        {buffer.name.c_str(), static_cast<QuantmlirEmulatorRole>(buffer.role),
         buffer.elementBytes, buffer.isRegistered, buffer.data.data(),
         buffer.written.empty() ? nullptr : buffer.written.data(),
         buffer.touched.empty() ? nullptr : buffer.touched.data(),
         buffer.data.size()});
  std::string name = kernel.str();
  std::vector<size_t> byValueBytes;
  for (const Parameter &parameter : parameters)
    byValueBytes.push_back(parameter.byValue ? parameter.size : 0);
  QuantmlirEmulatorLaunch launch;
  launch.kernel = name.c_str();
  llvm::copy(shape.grid, launch.grid);
  llvm::copy(shape.block, launch.block);
  llvm::copy(shape.cluster, launch.cluster);
  launch.dynamicSharedMemory = shape.dynamicSharedMemory;
  launch.isDependent = shape.dependent;
  launch.arguments = arguments.data();
  launch.byValueBytes = byValueBytes.data();
  launch.numArguments = arguments.size();
  launch.buffers = buffers.data();
  launch.numBuffers = buffers.size();
  observer(observerData, &launch, isDone);
}

bool Device::writeProfile(bool printTables, const std::string &jsonFile) {
  std::lock_guard<std::mutex> lock(mutex);
  llvm::json::Array array;
  for (auto &[name, profile] : profiles) {
    if (printTables)
      profile.print(llvm::outs());
    array.push_back(profile.toJson());
  }
  llvm::outs().flush();
  return jsonFile.empty() || writeJson(std::move(array), jsonFile);
}

bool Device::synchronize() {
  std::lock_guard<std::mutex> lock(mutex);
  memory->synchronize();
  return clean;
}
