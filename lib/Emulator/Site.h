//===- Site.h - A place in a kernel that calls the emulator ---------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_SITE_H
#define QUANTMLIR_LIB_EMULATOR_SITE_H

#include "mlir/IR/Location.h"
#include "mlir/IR/OperationSupport.h"
#include "quantmlir/Emulator/Semantics.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace quantmlir::emulator {

/// PTX state spaces by LLVM address space, where an access says which it is.
enum class Space : uint8_t { Generic, Global, Shared, Cluster };

/// Atomic accesses, of which Atomic is both read and write, may meet unordered.
enum class AccessKind : uint8_t {
  Read,
  AtomicRead,
  Write,
  AtomicWrite,
  Atomic
};

inline bool isRead(AccessKind kind) {
  return kind == AccessKind::Read || kind == AccessKind::AtomicRead;
}
/// Whether it needs something to have been written.
inline bool needsValue(AccessKind kind) {
  return kind != AccessKind::Write && kind != AccessKind::AtomicWrite;
}
inline bool isAtomic(AccessKind kind) {
  return kind == AccessKind::Atomic || kind == AccessKind::AtomicRead ||
         kind == AccessKind::AtomicWrite;
}

/// The way that an access takes to memory. cp.async's is that of loads and
/// stores; bulk copies and wgmma have their own.
enum class Proxy : uint8_t { Generic, Async };

/// An access or an instruction: what one rewritten op does, and whose it is.
struct Site {
  uint32_t id;
  mlir::Location location;
  mlir::OperationName name;

  // Of an access.
  Space space = Space::Generic;
  AccessKind kind = AccessKind::Read;
  uint32_t size = 0;
  uint32_t alignment = 1;
  /// Volatile and atomic reads may be polls: other threads run in between.
  bool mayPoll = false;
  /// It promises that nothing writes there while the kernel runs.
  bool isInvariant = false;
  /// How threads can meet in it (Release.h): what atomic, and volatile,
  /// accesses do, and the orderings that the device keeps.
  enum Synchronizes : uint8_t {
    AtomicRead = 1,
    AtomicWrite = 2,
    Acquires = 4,
    Releases = 8
  };
  uint8_t synchronizes = 0;

  // Of a division; `size` is the width in bits.
  bool isSigned = false;

  // Of a call: what it calls; `size` is the frame of that, in bytes.
  mlir::StringAttr callee = {};

  // Of an instruction.
  Semantics semantics = {};
  llvm::SmallVector<uint32_t, 4> operandOffsets = {};
  llvm::SmallVector<uint32_t, 1> resultOffsets = {};
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_SITE_H
