//===- FloatSupport.cpp - Narrow floats for compiled kernels --------------===//
//
// Calls that LLVM makes for conversions the host has no instruction for, and
// that not every compiler runtime provides.
//
//===----------------------------------------------------------------------===//

#include "Instrument.h"
#include "llvm/ADT/APFloat.h"

using llvm::APFloat;
using llvm::APInt;

static float fromHalf(_Float16 value) { return value; }
static _Float16 toHalf(float value) {
  // Spelled out, since the conversion itself may be compiled to this call.
  APFloat wide(value);
  bool lost;
  wide.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &lost);
  uint16_t bits = wide.bitcastToAPInt().getZExtValue();
  _Float16 result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

template <typename From> static __bf16 toBrain(From value) {
  APFloat wide(value);
  bool lost;
  wide.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &lost);
  uint16_t bits = wide.bitcastToAPInt().getZExtValue();
  __bf16 result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

static _Float16 toHalfFromDouble(double value) {
  APFloat wide(value);
  bool lost;
  wide.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &lost);
  uint16_t bits = wide.bitcastToAPInt().getZExtValue();
  _Float16 result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

void quantmlir::emulator::addFloatSupport(
    llvm::function_ref<void(llvm::StringRef, void *)> add) {
  add("__extendhfsf2", reinterpret_cast<void *>(&fromHalf));
  add("__truncsfhf2", reinterpret_cast<void *>(&toHalf));
  add("__truncdfhf2", reinterpret_cast<void *>(&toHalfFromDouble));
  add("__truncsfbf2", reinterpret_cast<void *>(&toBrain<float>));
  add("__truncdfbf2", reinterpret_cast<void *>(&toBrain<double>));
}
