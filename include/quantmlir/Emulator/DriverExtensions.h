//===- DriverExtensions.h - What the emulated driver does beside CUDA -----===//
//
// Functions that libquantmlir_emulator_driver exports beside the CUDA driver's.
// Whoever opened it with dlopen finds them with dlsym, by these names.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_DRIVEREXTENSIONS_H
#define QUANTMLIR_EMULATOR_DRIVEREXTENSIONS_H

#include <cstddef>
#include <cstdint>

extern "C" {

/// What a kernel may do with a buffer (quantmlir::emulator::BufferRole).
enum QuantmlirEmulatorRole : int {
  QUANTMLIR_EMULATOR_INPUT,
  QUANTMLIR_EMULATOR_INOUT,
  QUANTMLIR_EMULATOR_OUTPUT,
  QUANTMLIR_EMULATOR_TEMPORARY,
  QUANTMLIR_EMULATOR_CONSTANT
};

/// Device memory as it is between two launches.
struct QuantmlirEmulatorBuffer {
  const char *name;
  QuantmlirEmulatorRole role;
  unsigned elementBytes;
  /// Zero once the memory was freed; then there are no bytes either.
  int isRegistered;
  const char *data;
  /// Per byte, whether it holds a value; null where all do.
  const uint8_t *written;
  /// Before a dependent launch: per byte, whether the launch before wrote (1)
  /// or read (2) it; null where it touched none.
  const uint8_t *touched;
  size_t bytes;
};

/// One launch. Entry i of `buffers` is the memory at address
/// 2^62 + (i + 1) 2^40, which `arguments` refer to.
struct QuantmlirEmulatorLaunch {
  const char *kernel;
  uint32_t grid[3], block[3], cluster[3];
  uint32_t dynamicSharedMemory;
  int isDependent;
  const uint64_t *arguments;
  /// Of an argument that is passed by value, the number of bytes at the host
  /// address in `arguments`; otherwise zero.
  const size_t *byValueBytes;
  size_t numArguments;
  const QuantmlirEmulatorBuffer *buffers;
  size_t numBuffers;
};

/// Called before (`isDone` 0) and after (`isDone` 1) each launch. Pointers are
/// good during the call.
typedef void (*QuantmlirEmulatorObserver)(void *user,
                                          const QuantmlirEmulatorLaunch *launch,
                                          int isDone);

/// `quantmlirEmulatorSetMaxSteps`: EmulatorOptions::maxSteps of modules that
/// are loaded from now on.
typedef void (*QuantmlirEmulatorSetMaxStepsFn)(uint64_t maxSteps);
/// `quantmlirEmulatorDescribeBuffer`: names allocated memory in findings and
/// says what kernels may do with it. Zero if there is no memory at `address`.
typedef int (*QuantmlirEmulatorDescribeBufferFn)(uint64_t address,
                                                 const char *name,
                                                 QuantmlirEmulatorRole role,
                                                 unsigned elementBytes);
/// `quantmlirEmulatorSetObserver`: null for none.
typedef void (*QuantmlirEmulatorSetObserverFn)(
    QuantmlirEmulatorObserver observer, void *user);

/// `quantmlirEmulatorSetProfile`: whether modules that are loaded from now on
/// count what they do.
typedef void (*QuantmlirEmulatorSetProfileFn)(int enable);
/// `quantmlirEmulatorWriteProfile`: the counts of all launches so far, by
/// kernel, as tables to standard output and, unless `jsonFile` is null, as JSON
/// to that file. Zero if it cannot be written.
typedef int (*QuantmlirEmulatorWriteProfileFn)(int printTables,
                                               const char *jsonFile);

} // extern "C"

#endif // QUANTMLIR_EMULATOR_DRIVEREXTENSIONS_H
