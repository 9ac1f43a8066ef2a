//===- Scheme.cpp - How a model is to be quantized, as text ---------------===//

#include "quantmlir/Calibration/Scheme.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/GlobPattern.h"

#include <cmath>

using namespace quantmlir::calibration;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Spellings
//===----------------------------------------------------------------------===//

static std::string getTypeName(const TensorScheme &scheme) {
  switch (scheme.code) {
  case CodeKind::Integer:
    return "int" + std::to_string(scheme.bits);
  case CodeKind::FP8E4M3:
    return "fp8";
  case CodeKind::FP8E5M2:
    return "fp8_e5m2";
  case CodeKind::FP4E2M1:
    return "fp4";
  case CodeKind::NF4:
    return "nf4";
  }
  llvm_unreachable("unknown code");
}

StringRef quantmlir::calibration::getElementName(ScaleKind kind) {
  switch (kind) {
  case ScaleKind::F32:
    return "f32";
  case ScaleKind::F16:
    return "f16";
  case ScaleKind::BF16:
    return "bf16";
  case ScaleKind::E8M0:
    return "f8E8M0FNU";
  case ScaleKind::E4M3:
    return "f8E4M3FN";
  }
  llvm_unreachable("all kinds handled");
}

static std::string getMethodText(const TensorScheme &scheme) {
  switch (scheme.method) {
  case Method::AbsMax:
    return "method=absmax";
  case Method::MinMax:
    return "method=minmax";
  case Method::Percentile:
    return llvm::formatv("percentile={0}", scheme.percent);
  case Method::MSE:
    return llvm::formatv("mse={0}", scheme.candidates);
  case Method::KL:
    return llvm::formatv("kl={0}", scheme.candidates);
  }
  llvm_unreachable("unknown method");
}

std::string TensorScheme::toString() const {
  std::string text = getTypeName(*this);
  switch (granularity) {
  case Granularity::Tensor:
    text += ",tensor";
    break;
  case Granularity::Channel:
    text += ",channel";
    break;
  case Granularity::Token:
    text += ",token";
    break;
  case Granularity::Group:
    text += ",group=" + std::to_string(blockK);
    break;
  case Granularity::Block:
    text += ",block=" + std::to_string(blockN) + "x" + std::to_string(blockK);
    break;
  }
  text += symmetric ? ",symmetric" : ",asymmetric";
  text += ",scale=" + getElementName(scale).str();
  return text + "," + getMethodText(*this);
}

std::string Scheme::toString() const {
  std::string text = weights ? weights->toString() : "none";
  if (activations)
    text += "/" + activations->toString() + (isStatic ? ",static" : ",dynamic");
  if (outliers)
    text += llvm::formatv("{0}={1}",
                          hasStaticOutliers ? ",static-outliers" : ",outliers",
                          *outliers);
  return text;
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {

/// Reads one side of the `/`.
class TensorSchemeParser {
public:
  TensorSchemeParser(StringRef text, bool isWeight, StringRef defaultMethod)
      : text(text), isWeight(isWeight), defaultMethod(defaultMethod) {}

  llvm::Expected<TensorScheme> parse();

  /// What was said of `static` and `dynamic`.
  std::optional<bool> isStatic;
  /// What was said of outliers.
  std::optional<double> outliers;
  bool hasStaticOutliers = false;

private:
  llvm::Error fail(const llvm::Twine &message) const {
    return llvm::createStringError("scheme '" + text.trim() + "': " + message);
  }
  llvm::Error parseType(StringRef word);
  llvm::Error parseWord(StringRef word);
  llvm::Error parseGranularity(StringRef key, StringRef value);
  llvm::Error parseMethod(StringRef key, StringRef value);
  llvm::Error check();

  StringRef text;
  bool isWeight;
  StringRef defaultMethod;
  TensorScheme scheme;
  bool hasGranularity = false, hasSymmetry = false, hasMethod = false,
       hasScale = false;
};

} // namespace

llvm::Error TensorSchemeParser::parseType(StringRef word) {
  scheme.granularity = isWeight ? Granularity::Channel : Granularity::Token;
  StringRef digits = word;
  if (digits.consume_front("int")) {
    if (digits.getAsInteger(10, scheme.bits) || scheme.bits < 2 ||
        scheme.bits > 8)
      return fail("'" + word + "' is not one of int2 to int8");
    return llvm::Error::success();
  }
  auto setGroup = [&](int64_t group) {
    scheme.granularity = Granularity::Group;
    scheme.blockK = group;
  };
  if (word == "fp8" || word == "fp8_e5m2") {
    scheme.code = word == "fp8" ? CodeKind::FP8E4M3 : CodeKind::FP8E5M2;
  } else if (word == "fp4" || word == "mxfp4") {
    scheme.code = CodeKind::FP4E2M1;
    scheme.bits = 4;
    setGroup(32);
    if (word == "mxfp4")
      scheme.scale = ScaleKind::E8M0;
  } else if (word == "nf4") {
    scheme.code = CodeKind::NF4;
    scheme.bits = 4;
    setGroup(64);
  } else {
    return fail("'" + word +
                "' is no type; there are int2 to int8, fp8, "
                "fp8_e5m2, fp4, nf4, mxfp4 and none");
  }
  return llvm::Error::success();
}

llvm::Error TensorSchemeParser::parseGranularity(StringRef key,
                                                 StringRef value) {
  if (hasGranularity)
    return fail("'" + key + "' is a second granularity");
  hasGranularity = true;
  scheme.blockN = 1;
  scheme.blockK = 0;
  if (key == "tensor") {
    scheme.granularity = Granularity::Tensor;
    scheme.blockN = 0;
  } else if (key == "channel") {
    if (!isWeight)
      return fail("activations have no scale per channel: it would vary along "
                  "K; there are tensor, token, group and block");
    scheme.granularity = Granularity::Channel;
  } else if (key == "token") {
    if (isWeight)
      return fail(
          "weights have no tokens; there are tensor, channel, group and "
          "block");
    scheme.granularity = Granularity::Token;
  } else if (key == "group") {
    scheme.granularity = Granularity::Group;
    if (value.getAsInteger(10, scheme.blockK) || scheme.blockK < 1)
      return fail("'group=" + value + "' is not a positive number of elements");
  } else {
    scheme.granularity = Granularity::Block;
    auto [rows, columns] = value.split('x');
    if (rows.getAsInteger(10, scheme.blockN) ||
        columns.getAsInteger(10, scheme.blockK) || scheme.blockN < 0 ||
        scheme.blockK < 0)
      return fail("'block=" + value + "' is not ROWSxCOLUMNS");
  }
  if (key != "group" && key != "block" && !value.empty())
    return fail("'" + key + "' takes no value");
  return llvm::Error::success();
}

llvm::Error TensorSchemeParser::parseMethod(StringRef key, StringRef value) {
  if (hasMethod)
    return fail("'" + key + "' is a second method");
  hasMethod = true;
  std::optional<Method> method = llvm::StringSwitch<std::optional<Method>>(key)
                                     .Case("absmax", Method::AbsMax)
                                     .Case("minmax", Method::MinMax)
                                     .Case("percentile", Method::Percentile)
                                     .Case("mse", Method::MSE)
                                     .Case("kl", Method::KL)
                                     .Default(std::nullopt);
  if (!method)
    return fail("'" + key +
                "' is no method; there are absmax, minmax, "
                "percentile, mse and kl");
  scheme.method = *method;
  if (value.empty())
    return llvm::Error::success();
  if (*method == Method::Percentile) {
    if (value.getAsDouble(scheme.percent) || !(scheme.percent > 0) ||
        scheme.percent > 100)
      return fail("'percentile=" + value + "' is not in (0, 100]");
  } else if (*method == Method::MSE || *method == Method::KL) {
    if (value.getAsInteger(10, scheme.candidates) || scheme.candidates < 1 ||
        scheme.candidates > 65536)
      return fail("'" + key + "=" + value +
                  "' is not a number of candidates in [1, 65536]");
  } else {
    return fail("'" + key + "' takes no value");
  }
  return llvm::Error::success();
}

llvm::Error TensorSchemeParser::parseWord(StringRef word) {
  auto [key, value] = word.split('=');
  if (key == "symmetric" || key == "asymmetric") {
    if (hasSymmetry || !value.empty())
      return fail("'" + word + "' is said twice, or takes no value");
    hasSymmetry = true;
    scheme.symmetric = key == "symmetric";
    return llvm::Error::success();
  }
  if (key == "static" || key == "dynamic") {
    if (isWeight)
      return fail("'" + key + "' is about activations: it goes behind a '/'");
    if (isStatic || !value.empty())
      return fail("'" + word + "' is said twice, or takes no value");
    isStatic = key == "static";
    return llvm::Error::success();
  }
  if (key == "outliers" || key == "static-outliers") {
    if (isWeight)
      return fail("'" + key + "' is about activations: it goes behind a '/'");
    double threshold = 0;
    if (outliers || value.getAsDouble(threshold) || !(threshold > 0) ||
        std::isinf(threshold))
      return fail("'" + word + "' is said twice, or is no positive threshold");
    outliers = threshold;
    hasStaticOutliers = key == "static-outliers";
    return llvm::Error::success();
  }
  if (key == "scale") {
    if (hasScale)
      return fail("'" + word + "' is a second scale");
    hasScale = true;
    std::optional<ScaleKind> kind =
        llvm::StringSwitch<std::optional<ScaleKind>>(value)
            .Case("f32", ScaleKind::F32)
            .Case("f16", ScaleKind::F16)
            .Case("bf16", ScaleKind::BF16)
            .Case("f8E8M0FNU", ScaleKind::E8M0)
            .Case("f8E4M3FN", ScaleKind::E4M3)
            .Default(std::nullopt);
    if (!kind)
      return fail("'" + value +
                  "' is no type of scales; there are f32, f16, "
                  "bf16, f8E8M0FNU and f8E4M3FN");
    scheme.scale = *kind;
    return llvm::Error::success();
  }
  if (key == "tensor" || key == "channel" || key == "token" || key == "group" ||
      key == "block")
    return parseGranularity(key, value);
  if (key == "method")
    return parseMethod(value, "");
  if (key == "absmax" || key == "minmax" || key == "percentile" ||
      key == "mse" || key == "kl")
    return parseMethod(key, value);
  return fail("'" + word + "' is not known");
}

llvm::Error TensorSchemeParser::check() {
  if (!scheme.symmetric && scheme.code != CodeKind::Integer)
    return fail("only integer types have zero points (asymmetric)");
  if (!hasMethod && !defaultMethod.empty()) {
    auto [key, value] = defaultMethod.split('=');
    if (llvm::Error error = parseMethod(key, value))
      return error;
  }
  if (!hasMethod && !scheme.symmetric)
    scheme.method = Method::MinMax;
  if (scheme.method == Method::MinMax && scheme.symmetric)
    return fail("minmax gives zero points: say asymmetric, or absmax");
  return llvm::Error::success();
}

llvm::Expected<TensorScheme> TensorSchemeParser::parse() {
  llvm::SmallVector<StringRef> words;
  text.split(words, ',');
  for (StringRef &word : words)
    word = word.trim();
  if (llvm::Error error = parseType(words.front()))
    return std::move(error);
  for (StringRef word : llvm::ArrayRef(words).drop_front())
    if (llvm::Error error = parseWord(word))
      return std::move(error);
  if (llvm::Error error = check())
    return std::move(error);
  return scheme;
}

llvm::Expected<Scheme> Scheme::parse(StringRef text, StringRef method) {
  Scheme scheme;
  auto [weights, activations] = text.split('/');
  bool hasActivations = text.contains('/');
  if (weights.trim() != "none") {
    auto parsed =
        TensorSchemeParser(weights, /*isWeight=*/true, method).parse();
    if (!parsed)
      return parsed.takeError();
    scheme.weights = *parsed;
  }
  if (!hasActivations || activations.trim() == "none")
    return scheme;
  if (!scheme.weights)
    return llvm::createStringError("scheme '" + text +
                                   "': activations are quantized with "
                                   "their weights only");
  TensorSchemeParser parser(activations, /*isWeight=*/false, method);
  auto parsed = parser.parse();
  if (!parsed)
    return parsed.takeError();
  scheme.activations = *parsed;
  scheme.isStatic = parser.isStatic.value_or(false);
  scheme.outliers = parser.outliers;
  scheme.hasStaticOutliers = parser.hasStaticOutliers;
  if (scheme.outliers) {
    auto isPlainInt8 = [](const TensorScheme &side) {
      return side.code == CodeKind::Integer && side.bits == 8 && side.symmetric;
    };
    bool isRowwise = scheme.weights->granularity == Granularity::Channel ||
                     scheme.weights->granularity == Granularity::Tensor;
    if (!isPlainInt8(*scheme.weights) || !isPlainInt8(*parsed) || !isRowwise ||
        parsed->granularity != Granularity::Token ||
        parsed->method != Method::AbsMax || parsed->scale != ScaleKind::F32 ||
        scheme.isStatic)
      return llvm::createStringError(
          "scheme '" + text +
          "': outliers go with symmetric int8 weights per channel or "
          "tensor, and int8 activations per token, by absmax");
  }
  if (scheme.isStatic && parsed->granularity != Granularity::Tensor)
    return llvm::createStringError("scheme '" + text +
                                   "': static parameters are those of "
                                   "whole tensors: say tensor");
  return scheme;
}

//===----------------------------------------------------------------------===//
// Overrides
//===----------------------------------------------------------------------===//

/// Braces multiply patterns, so their number is bounded.
static llvm::Expected<llvm::GlobPattern> createGlob(StringRef pattern) {
  constexpr size_t maxPatterns = 64;
  return llvm::GlobPattern::create(pattern, maxPatterns);
}

bool SchemeOverride::matches(StringRef name) const {
  // Patterns refer to their text, which moves with the override.
  auto glob = createGlob(pattern);
  if (glob)
    return glob->match(name);
  llvm::consumeError(glob.takeError());
  return false;
}

llvm::Expected<std::vector<SchemeOverride>>
quantmlir::calibration::parseOverrides(StringRef text, StringRef method) {
  std::vector<SchemeOverride> overrides;
  llvm::SmallVector<StringRef> entries;
  text.split(entries, ';', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef entry : entries) {
    auto fail = [&](llvm::Error error) {
      return llvm::createStringError("override '" + entry +
                                     "': " + llvm::toString(std::move(error)));
    };
    auto [pattern, scheme] = entry.split('=');
    pattern = pattern.trim();
    if (pattern.empty() || scheme.empty())
      return llvm::createStringError("override '" + entry +
                                     "' is not PATTERN=SCHEME");
    if (auto glob = createGlob(pattern); !glob)
      return fail(glob.takeError());
    auto parsed = Scheme::parse(scheme, method);
    if (!parsed)
      return fail(parsed.takeError());
    overrides.push_back({pattern.str(), *parsed});
  }
  return overrides;
}

Scheme quantmlir::calibration::chooseScheme(
    StringRef name, const Scheme &scheme,
    const std::vector<SchemeOverride> &overrides) {
  for (const SchemeOverride &entry : overrides)
    if (entry.matches(name))
      return entry.scheme;
  return scheme;
}
