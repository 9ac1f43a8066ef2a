//===- Convert.cpp - Conversion between element types ---------------------===//

#include "ElementTypes.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

using namespace quantmlir::io;

namespace {
/// A binary floating-point format of up to 16 bits.
struct SmallFloat {
  std::string_view name;
  int exponentBits;
  int mantissaBits;
  int bias;
  bool hasSign;
  /// The all-ones exponent means infinity and NaN, as IEEE 754 has it;
  /// otherwise only the all-ones code is NaN.
  bool isIEEE;
  bool hasSubnormals;
};

constexpr SmallFloat smallFloats[] = {
    {"f16", 5, 10, 15, true, true, true},
    {"bf16", 8, 7, 127, true, true, true},
    {"f8E5M2", 5, 2, 15, true, true, true},
    {"f8E4M3FN", 4, 3, 7, true, false, true},
    {"f8E8M0FNU", 8, 0, 127, false, false, false}};

const SmallFloat *findSmallFloat(std::string_view name) {
  for (const SmallFloat &format : smallFloats)
    if (format.name == name)
      return &format;
  return nullptr;
}

double decode(const SmallFloat &format, uint32_t code) {
  uint32_t mantissaMask = (1u << format.mantissaBits) - 1;
  uint32_t exponentMask = (1u << format.exponentBits) - 1;
  uint32_t mantissa = code & mantissaMask;
  uint32_t exponent = code >> format.mantissaBits & exponentMask;
  bool negative = format.hasSign &&
                  (code >> (format.mantissaBits + format.exponentBits) & 1);
  double value;
  if (exponent == exponentMask && (format.isIEEE || mantissa == mantissaMask))
    value = format.isIEEE && mantissa == 0
                ? std::numeric_limits<double>::infinity()
                : std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0 && format.hasSubnormals)
    value = std::ldexp(mantissa, 1 - format.bias - format.mantissaBits);
  else
    value = std::ldexp(mantissa + (1u << format.mantissaBits),
                       int(exponent) - format.bias - format.mantissaBits);
  return negative ? -value : value;
}

/// Nearest, ties to even. Too large becomes infinity, or NaN where the format
/// has none; so does what a format without sign cannot represent.
uint32_t encode(const SmallFloat &format, double value) {
  uint32_t mantissaMask = (1u << format.mantissaBits) - 1;
  uint32_t exponentMask = (1u << format.exponentBits) - 1;
  uint32_t top = exponentMask << format.mantissaBits;
  uint32_t nan =
      format.isIEEE
          ? top | (format.mantissaBits ? 1u << (format.mantissaBits - 1) : 0)
          : top | mantissaMask;
  uint32_t infinity = format.isIEEE ? top : nan;
  if (std::isnan(value) || (!format.hasSign && !(value > 0)))
    return nan;
  uint32_t sign = format.hasSign && std::signbit(value)
                      ? 1u << (format.mantissaBits + format.exponentBits)
                      : 0;
  value = std::fabs(value);
  if (std::isinf(value))
    return sign | infinity;
  if (value == 0)
    return sign;
  int exponent = std::ilogb(value);
  int smallest = (format.hasSubnormals ? 1 : 0) - format.bias;
  exponent = std::max(exponent, smallest);
  // In units of the last place; exact, as a double's mantissa is longer.
  double scaled = std::ldexp(value, format.mantissaBits - exponent);
  double rounded = std::nearbyint(scaled);
  uint64_t units = static_cast<uint64_t>(rounded);
  // Carries move into the exponent by themselves. A subnormal has exponent
  // field 0 but the unit of field 1.
  uint64_t base = uint64_t(exponent - smallest) << format.mantissaBits;
  uint64_t code = base + units;
  if (!format.hasSubnormals)
    code = units == 0 ? 0 : code - (1u << format.mantissaBits);
  uint64_t largest = format.isIEEE ? top - 1 : nan - 1;
  return sign | (code > largest ? infinity : static_cast<uint32_t>(code));
}

template <typename T> T load(const uint8_t *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

/// A number of any of our types: an integer exactly, or a double.
struct Number {
  bool isInteger = false;
  __int128 integer = 0;
  double real = 0;
};

Number integer(__int128 value) {
  return {true, value, static_cast<double>(value)};
}

Number loadElement(std::string_view element, const uint8_t *data) {
  if (const SmallFloat *format = findSmallFloat(element)) {
    uint32_t code = getElementBytes(element) == 1 ? load<uint8_t>(data)
                                                  : load<uint16_t>(data);
    return {false, 0, decode(*format, code)};
  }
  if (element == "f32")
    return {false, 0, load<float>(data)};
  if (element == "f64")
    return {false, 0, load<double>(data)};
  if (element == "i1")
    return integer(load<uint8_t>(data) != 0);
  bool isUnsigned = element[0] == 'u';
  switch (getElementBytes(element)) {
  case 1:
    return isUnsigned ? integer(load<uint8_t>(data))
                      : integer(load<int8_t>(data));
  case 2:
    return isUnsigned ? integer(load<uint16_t>(data))
                      : integer(load<int16_t>(data));
  case 4:
    return isUnsigned ? integer(load<uint32_t>(data))
                      : integer(load<int32_t>(data));
  default:
    return isUnsigned ? integer(load<uint64_t>(data))
                      : integer(load<int64_t>(data));
  }
}

bool storeElement(std::string_view element, const Number &number,
                  uint8_t *data) {
  if (const SmallFloat *format = findSmallFloat(element)) {
    uint32_t code = encode(*format, number.real);
    std::memcpy(data, &code, getElementBytes(element));
    return true;
  }
  if (element == "f32") {
    float value = number.isInteger ? static_cast<float>(number.integer)
                                   : static_cast<float>(number.real);
    std::memcpy(data, &value, sizeof(value));
    return true;
  }
  if (element == "f64") {
    std::memcpy(data, &number.real, sizeof(number.real));
    return true;
  }
  __int128 value = number.integer;
  if (!number.isInteger) {
    if (!(std::fabs(number.real) < 0x1p64) ||
        number.real != std::trunc(number.real))
      return false;
    value = static_cast<__int128>(number.real);
  }
  unsigned bits = element == "i1" ? 1 : 8 * getElementBytes(element);
  bool isUnsigned = element[0] == 'u' || element == "i1";
  __int128 low = isUnsigned ? 0 : -(__int128(1) << (bits - 1));
  __int128 high = (__int128(1) << (isUnsigned ? bits : bits - 1)) - 1;
  if (value < low || value > high)
    return false;
  uint64_t stored = static_cast<uint64_t>(value);
  std::memcpy(data, &stored, getElementBytes(element));
  return true;
}
} // namespace

bool quantmlir::io::convertElements(const Array &array,
                                    std::string_view element, Array &result,
                                    std::string &error) {
  size_t fromBytes = getElementBytes(array.element);
  size_t toBytes = getElementBytes(element);
  size_t needed = 0;
  if (fromBytes == 0 || toBytes == 0 ||
      !computeBytes(array.shape, fromBytes, needed) ||
      needed != array.data.size) {
    error = "cannot convert " + describe(array) + " to " + std::string(element);
    return false;
  }
  if (array.element == element) {
    result = array;
    return true;
  }
  size_t count = needed / fromBytes;
  uint8_t *target = nullptr;
  Bytes data = Bytes::allocate(count * toBytes, target);
  for (size_t i = 0; i < count; ++i) {
    Number number = loadElement(array.element, array.data.data + i * fromBytes);
    if (storeElement(element, number, target + i * toBytes))
      continue;
    error = "element " + std::to_string(i) + " (" +
            std::to_string(number.real) + ") is no " + std::string(element);
    return false;
  }
  result.shape = array.shape;
  result.element = std::string(element);
  result.data = std::move(data);
  return true;
}
