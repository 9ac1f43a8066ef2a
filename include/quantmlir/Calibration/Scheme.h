//===- Scheme.h - How a model is to be quantized ----------------*- C++ -*-===//
//
// Text such as
//
//   int4,group=128,symmetric                   weights only
//   int8,channel/int8,token                    weights / activations, dynamic
//   int8,channel,mse/int8,tensor,static,kl     static activations
//   nf4,group=64,scale=bf16
//   mxfp4
//   none                                       stays as it is
//
// Words are separated by commas, in any order after the type:
//
//   type          int2..int8, fp8 (f8E4M3FN), fp8_e5m2, fp4, nf4, mxfp4
//   granularity   tensor, channel (one scale per row of a weight), token (one
//                 per row of activations), group=G (G elements along K),
//                 block=NxK (2-D)
//   symmetric     no zero point (the default); asymmetric: an integer one
//   scale=T       f32, f16, bf16, f8E8M0FNU, f8E4M3FN
//   method        absmax, minmax, percentile or percentile=P, mse or
//                 mse=CANDIDATES, kl or kl=CANDIDATES
//   dynamic       parameters of activations from the data itself (the default);
//                 static: from statistics
//   outliers=T    columns of int8 activations that reach T stay float
//   (LLM.int8());
//                 static-outliers=T: those that reach it in the statistics
//
// Independent of MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_SCHEME_H
#define QUANTMLIR_CALIBRATION_SCHEME_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quantmlir::calibration {

enum class CodeKind { Integer, FP8E4M3, FP8E5M2, FP4E2M1, NF4 };
enum class Granularity { Tensor, Channel, Token, Group, Block };
enum class ScaleKind { F32, F16, BF16, E8M0, E4M3 };
enum class Method { AbsMax, MinMax, Percentile, MSE, KL };

/// "bf16" and so on, as MLIR spells it.
llvm::StringRef getElementName(ScaleKind kind);

/// How one tensor is quantized. Convention: x = (code - zero point) * scale.
struct TensorScheme {
  CodeKind code = CodeKind::Integer;
  /// Width of a code: 2 to 8 for integers.
  unsigned bits = 8;
  Granularity granularity = Granularity::Channel;
  /// Extents of a block as N×K (rows × columns of activations); 0 = all.
  /// Channel and Token are 1×0, Group is 1×G.
  int64_t blockN = 1, blockK = 0;
  /// Without zero points.
  bool symmetric = true;
  ScaleKind scale = ScaleKind::F32;
  Method method = Method::AbsMax;
  double percent = 99.9;
  int64_t candidates = 80;

  /// Smallest and largest code of an integer type: signed.
  int64_t getCodeMin() const { return -(int64_t(1) << (bits - 1)); }
  int64_t getCodeMax() const { return (int64_t(1) << (bits - 1)) - 1; }
  std::string toString() const;
};

/// How a layer is quantized: "int8,channel/int8,token", and what else `parse`
/// reads.
struct Scheme {
  /// Unset: weights stay as they are ("none").
  std::optional<TensorScheme> weights;
  /// Unset: weight-only.
  std::optional<TensorScheme> activations;
  /// Whether parameters of activations come from statistics.
  bool isStatic = false;
  /// Magnitude from which on columns of activations stay float.
  std::optional<double> outliers;
  /// Whether the columns come from statistics, and not from each call's data.
  bool hasStaticOutliers = false;

  /// Errors say which word is wrong and what there is instead. `method` (a word
  /// such as "mse" or "kl=20") counts where `text` names none.
  static llvm::Expected<Scheme> parse(llvm::StringRef text,
                                      llvm::StringRef method = {});
  /// Text that `parse` reads back, with every default written out.
  std::string toString() const;
};

/// A scheme for what is called like `pattern` (`*`, `?`, `[a-z]`, `{a,b}`).
struct SchemeOverride {
  std::string pattern;
  Scheme scheme;

  /// Whether `name` is like the pattern; nothing is like one that
  /// `parseOverrides` refuses.
  bool matches(llvm::StringRef name) const;
};

/// Parses `pattern=scheme;pattern=scheme`; the first pattern that matches a
/// name counts. `method` is as in `Scheme::parse`.
llvm::Expected<std::vector<SchemeOverride>>
parseOverrides(llvm::StringRef text, llvm::StringRef method = {});

/// The scheme for `name`.
Scheme chooseScheme(llvm::StringRef name, const Scheme &scheme,
                    const std::vector<SchemeOverride> &overrides);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_SCHEME_H
