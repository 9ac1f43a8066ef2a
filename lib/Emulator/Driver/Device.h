//===- Device.h - An emulated device --------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_DRIVER_DEVICE_H
#define QUANTMLIR_LIB_EMULATOR_DRIVER_DEVICE_H

#include "mlir/IR/MLIRContext.h"
#include "quantmlir/Emulator/DriverExtensions.h"
#include "quantmlir/Emulator/Emulator.h"
#include "quantmlir/Emulator/Instructions.h"
#include "quantmlir/Emulator/Profile.h"
#include "llvm/Support/SourceMgr.h"
#include <map>
#include <mutex>

namespace quantmlir::emulator {

struct Module;

/// A kernel of a loaded module.
struct Function {
  Module *module;
  std::string name;
};

/// Kernels read from one file.
struct Module {
  llvm::SourceMgr sources;
  mlir::OwningOpRef<mlir::ModuleOp> operation;
  std::unique_ptr<Emulator> emulator;
  llvm::StringMap<std::unique_ptr<Function>> functions;

  /// Null if there is no kernel of this name.
  Function *getFunction(llvm::StringRef name);
};

/// The process's device: its memory and its modules.
class Device {
public:
  static Device &get();

  /// Reads the MLIR that QUANTMLIR_EMULATOR_KERNELS names; null with the reason
  /// in `log` if it cannot. QUANTMLIR_EMULATOR_SEED draws the order that
  /// threads take turns in; a list of new instructions is added to the file
  /// that QUANTMLIR_EMULATOR_INSTRUCTIONS names.
  Module *load(std::string &log);
  void unload(Module *module);

  /// The address of so many bytes; 0 where there is not enough memory.
  uint64_t allocate(size_t bytes);
  bool free(uint64_t address);
  /// What findings call the memory at `address`, and what kernels may do with
  /// it; false if there is none.
  bool describe(uint64_t address, llvm::StringRef name, BufferRole role,
                unsigned elementBytes);
  bool write(uint64_t address, const void *from, size_t bytes);
  bool read(void *to, uint64_t address, size_t bytes);

  /// Runs a kernel to its end and prints its findings to standard error.
  bool launch(Function &function, const LaunchShape &shape, void **parameters);
  /// Ends every launch. Whether all of them, and all copies, were clean.
  bool synchronize();
  /// Options of modules that are loaded from now on.
  EmulatorOptions &getOptions() { return options; }
  /// Writes the profiles of all launches; false if the file cannot be written.
  bool writeProfile(bool printTables, const std::string &jsonFile);
  void setObserver(QuantmlirEmulatorObserver function, void *user) {
    observer = function;
    observerData = user;
  }

private:
  Device();
  bool tell(llvm::Expected<Report> report);
  void observe(llvm::StringRef kernel, const LaunchShape &shape,
               llvm::ArrayRef<Parameter> parameters,
               llvm::ArrayRef<uint64_t> arguments, bool isDone);

  std::mutex mutex;
  mlir::MLIRContext context;
  std::shared_ptr<GlobalMemory> memory = std::make_shared<GlobalMemory>();
  std::map<uint64_t, std::vector<char>> allocations;
  std::vector<std::unique_ptr<Module>> modules;
  bool clean = true;
  InstructionList instructions;
  std::map<std::string, Profile> profiles;
  EmulatorOptions options;
  QuantmlirEmulatorObserver observer = nullptr;
  void *observerData = nullptr;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_DRIVER_DEVICE_H
