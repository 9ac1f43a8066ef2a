//===- FloatSupport.cpp - Narrow floats for compiled kernels --------------===//
//
// Calls that LLVM makes for conversions the host has no instruction for, and
// that not every compiler runtime provides; and float arithmetic that the host
// has in another form than the device.
//
//===----------------------------------------------------------------------===//

#include "Instrument.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using llvm::APFloat;
using llvm::APInt;

static float fromHalf(_Float16 value) { return value; }
/// Rounds to a 16-bit float through APFloat: the conversion itself may be
/// compiled to the call that this implements.
template <typename To, typename From> static To narrow(From value) {
  APFloat wide(value);
  bool lost;
  wide.convert(std::is_same_v<To, _Float16> ? APFloat::IEEEhalf()
                                            : APFloat::BFloat(),
               APFloat::rmNearestTiesToEven, &lost);
  uint16_t bits = wide.bitcastToAPInt().getZExtValue();
  To result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

template <typename T> static double fromBits(uint32_t bits) {
  uint16_t half = bits;
  T value;
  memcpy(&value, &half, sizeof(value));
  return double(float(value));
}

/// Bits of `value` rounded to T; a NaN has all bits set but the sign.
template <typename T> static uint32_t toBits(double value) {
  if (std::isnan(value))
    return 0x7fff;
  T rounded = narrow<T, double>(value);
  uint16_t bits;
  memcpy(&bits, &rounded, sizeof(bits));
  return bits;
}

/// a * b + c of 16-bit floats, rounded once. The product is exact in a double;
/// of a sum that is not, the last bit is set (rounding to odd), so that
/// rounding it again is as good as rounding the sum.
template <typename T>
static uint32_t multiplyAdd(uint32_t a, uint32_t b, uint32_t c) {
  double product = fromBits<T>(a) * fromBits<T>(b), addend = fromBits<T>(c);
  double sum = product + addend;
  if (std::isfinite(sum)) {
    double part = sum - product;
    double error = (product - (sum - part)) + (addend - part);
    auto bits = llvm::bit_cast<uint64_t>(sum);
    // An even last bit is beside the one that is on the error's side.
    if (error != 0 && bits % 2 == 0)
      bits += (error > 0) == (sum > 0) ? 1 : -1;
    sum = llvm::bit_cast<double>(bits);
  }
  return toBits<T>(sum);
}

template <typename Function>
static uint32_t updateAtomically(char *place, Function function) {
  auto *word = reinterpret_cast<uint32_t *>(place);
  uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(word, &old, function(old), true,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}

template <bool flush>
static uint32_t atomicAddFloat(char *place, uint32_t value) {
  auto read = [](uint32_t bits) {
    return llvm::bit_cast<float>(
        flush && !(bits & 0x7f800000) ? bits & 0x80000000 : bits);
  };
  return updateAtomically(place, [&](uint32_t old) {
    float sum = read(old) + read(value);
    if (std::isnan(sum))
      return uint32_t(0x7fffffff);
    return llvm::bit_cast<uint32_t>(read(llvm::bit_cast<uint32_t>(sum)));
  });
}

template <typename T>
static uint32_t atomicAddPair(char *place, uint32_t value) {
  return updateAtomically(place, [&](uint32_t old) {
    // The sum of two 16-bit floats rounds as well from a double.
    auto add = [](uint32_t a, uint32_t b) {
      return toBits<T>(fromBits<T>(a) + fromBits<T>(b));
    };
    return add(old >> 16, value >> 16) << 16 | add(old, value);
  });
}

void quantmlir::emulator::addFloatSupport(
    llvm::function_ref<void(llvm::StringRef, void *)> add) {
  add("__extendhfsf2", reinterpret_cast<void *>(&fromHalf));
  add("__truncsfhf2", reinterpret_cast<void *>(&narrow<_Float16, float>));
  add("__truncdfhf2", reinterpret_cast<void *>(&narrow<_Float16, double>));
  add("__truncsfbf2", reinterpret_cast<void *>(&narrow<__bf16, float>));
  add("__truncdfbf2", reinterpret_cast<void *>(&narrow<__bf16, double>));
  add(multiplyAddF16Symbol, reinterpret_cast<void *>(&multiplyAdd<_Float16>));
  add(multiplyAddBF16Symbol, reinterpret_cast<void *>(&multiplyAdd<__bf16>));
  add(atomicAddF32Symbol, reinterpret_cast<void *>(&atomicAddFloat<false>));
  add(atomicAddFlushedF32Symbol,
      reinterpret_cast<void *>(&atomicAddFloat<true>));
  add(atomicAddF16x2Symbol, reinterpret_cast<void *>(&atomicAddPair<_Float16>));
  add(atomicAddBF16x2Symbol, reinterpret_cast<void *>(&atomicAddPair<__bf16>));
}
