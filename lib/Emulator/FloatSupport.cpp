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

void quantmlir::emulator::addFloatSupport(
    llvm::function_ref<void(llvm::StringRef, void *)> add) {
  add("__extendhfsf2", reinterpret_cast<void *>(&fromHalf));
  add("__truncsfhf2", reinterpret_cast<void *>(&narrow<_Float16, float>));
  add("__truncdfhf2", reinterpret_cast<void *>(&narrow<_Float16, double>));
  add("__truncsfbf2", reinterpret_cast<void *>(&narrow<__bf16, float>));
  add("__truncdfbf2", reinterpret_cast<void *>(&narrow<__bf16, double>));
}
