//===- Convert.cpp - Packed conversions, dp4a, approximations -------------===//

#include "Models.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace quantmlir::emulator;
using llvm::APFloat;
using llvm::APInt;

/// A NaN that a conversion gives: all bits set but the sign.
static APInt getDeviceNaN(unsigned width) {
  return APInt::getSignedMaxValue(width);
}

namespace {
/// How a conversion rounds and what becomes of what does not fit.
struct Narrowing {
  const llvm::fltSemantics *to;
  APFloat::roundingMode rounding = APFloat::rmNearestTiesToEven;
  /// Infinities and what is too large become the largest finite number.
  bool saturate = false;
  /// Negative numbers become zero.
  bool relu = false;
};
} // namespace

/// Bits of `value` in the narrower format.
static APInt narrow(APFloat value, const Narrowing &how) {
  unsigned width = APFloat::semanticsSizeInBits(*how.to);
  if (value.isNaN())
    return getDeviceNaN(width);
  if (how.relu && value.isNegative())
    return APInt::getZero(width);
  bool negative = value.isNegative(), finite = value.isFinite(), lost;
  value.convert(*how.to, how.rounding, &lost);
  if (how.saturate && (!finite || !value.isFinite()))
    value = APFloat::getLargest(*how.to, negative);
  return value.bitcastToAPInt();
}

static APFloat getFloat(const llvm::fltSemantics &semantics, uint32_t bits) {
  return APFloat(semantics,
                 APInt(APFloat::semanticsSizeInBits(semantics), bits));
}

static llvm::FailureOr<const llvm::fltSemantics *> getFloat8(Operation *op,
                                                             Type type) {
  if (isa<Float8E4M3FNType>(type))
    return &APFloat::Float8E4M3FN();
  if (isa<Float8E5M2Type>(type))
    return &APFloat::Float8E5M2();
  return op->emitOpError() << "of " << type << " is not known to the emulator";
}

static llvm::FailureOr<Semantics>
describeF32x2ToF8x2(NVVM::ConvertF32x2ToF8x2Op op) {
  auto to = getFloat8(op, op.getDstTy());
  if (failed(to))
    return failure();
  if (op.getRnd() != NVVM::FPRoundingMode::RN ||
      op.getSat() != NVVM::SaturationMode::SATFINITE)
    return op.emitOpError("that does not round to nearest and saturate is not "
                          "known to the emulator");
  Narrowing how{*to};
  how.saturate = true;
  how.relu = op.getRelu();
  return perThread([how](Thread &, ValueBytes in, ValueBytes out) {
    // The first operand is the upper half.
    for (unsigned i = 0; i < 2; ++i)
      out.set<uint8_t>(
          0,
          narrow(getFloat(APFloat::IEEEsingle(), in.get<uint32_t>(1 - i)), how)
              .getZExtValue(),
          i);
  });
}

static llvm::FailureOr<Semantics>
describeF16x2ToF8x2(NVVM::ConvertF16x2ToF8x2Op op) {
  auto to = getFloat8(op, op.getDstTy());
  if (failed(to))
    return failure();
  Narrowing how{*to};
  how.saturate = true; // the only form there is
  how.relu = op.getRelu();
  return perThread([how](Thread &, ValueBytes in, ValueBytes out) {
    for (unsigned i = 0; i < 2; ++i)
      out.set<uint8_t>(
          0,
          narrow(getFloat(APFloat::IEEEhalf(), in.get<uint16_t>(0, i)), how)
              .getZExtValue(),
          i);
  });
}

static llvm::FailureOr<Semantics>
describeF8x2ToF16x2(NVVM::ConvertF8x2ToF16x2Op op) {
  auto from = getFloat8(op, op.getSrcType());
  if (failed(from))
    return failure();
  Narrowing how{&APFloat::IEEEhalf()};
  how.relu = op.getRelu();
  return perThread([how, from = *from](Thread &, ValueBytes in,
                                       ValueBytes out) {
    for (unsigned i = 0; i < 2; ++i)
      out.set<uint16_t>(
          0, narrow(getFloat(*from, in.get<uint8_t>(0, i)), how).getZExtValue(),
          i);
  });
}

template <typename OpT>
static llvm::FailureOr<Semantics> describePair(OpT op,
                                               const llvm::fltSemantics &to) {
  Narrowing how{&to};
  if (op.getRnd() == NVVM::FPRoundingMode::RZ)
    how.rounding = APFloat::rmTowardZero;
  else if (op.getRnd() != NVVM::FPRoundingMode::RN)
    return op.emitOpError("of this rounding is not known to the emulator");
  if (op.getSat() != NVVM::SaturationMode::NONE)
    return op.emitOpError("that saturates is not known to the emulator");
  how.relu = op.getRelu();
  return perThread([how](Thread &, ValueBytes in, ValueBytes out) {
    // The first operand is the upper half.
    for (unsigned i = 0; i < 2; ++i)
      out.set<uint16_t>(
          0,
          narrow(getFloat(APFloat::IEEEsingle(), in.get<uint32_t>(1 - i)), how)
              .getZExtValue(),
          i);
  });
}

static llvm::FailureOr<Semantics>
describeF32x2ToF16x2(NVVM::ConvertF32x2ToF16x2Op op) {
  return describePair(op, APFloat::IEEEhalf());
}
static llvm::FailureOr<Semantics>
describeF32x2ToBF16x2(NVVM::ConvertF32x2ToBF16x2Op op) {
  return describePair(op, APFloat::BFloat());
}

/// A tf32 is an f32 whose low 13 bits are zero.
static llvm::FailureOr<Semantics>
describeToTF32(NVVM::ConvertFloatToTF32Op op) {
  NVVM::FPRoundingMode rounding = op.getRnd();
  bool known = rounding == NVVM::FPRoundingMode::RN ||
               rounding == NVVM::FPRoundingMode::RZ ||
               rounding == NVVM::FPRoundingMode::RNA;
  if (!known || op.getSat() != NVVM::SaturationMode::NONE)
    return op.emitOpError("of this form is not known to the emulator");
  return perThread(
      [rounding, relu = op.getRelu()](Thread &, ValueBytes in, ValueBytes out) {
        uint32_t bits = in.get<uint32_t>(0), magnitude = bits & 0x7fffffff;
        bool isFinite = magnitude < 0x7f800000;
        if (rounding == NVVM::FPRoundingMode::RNA)
          bits += isFinite ? 0x1000 : 0; // of a NaN its upper bits stay
        else if (magnitude > 0x7f800000)
          bits = 0x7fffffff;
        else if (relu && bits >> 31)
          bits = 0;
        else if (rounding == NVVM::FPRoundingMode::RN && isFinite)
          bits += 0xfff + (bits >> 13 & 1);
        out.set<uint32_t>(0, bits & ~uint32_t(0x1fff));
      });
}

static llvm::FailureOr<Semantics> describeDp4a(NVVM::DotAccumulate4WayOp op) {
  auto isSigned = [](NVVM::DotAccumulateType type) {
    return type == NVVM::DotAccumulateType::SIGNED;
  };
  return perThread([a = isSigned(op.getAType()), b = isSigned(op.getBType())](
                       Thread &, ValueBytes in, ValueBytes out) {
    auto element = [&](unsigned operand, bool isSigned, unsigned i) -> int32_t {
      uint8_t byte = in.get<uint8_t>(operand, i);
      return isSigned ? int8_t(byte) : byte;
    };
    uint32_t sum = in.get<uint32_t>(2);
    for (unsigned i = 0; i < 4; ++i)
      sum += element(0, a, i) * element(1, b, i);
    out.set(0, sum);
  });
}

/// The hardware's is at most 1 ulp from this one: the reciprocal, rounded;
/// subnormal numbers are zeros.
static llvm::FailureOr<Semantics>
describeReciprocal(NVVM::RcpApproxFtzF32Op op) {
  return perThread([](Thread &, ValueBytes in, ValueBytes out) {
    auto flush = [](float value) {
      return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
    };
    float result = flush(1.0f / flush(in.get<float>(0)));
    out.set<uint32_t>(0, std::isnan(result) ? 0x7fffffff
                                            : llvm::bit_cast<uint32_t>(result));
  });
}

void quantmlir::emulator::attachConversionModels(MLIRContext *context) {
  attach<NVVM::ConvertF32x2ToF8x2Op, describeF32x2ToF8x2>(context);
  attach<NVVM::ConvertF16x2ToF8x2Op, describeF16x2ToF8x2>(context);
  attach<NVVM::ConvertF8x2ToF16x2Op, describeF8x2ToF16x2>(context);
  attach<NVVM::ConvertF32x2ToF16x2Op, describeF32x2ToF16x2>(context);
  attach<NVVM::ConvertF32x2ToBF16x2Op, describeF32x2ToBF16x2>(context);
  attach<NVVM::ConvertFloatToTF32Op, describeToTF32>(context);
  attach<NVVM::DotAccumulate4WayOp, describeDp4a>(context);
  attach<NVVM::RcpApproxFtzF32Op, describeReciprocal>(context);
}
