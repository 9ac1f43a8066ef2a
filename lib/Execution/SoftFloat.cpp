//===- SoftFloat.cpp - Conversions that compiled code calls ---------------===//
//
// The x86-64 ABI passes and returns _Float16 and __bf16 in the low 16 bits of
// an SSE register. They are spelled as float here, whose upper half callers
// ignore: the host compiler may know neither type. On other machines LLVM
// passes them as the compiler's own types, and the process has the routines.
//
//===----------------------------------------------------------------------===//

#include "SoftFloat.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"

#include <cstdint>

using llvm::APFloat;
using llvm::APInt;

#if defined(__x86_64__)

/// The low 16 bits of `value`'s register.
static uint16_t lowHalf(float value) {
  return static_cast<uint16_t>(llvm::bit_cast<uint32_t>(value));
}

static float fromLowHalf(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
}

template <typename Source>
static float truncate(Source value, const llvm::fltSemantics &semantics) {
  APFloat result(value);
  bool losesInfo;
  result.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  return fromLowHalf(
      static_cast<uint16_t>(result.bitcastToAPInt().getZExtValue()));
}

static float truncateF32ToBF16(float value) {
  return truncate(value, APFloat::BFloat());
}
static float truncateF64ToBF16(double value) {
  return truncate(value, APFloat::BFloat());
}
static float truncateF32ToF16(float value) {
  return truncate(value, APFloat::IEEEhalf());
}
static float truncateF64ToF16(double value) {
  return truncate(value, APFloat::IEEEhalf());
}
static float extendF16ToF32(float value) {
  APFloat result(APFloat::IEEEhalf(), APInt(16, lowHalf(value)));
  bool losesInfo;
  result.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return result.convertToFloat();
}

llvm::ArrayRef<std::pair<const char *, void *>>
quantmlir::getSoftFloatSymbols() {
  static const std::pair<const char *, void *> symbols[] = {
      {"__truncsfbf2", reinterpret_cast<void *>(&truncateF32ToBF16)},
      {"__truncdfbf2", reinterpret_cast<void *>(&truncateF64ToBF16)},
      {"__truncsfhf2", reinterpret_cast<void *>(&truncateF32ToF16)},
      {"__truncdfhf2", reinterpret_cast<void *>(&truncateF64ToF16)},
      {"__extendhfsf2", reinterpret_cast<void *>(&extendF16ToF32)},
  };
  return symbols;
}

#else

llvm::ArrayRef<std::pair<const char *, void *>>
quantmlir::getSoftFloatSymbols() {
  return {};
}

#endif
