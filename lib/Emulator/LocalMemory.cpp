//===- LocalMemory.cpp - Local variables and constants --------------------===//

#include "Machine.h"

using namespace quantmlir::emulator;
using llvm::Twine;

/// What a thread of any of our chips can have.
static constexpr uint64_t maximumLocalBytes = 512 * 1024;

static constexpr uint64_t offsetMask =
    (uint64_t(1) << address::variableShift) - 1;

/// The number of the variable that `pointer` is into, or just in front of.
static uint32_t getNumber(uint64_t pointer, uint64_t tag) {
  uint64_t bits = pointer & ~tag;
  return uint32_t(bits >> address::variableShift) +
         uint32_t(bits >> (address::variableShift - 1) & 1);
}
/// Where in it, negative in front of it.
static int64_t getOffset(uint64_t pointer) {
  return llvm::SignExtend64<address::variableShift>(pointer & offsetMask);
}

//===----------------------------------------------------------------------===//
// Local variables
//===----------------------------------------------------------------------===//

uint64_t Thread::makeLocal(uint64_t size, uint32_t alignment) {
  if (!fits(localBytes, size, maximumLocalBytes)) {
    report(FindingKind::OutOfBounds,
           Twine(size) + " bytes of local memory beside " + Twine(localBytes) +
               "; a thread can have " + Twine(maximumLocalBytes));
    giveUp();
  }
  localBytes += size;
  locals.push_back({++localCount, alignment,
                    std::vector<char>(size, char(0xcd)),
                    std::vector<uint8_t>(size, 0)});
  return address::localTag | uint64_t(localCount) << address::variableShift;
}

void Thread::endLocals(size_t count) {
  while (locals.size() > count) {
    localBytes -= locals.back().data.size();
    locals.pop_back();
  }
}

static LocalVariable *find(std::vector<LocalVariable> &locals,
                           uint32_t number) {
  auto it = llvm::partition_point(locals, [&](const LocalVariable &variable) {
    return variable.number < number;
  });
  return it != locals.end() && it->number == number ? &*it : nullptr;
}

void Thread::clearLocal(uint64_t pointer) {
  if (LocalVariable *variable =
          find(locals, getNumber(pointer, address::localTag)))
    std::fill(variable->written.begin(), variable->written.end(), 0);
}

char *Thread::accessLocal(uint64_t pointer, uint64_t size, uint32_t alignment,
                          AccessKind kind) {
  LocalVariable *variable = find(locals, getNumber(pointer, address::localTag));
  int64_t offset = getOffset(pointer);
  if (!variable) {
    report(FindingKind::InvalidPointer,
           Twine(verb(kind)) + " of " + Twine(size) +
               " bytes of a local variable whose function has returned");
    return getScratch(size);
  }
  if (offset < 0 || !fits(offset, size, variable->data.size())) {
    report(FindingKind::OutOfBounds,
           llvm::formatv("{0} of {1} bytes at byte {2} of a local variable of "
                         "{3} bytes",
                         verb(kind), size, offset, variable->data.size()));
    return getScratch(size);
  }
  if (offset % alignment || alignment > variable->alignment) {
    report(FindingKind::Misaligned,
           llvm::formatv("{0} of {1} bytes, aligned to {2}, at byte {3} of a "
                         "local variable that is aligned to {4}",
                         verb(kind), size, alignment, offset,
                         variable->alignment));
    return getScratch(size);
  }
  auto written =
      llvm::MutableArrayRef<uint8_t>(variable->written).slice(offset, size);
  if (needsValue(kind))
    if (auto missing = llvm::find(written, 0); missing != written.end())
      report(FindingKind::UninitializedRead,
             llvm::formatv("{0} of {1} bytes: byte {2} of a local variable was "
                           "never written",
                           verb(kind), size,
                           offset + (missing - written.begin())));
  if (!isRead(kind))
    std::fill(written.begin(), written.end(), 1);
  return variable->data.data() + offset;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

char *Thread::accessConstant(uint64_t pointer, uint64_t size,
                             uint32_t alignment, AccessKind kind) {
  uint32_t number = getNumber(pointer, address::constantTag);
  int64_t offset = getOffset(pointer);
  const auto &constants = launch().kernel.constants;
  const auto &byValue = launch().byValue;
  if (number == 0 || number > constants.size() + byValue.size()) {
    report(FindingKind::InvalidPointer,
           llvm::formatv("{0} of {1} bytes through {2:x}, which points to no "
                         "buffer, shared or local memory",
                         verb(kind), size, pointer));
    return getScratch(size);
  }
  const Constant &constant = number <= constants.size()
                                 ? constants[number - 1]
                                 : byValue[number - 1 - constants.size()];
  if (offset < 0 || !fits(offset, size, constant.size))
    report(FindingKind::OutOfBounds,
           llvm::formatv("{0} of {1} bytes at byte {2} of constant '{3}' ({4} "
                         "bytes)",
                         verb(kind), size, offset, constant.name,
                         constant.size));
  else if (!isRead(kind))
    report(FindingKind::ReadOnlyWrite,
           llvm::formatv("{0} of {1} bytes of constant '{2}'", verb(kind), size,
                         constant.name));
  else if (reinterpret_cast<uintptr_t>(constant.data + offset) % alignment)
    report(
        FindingKind::Misaligned,
        llvm::formatv("{0} of {1} bytes at byte {2} of constant '{3}', which "
                      "is not a multiple of {4}",
                      verb(kind), size, offset, constant.name, alignment));
  else
    return const_cast<char *>(constant.data) + offset;
  return getScratch(size);
}
