//===- Arguments.h - Kernel arguments from text ---------------------------===//

#ifndef QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H
#define QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H

#include "quantmlir/Emulator/Emulator.h"
#include "llvm/Support/raw_ostream.h"

namespace quantmlir::emulator {

/// Arguments of one launch and the buffers behind them. Each is written
///
///   i64 VALUE                       a number
///   ROLE TYPE SHAPE [CONTENTS]      the address of a buffer
///   memref ROLE TYPE SHAPE [CONTENTS]   its memref descriptor: two addresses,
///                                   offset 0, sizes and strides
///
/// with ROLE in, inout, out or tmp; TYPE i8, i16, i32, i64, f16, bf16 or f32;
/// SHAPE as 4x64; and CONTENTS zeros (default), iota, ones, or file=PATH, from
/// which an input's bytes are read and to which another's are written.
class Arguments {
public:
  /// Adds one argument, registering its buffer with `emulator`.
  llvm::Error add(llvm::StringRef text, Emulator &emulator);
  llvm::ArrayRef<uint64_t> getBits() const { return bits; }
  /// Prints what each buffer that is not an input holds.
  void print(llvm::raw_ostream &os) const;
  /// Writes the files that arguments named.
  llvm::Error writeFiles() const;

private:
  struct Storage {
    std::string name, type, file;
    BufferRole role;
    std::vector<char> bytes;
  };
  std::vector<std::unique_ptr<Storage>> storages;
  llvm::SmallVector<uint64_t> bits;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H
