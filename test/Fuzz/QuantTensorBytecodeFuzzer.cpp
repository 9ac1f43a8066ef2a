//===- QuantTensorBytecodeFuzzer.cpp - Damaged MLIR bytecode --------------===//
//
// Upstream's bytecode reader trusts much of what it reads: arbitrary damage
// ends in its own code. What reaches ours are the texts of our attributes and
// types, which bytecode keeps as strings, and the names and properties of our
// ops. So the mutator leaves lengths and offsets alone and changes bytes within
// runs of text, in place.
//
//===----------------------------------------------------------------------===//

#include "QuantTensorHarness.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Block.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <cctype>
#include <random>

static bool isText(uint8_t byte) { return byte >= 0x20 && byte < 0x7f; }

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t,
                                          unsigned seed) {
  std::minstd_rand random(seed);
  // Runs of at least eight bytes of text, half of it letters and digits: others
  // are mostly numbers that happen to be printable.
  llvm::SmallVector<std::pair<size_t, size_t>> runs;
  for (size_t begin = 0; begin < size;) {
    size_t end = begin;
    while (end < size && isText(data[end]))
      ++end;
    size_t letters = std::count_if(data + begin, data + end,
                                   [](uint8_t c) { return std::isalnum(c); });
    if (end - begin >= 8 && 2 * letters >= end - begin)
      runs.push_back({begin, end});
    begin = end + 1;
  }
  if (runs.empty())
    return size;
  auto [begin, end] = runs[random() % runs.size()];
  size_t length = end - begin;
  switch (random() % 3) {
  case 0: // one byte
    data[begin + random() % length] = ' ' + random() % 95;
    break;
  case 1: { // a piece moved within the run
    size_t count = 1 + random() % (length / 2);
    std::memmove(data + begin + random() % (length - count + 1),
                 data + begin + random() % (length - count + 1), count);
    break;
  }
  default: // libFuzzer's own mutations, cut or padded to the run's length
    size_t mutated = LLVMFuzzerMutate(data + begin, length, length);
    std::memset(data + begin + mutated, ' ', length - mutated);
    break;
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static quantmlir::fuzz::Harness harness;
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  // The reader wants aligned buffers.
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      size, "bytecode", llvm::Align(64));
  std::copy(bytes.begin(), bytes.end(), buffer->getBufferStart());
  llvm::MemoryBufferRef ref = *buffer;
  if (!mlir::isBytecode(ref) || quantmlir::fuzz::crashesUpstream(bytes))
    return 0;
  mlir::ParserConfig config(&harness.getContext());
  mlir::Block block;
  if (failed(mlir::readBytecodeFile(ref, &block, config)))
    return 0;
  for (auto module : llvm::make_early_inc_range(block.getOps<mlir::ModuleOp>()))
    harness.exercise(module);
  return 0;
}
