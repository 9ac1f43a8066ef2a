//===- LaunchRecord.h - A launch that can be made again -------------------===//

#ifndef QUANTMLIR_EMULATOR_LAUNCHRECORD_H
#define QUANTMLIR_EMULATOR_LAUNCHRECORD_H

#include "quantmlir/Emulator/Emulator.h"

namespace quantmlir::emulator {

/// Global memory at one moment: its buffers by number.
struct MemoryState {
  struct Buffer {
    std::string name;
    BufferRole role;
    unsigned elementBytes = 1;
    bool isRegistered = true;
    std::vector<char> data;
    /// Per byte, whether it holds a value; empty where all do.
    std::vector<uint8_t> written;
    /// Per byte, whether the launch before wrote (1) or read (2) it; empty
    /// where it touched none.
    std::vector<uint8_t> touched;

    bool holds(size_t byte) const { return written.empty() || written[byte]; }
  };
  std::vector<Buffer> buffers;

  static MemoryState capture(const GlobalMemory &memory);
};

/// One launch of a kernel with the memory before and after it.
struct LaunchRecord {
  std::string kernel;
  LaunchShape shape;
  std::vector<uint64_t> arguments;
  /// Of each argument that is passed by value, its bytes; empty for others.
  std::vector<std::vector<char>> byValue;
  MemoryState before, after;
};

/// What became of a launch that was made again.
struct ReplayResult {
  /// What the emulator found.
  Report report;
  /// Empty if memory then held what the record says; otherwise where it does
  /// not: "byte 12 of 'y'".
  std::string difference;
  /// What memory held.
  MemoryState after;

  bool isSame() const { return report.isClean() && difference.empty(); }
};

/// Makes the launch again with the kernel of that name in `emulator`, whose
/// memory becomes that before the launch.
llvm::Expected<ReplayResult> replay(const LaunchRecord &record,
                                    Emulator &emulator);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_LAUNCHRECORD_H
