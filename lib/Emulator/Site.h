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

enum class AccessKind : uint8_t { Read, Write, Atomic };

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

  // Of a division; `size` is the width in bits.
  bool isSigned = false;

  // Of an instruction.
  Semantics semantics = {};
  llvm::SmallVector<uint32_t, 4> operandOffsets = {};
  llvm::SmallVector<uint32_t, 1> resultOffsets = {};
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_SITE_H
