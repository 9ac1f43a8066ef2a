//===- Mma.cpp - Tensor core arithmetic -----------------------------------===//

#include "TensorCoreSum.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>
#include <vector>

using namespace quantmlir::emulator;
using llvm::APFloat;
using llvm::APInt;

unsigned quantmlir::emulator::getBitWidth(MatrixElement element) {
  switch (element) {
  case MatrixElement::TF32:
    return 32;
  case MatrixElement::F16:
  case MatrixElement::BF16:
    return 16;
  case MatrixElement::S8:
  case MatrixElement::U8:
  case MatrixElement::E4M3:
  case MatrixElement::E5M2:
    return 8;
  case MatrixElement::S4:
  case MatrixElement::U4:
    return 4;
  }
  llvm_unreachable("unknown element");
}

bool quantmlir::emulator::isInteger(MatrixElement element) {
  return element == MatrixElement::S8 || element == MatrixElement::U8 ||
         element == MatrixElement::S4 || element == MatrixElement::U4;
}

static float toFloat(const llvm::fltSemantics &semantics, unsigned width,
                     uint64_t bits) {
  APFloat value(semantics, APInt(width, bits));
  bool lost;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToFloat();
}

/// All values of an 8- or 16-bit format.
static std::vector<float> tabulate(const llvm::fltSemantics &semantics,
                                   unsigned width) {
  std::vector<float> table(size_t(1) << width);
  for (size_t bits = 0; bits < table.size(); ++bits)
    table[bits] = toFloat(semantics, width, bits);
  return table;
}

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float quantmlir::emulator::decode(MatrixElement element, const char *bytes,
                                  unsigned index) {
  static const std::vector<float> half = tabulate(APFloat::IEEEhalf(), 16),
                                  e4m3 = tabulate(APFloat::Float8E4M3FN(), 8),
                                  e5m2 = tabulate(APFloat::Float8E5M2(), 8);
  auto load = [&](auto value) {
    std::memcpy(&value, bytes + index * sizeof(value), sizeof(value));
    return value;
  };
  switch (element) {
  case MatrixElement::F16:
    return half[load(uint16_t())];
  case MatrixElement::BF16:
    return fromBits(uint32_t(load(uint16_t())) << 16);
  case MatrixElement::TF32: // the low 13 bits are ignored
    return fromBits(load(uint32_t()) & ~uint32_t(0x1fff));
  case MatrixElement::S8:
    return load(int8_t());
  case MatrixElement::U8:
    return load(uint8_t());
  case MatrixElement::E4M3:
    return e4m3[load(uint8_t())];
  case MatrixElement::E5M2:
    return e5m2[load(uint8_t())];
  case MatrixElement::S4:
  case MatrixElement::U4: {
    uint8_t nibble = uint8_t(bytes[index / 2]) >> (4 * (index % 2)) & 0xf;
    bool negative = element == MatrixElement::S4 && nibble >= 8;
    return negative ? int(nibble) - 16 : nibble;
  }
  }
  llvm_unreachable("unknown element");
}

bool quantmlir::emulator::isKnownForm(const MmaForm &form) {
  unsigned width = getBitWidth(form.a);
  if (width != getBitWidth(form.b) || isInteger(form.a) != isInteger(form.b) ||
      form.n != 8)
    return false;
  // Four lanes hold one register of a row each: 128 bits of K, once or twice.
  unsigned kStep = 128 / width;
  if (isInteger(form.a) && form.m == 8)
    return form.k == kStep;
  return form.m == 16 && (form.k == kStep || form.k == 2 * kStep);
}

namespace {
/// The registers of one operand of all lanes, each lane's one after another.
struct Fragments {
  std::array<std::array<char, 16>, 32> lanes = {};

  Fragments(const WarpLanes &warp, unsigned first, unsigned count) {
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; warp.lanes[lane].thread && i < count; ++i)
        std::memcpy(lanes[lane].data() + 4 * i,
                    warp.lanes[lane].operands.bytes(first + i), 4);
  }
};
} // namespace

/// The sum of one element of a mma.sync of 8-bit floats. sm_90 has no such
/// instruction: it becomes two of f16, first of the lower two elements of each
/// register, then of the upper two, and an addition of the accumulator.
static uint32_t addEightBit(const float *a, const float *b, unsigned k,
                            uint32_t c) {
  TensorCoreSum sum(MatrixElement::F16, MatrixElement::F16);
  uint32_t bits = 0;
  for (unsigned half = 0; half < 4; half += 2) {
    float as[32], bs[32];
    unsigned count = 0;
    for (unsigned i = half; i < k; i += 4)
      for (unsigned j = i; j < i + 2; ++j, ++count) {
        as[count] = a[j];
        bs[count] = b[j];
      }
    bits = sum.addFloat(as, bs, count, bits);
  }
  float result = llvm::bit_cast<float>(bits) + llvm::bit_cast<float>(c);
  return std::isnan(result) ? 0x7fffffff : llvm::bit_cast<uint32_t>(result);
}

void quantmlir::emulator::executeMma(WarpLanes &warp, const MmaForm &form,
                                     unsigned aCount, unsigned bCount,
                                     unsigned cCount) {
  Fragments aRegs(warp, 0, aCount), bRegs(warp, aCount, bCount),
      cRegs(warp, aCount + bCount, cCount);
  // Register r of lane 4 g + t holds `perReg` elements of K: of row g, or g + 8
  // in every other register where there are 16 rows.
  unsigned perReg = 32 / getBitWidth(form.a), kStep = 4 * perReg;
  unsigned rowRegs = form.m / 8;
  float a[16][64], b[8][64];
  std::optional<TensorCoreSum> sum;
  if (!isInteger(form.a))
    sum.emplace(form.a, form.b);
  for (unsigned k = 0; k < form.k; ++k) {
    unsigned t = k % kStep / perReg, e = k % perReg;
    for (unsigned row = 0; row < form.m; ++row) {
      unsigned reg = k / kStep * rowRegs + row / 8;
      a[row][k] = decode(form.a, aRegs.lanes[4 * (row % 8) + t].data(),
                         reg * perReg + e);
    }
    for (unsigned column = 0; column < 8; ++column)
      b[column][k] = decode(form.b, bRegs.lanes[4 * column + t].data(),
                            k / kStep * perReg + e);
  }
  for (unsigned row = 0; row < form.m; ++row)
    for (unsigned column = 0; column < 8; ++column) {
      const Lane &lane = warp.lanes[4 * (row % 8) + column / 2];
      if (!lane.thread)
        continue;
      const char *accumulators = cRegs.lanes[4 * (row % 8) + column / 2].data();
      unsigned element = row / 8 * 2 + column % 2;
      if (isInteger(form.a)) {
        int64_t sum = 0;
        int32_t c;
        std::memcpy(&c, accumulators + 4 * element, 4);
        for (unsigned k = 0; k < form.k; ++k)
          sum += int64_t(a[row][k]) * int64_t(b[column][k]);
        sum += c;
        if (form.saturate)
          sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
        lane.results.set<int32_t>(0, int32_t(uint32_t(sum)), element);
        continue;
      }
      if (form.halfAccumulator) {
        uint16_t c;
        std::memcpy(&c, accumulators + 2 * element, 2);
        lane.results.set(0, sum->addHalf(a[row], b[column], form.k, c),
                         element);
      } else {
        uint32_t c;
        std::memcpy(&c, accumulators + 4 * element, 4);
        lane.results.set(0,
                         getBitWidth(form.a) == 8
                             ? addEightBit(a[row], b[column], form.k, c)
                             : sum->addFloat(a[row], b[column], form.k, c),
                         element);
      }
    }
}
