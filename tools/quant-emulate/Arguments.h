//===- Arguments.h - Kernel arguments from text ---------------------------===//

#ifndef QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H
#define QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H

#include "quantmlir/Emulator/Emulator.h"
#include "quantmlir/Emulator/TensorMap.h"
#include "llvm/Support/raw_ostream.h"

namespace quantmlir::emulator {

/// Arguments of one launch and the buffers behind them. Each is written
///
///   i64 VALUE                       a number
///   ROLE TYPE SHAPE [CONTENTS]      the address of a buffer
///   memref ROLE TYPE SHAPE [CONTENTS]   its memref descriptor: two addresses,
///                                   offset 0, sizes and strides
///   tensor_map NUMBER TYPE SHAPE BOX SWIZZLE [STRIDES]   a tensor map, by
///                                   value, of the buffer of that argument,
///                                   row-major
///
/// with ROLE in, const, inout, out or tmp (BufferRole); TYPE i8, i16, i32, i64,
/// f16, bf16 or f32; SHAPE and BOX as 4x64; STRIDES in bytes, of each dimension
/// but the last, where rows are padded; SWIZZLE 0, 32, 64 or 128; and CONTENTS
/// zeros (default), iota, ones, or file=PATH, from which an input's bytes are
/// read and to which another's are written.
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
  llvm::Error addTensorMap(llvm::StringRef text,
                           llvm::ArrayRef<llvm::StringRef> words);

  struct Storage {
    std::string name, type, file;
    BufferRole role;
    std::vector<char> bytes;
  };
  std::vector<std::unique_ptr<Storage>> storages;
  llvm::SmallVector<uint64_t> bits;
  std::vector<std::unique_ptr<std::array<char, TensorMap::encodedBytes>>> maps;
};

/// Reads the launch that an attribute `emulate.launch` says: its shape, and its
/// arguments as text.
llvm::Expected<std::vector<std::string>> readLaunch(mlir::DictionaryAttr launch,
                                                    LaunchShape &shape);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_TOOLS_QUANT_EMULATE_ARGUMENTS_H
