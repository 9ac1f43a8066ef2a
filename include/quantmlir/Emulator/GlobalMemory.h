//===- GlobalMemory.h - The memory that kernels get pointers to -----------===//

#ifndef QUANTMLIR_EMULATOR_GLOBALMEMORY_H
#define QUANTMLIR_EMULATOR_GLOBALMEMORY_H

#include "quantmlir/Emulator/Report.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace quantmlir::emulator {

struct Buffer;

/// What a kernel may do with a registered buffer.
enum class BufferRole {
  Input,     ///< holds data; writing is a fault, and so is reading it in a
             ///< dependent launch before its wait: who gives it may have had it
             ///< written by the launch before
  InOut,     ///< holds data; may be written
  Output,    ///< holds nothing yet; every byte must be written
  Temporary, ///< holds nothing yet; reading before writing is a fault
  Constant,  ///< an Input that was there long before any launch
};

/// Whether a kernel must not write it.
inline bool isReadOnly(BufferRole role) {
  return role == BufferRole::Input || role == BufferRole::Constant;
}

/// Buffers by device address. Addresses of different buffers are far apart, so
/// any overrun is seen and blamed on the right buffer.
class GlobalMemory {
public:
  GlobalMemory();
  ~GlobalMemory();

  /// Makes `data` global memory and returns its device address, a multiple of
  /// 256. `data` must outlive the launches. Findings count its elements, of
  /// `elementBytes` each.
  uint64_t registerBuffer(llvm::StringRef name,
                          llvm::MutableArrayRef<char> data, BufferRole role,
                          unsigned elementBytes = 1);
  /// Gives the buffer at a device address another name and role; it keeps what
  /// it holds. An error says that there is no buffer.
  llvm::Error describeBuffer(uint64_t address, llvm::StringRef name,
                             BufferRole role, unsigned elementBytes);
  /// Forgets a buffer, given its device address.
  void unregisterBuffer(uint64_t address);

  /// Copies into or out of a buffer, as the host does between launches. An
  /// error says that the range is in no buffer; copying out what nothing wrote
  /// is a finding at `location`.
  llvm::Expected<Report> write(uint64_t address, const void *from,
                               uint64_t size);
  llvm::Expected<Report> read(void *to, uint64_t address, uint64_t size,
                              mlir::Location location);

  /// The host has waited for every launch: none overlaps one that follows.
  void synchronize();

  /// One finding at `location` for each Output buffer with bytes that no
  /// launch has written.
  Report checkOutputs(mlir::Location location) const;

  /// For the emulator: every buffer there ever was, by number.
  llvm::ArrayRef<std::unique_ptr<Buffer>> getBuffers() const { return buffers; }

private:
  llvm::Expected<Buffer *> find(uint64_t address, uint64_t size) const;

  std::vector<std::unique_ptr<Buffer>> buffers;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_GLOBALMEMORY_H
