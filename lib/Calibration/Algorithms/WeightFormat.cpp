//===- WeightFormat.cpp - What the codes of a matrix mean -----------------===//

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"

using namespace quantmlir::calibration;

/// NormalFloat4 (QLoRA, appendix E); the same numbers as the dialect's.
static constexpr float nf4Values[16] = {-1.0f,
                                        -0.6961928009986877f,
                                        -0.5250730514526367f,
                                        -0.39491748809814453f,
                                        -0.28444138169288635f,
                                        -0.18477343022823334f,
                                        -0.09105003625154495f,
                                        0.0f,
                                        0.07958029955625534f,
                                        0.16093020141124725f,
                                        0.24611230194568634f,
                                        0.33791524171829224f,
                                        0.44070982933044434f,
                                        0.5626170039176941f,
                                        0.7229568362236023f,
                                        1.0f};

WeightFormat WeightFormat::get(const TensorScheme &scheme) {
  WeightFormat format;
  format.code = scheme.code;
  format.bits = scheme.bits;
  if (scheme.code == CodeKind::Integer) {
    format.low = scheme.getCodeMin();
    format.high = scheme.getCodeMax();
    if (!scheme.symmetric)
      format.zeroPoint = ZeroPointKind::I8;
  } else {
    format.bits =
        scheme.code == CodeKind::FP8E4M3 || scheme.code == CodeKind::FP8E5M2
            ? 8
            : 4;
    format.isSigned = scheme.code != CodeKind::NF4;
    format.low = format.high = 0;
  }
  format.scale = scheme.scale;
  format.blockRows = scheme.blockN;
  format.blockColumns = scheme.blockK;
  format.method = scheme.method;
  format.percent = scheme.percent;
  format.candidates = scheme.candidates;
  return format;
}

llvm::Error WeightFormat::verify() const {
  auto fail = [](const llvm::Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
  };
  if (bits < 2 || bits > 8)
    return fail("codes of " + llvm::Twine(bits) + " bits; there are 2 to 8");
  if (code == CodeKind::Integer) {
    int32_t least = isSigned ? -(1 << (bits - 1)) : 0;
    int32_t most = isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    if (low < least || high > most || low >= high || high < 1)
      return fail("codes from " + llvm::Twine(low) + " to " +
                  llvm::Twine(high) + " do not fit " + llvm::Twine(bits) +
                  " bits");
  } else if (hasZeroPoint()) {
    return fail("zero points go with integer codes only");
  }
  if (blockRows < 0 || blockColumns < 0)
    return fail("an extent of a block is negative");
  if (method == Method::MinMax && !hasZeroPoint())
    return fail("minmax needs a zero point: make the scheme asymmetric, or "
                "use absmax");
  if (!(percent > 0 && percent <= 100))
    return fail("percent must be in (0, 100]");
  if (candidates < 1 || candidates > 65536)
    return fail("candidates must be in [1, 65536]");
  return llvm::Error::success();
}

WeightFormat WeightFormat::fit(int64_t rows, int64_t columns) const {
  WeightFormat format = *this;
  if (blockRows > 1 && blockRows >= rows)
    format.blockRows = 0;
  if (blockColumns > 1 && blockColumns >= columns)
    format.blockColumns = 0;
  return format;
}

float WeightFormat::getMaxMagnitude() const {
  switch (code) {
  case CodeKind::Integer:
    // The negative end of a full signed range goes unused.
    return static_cast<float>(high);
  case CodeKind::FP8E4M3:
    return 448.0f;
  case CodeKind::FP8E5M2:
    return 57344.0f;
  case CodeKind::FP4E2M1:
    return 6.0f;
  case CodeKind::NF4:
    return 1.0f;
  }
  llvm_unreachable("all kinds handled");
}

SmallFloatFormat WeightFormat::getSmallFloat() const {
  switch (code) {
  case CodeKind::FP8E4M3:
    return {4, 3, 7, 0x7E, 0x7F, -1};
  case CodeKind::FP8E5M2:
    return {5, 2, 15, 0x7B, 0x7E, 0x7C};
  case CodeKind::FP4E2M1:
    return {2, 1, 1, 0x7, -1, -1};
  case CodeKind::Integer:
  case CodeKind::NF4:
    break;
  }
  llvm_unreachable("not a small float");
}

llvm::ArrayRef<float> WeightFormat::getCodebook() const {
  if (code == CodeKind::NF4)
    return nf4Values;
  return {};
}

llvm::StringRef quantmlir::calibration::getElementName(ZeroPointKind kind) {
  switch (kind) {
  case ZeroPointKind::None:
    return "none";
  case ZeroPointKind::I8:
    return "i8";
  case ZeroPointKind::UI8:
    return "ui8";
  case ZeroPointKind::F32:
    return "f32";
  case ZeroPointKind::F16:
    return "f16";
  case ZeroPointKind::BF16:
    return "bf16";
  }
  llvm_unreachable("all kinds handled");
}

std::string WeightFormat::getEncodingText(llvm::StringRef layout) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "#quant_tensor.encoding<{storage = ";
  switch (code) {
  case CodeKind::Integer:
    os << (isSigned ? "i" : "ui") << bits;
    break;
  case CodeKind::FP8E4M3:
    os << "f8E4M3FN";
    break;
  case CodeKind::FP8E5M2:
    os << "f8E5M2";
    break;
  case CodeKind::FP4E2M1:
    os << "f4E2M1FN";
    break;
  case CodeKind::NF4:
    os << "ui4";
    break;
  }
  os << ", block = [" << blockRows << ", " << blockColumns
     << "], scale = " << getElementName(scale);
  if (hasZeroPoint())
    os << ", zero_point = " << getElementName(zeroPoint);
  if (code == CodeKind::Integer) {
    int32_t least = isSigned ? -(1 << (bits - 1)) : 0;
    int32_t most = isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    if (low != least || high != most)
      os << ", range = [" << low << ", " << high << "]";
  }
  if (code == CodeKind::NF4)
    os << ", codebook = nf4";
  if (!layout.empty())
    os << ", layout = " << layout;
  os << "}>";
  return text;
}
