//===- SearchParams.cpp - choose_params by percentile, mse and kl ---------===//
//
// Each is a scalar program over one block, in the body of a linalg.generic that
// is parallel over the blocks: calibration, which runs once, not a hot path.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static Value constI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

static Value constF32(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

static Value constF64(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
}

static Value constIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// `for index = 0 .. count - 1`, threading `state`.
static SmallVector<Value> buildLoop(
    ImplicitLocOpBuilder &b, Value count, ValueRange state,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, ValueRange)>
        body) {
  auto loop = scf::ForOp::create(
      b, constIndex(b, 0), count, constIndex(b, 1), state,
      [&](OpBuilder &builder, Location loc, Value index, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, builder);
        scf::YieldOp::create(inner, body(inner, index, args));
      });
  return llvm::to_vector(ValueRange(loop.getResults()));
}

static Value select(ImplicitLocOpBuilder &b, Value condition, Value whenTrue,
                    Value whenFalse) {
  return arith::SelectOp::create(b, condition, whenTrue, whenFalse);
}

static Value isNumber(ImplicitLocOpBuilder &b, Value value) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, value, value);
}

/// `value` + 1 where `condition` holds.
static Value countIf(ImplicitLocOpBuilder &b, Value condition, Value value) {
  return arith::AddIOp::create(
      b, value, arith::ExtUIOp::create(b, value.getType(), condition));
}

/// Smallest and largest element of a block and zero.
static std::pair<Value, Value> buildRange(ImplicitLocOpBuilder &b,
                                          const BlockSearch &search,
                                          Value source, ValueRange position) {
  Value zero = constF32(b, 0.0);
  SmallVector<Value> range =
      buildBlockLoop(b, search.encoding, source, position, {zero, zero},
                     [](ImplicitLocOpBuilder &b, Value element,
                        ValueRange args) -> SmallVector<Value> {
                       return {arith::MinNumFOp::create(b, element, args[0]),
                               arith::MaxNumFOp::create(b, element, args[1])};
                     });
  return {range[0], range[1]};
}

/// Largest magnitude in [low, high].
static Value buildMagnitude(ImplicitLocOpBuilder &b, Value low, Value high) {
  return arith::MaxNumFOp::create(b, arith::NegFOp::create(b, low), high);
}

/// The parameters of data clipped to [low, high].
static BlockParams buildParams(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                               Value low, Value high) {
  if (encoding.hasZeroPoint())
    return buildAsymmetricParams(b, encoding, low, high);
  return buildSymmetricParams(b, encoding, buildMagnitude(b, low, high));
}

//===----------------------------------------------------------------------===//
// percentile
//===----------------------------------------------------------------------===//

/// An i32 that orders as the f32 does when compared as unsigned.
static Value buildKey(ImplicitLocOpBuilder &b, Value value) {
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), value);
  Value flip =
      arith::OrIOp::create(b, arith::ShRSIOp::create(b, bits, constI32(b, 31)),
                           constI32(b, std::numeric_limits<int32_t>::min()));
  return arith::XOrIOp::create(b, bits, flip);
}

static Value buildFromKey(ImplicitLocOpBuilder &b, Value key) {
  Value negative = arith::ShRSIOp::create(
      b, arith::XOrIOp::create(b, key, constI32(b, -1)), constI32(b, 31));
  Value flip = arith::OrIOp::create(
      b, negative, constI32(b, std::numeric_limits<int32_t>::min()));
  return arith::BitcastOp::create(b, b.getF32Type(),
                                  arith::XOrIOp::create(b, key, flip));
}

namespace {
/// Order statistics of a block without sorting or storing it.
struct Percentile {
  const BlockSearch &search;
  Value source;
  ValueRange position;
  bool magnitudes;

  /// Folds `visit` over the keys of the numbers in the block.
  Value
  fold(ImplicitLocOpBuilder &b, Value init,
       function_ref<Value(ImplicitLocOpBuilder &, Value, Value)> visit) const {
    return buildBlockLoop(
               b, search.encoding, source, position, init,
               [&](ImplicitLocOpBuilder &b, Value element,
                   ValueRange args) -> SmallVector<Value> {
                 if (magnitudes)
                   element = math::AbsFOp::create(b, element);
                 Value next = visit(b, buildKey(b, element), args[0]);
                 return {select(b, isNumber(b, element), next, args[0])};
               })
        .front();
  }

  Value countKeys(ImplicitLocOpBuilder &b, arith::CmpIPredicate predicate,
                  Value bound) const {
    return fold(b, constI32(b, 0),
                [&](ImplicitLocOpBuilder &b, Value key, Value count) {
                  return countIf(
                      b, arith::CmpIOp::create(b, predicate, key, bound),
                      count);
                });
  }

  /// The value below which `fraction` of the numbers lie, interpolated between
  /// neighbouring order statistics; 0 for a block without numbers.
  Value build(ImplicitLocOpBuilder &b, double fraction) const {
    Value count = countKeys(b, arith::CmpIPredicate::uge, constI32(b, 0));
    Value last = arith::MaxSIOp::create(
        b, arith::SubIOp::create(b, count, constI32(b, 1)), constI32(b, 0));
    Value place = arith::MulFOp::create(
        b, arith::SIToFPOp::create(b, b.getF64Type(), last),
        constF64(b, fraction));
    Value rank = arith::FPToSIOp::create(b, b.getI32Type(), place);
    Value weight = arith::TruncFOp::create(
        b, b.getF32Type(),
        arith::SubFOp::create(
            b, place, arith::SIToFPOp::create(b, b.getF64Type(), rank)));

    // The largest key with at most `rank` keys below it, bit by bit.
    Value key =
        buildLoop(
            b, constIndex(b, 32), constI32(b, 0),
            [&](ImplicitLocOpBuilder &b, Value step,
                ValueRange args) -> SmallVector<Value> {
              Value amount = arith::IndexCastOp::create(
                  b, b.getI32Type(),
                  arith::SubIOp::create(b, constIndex(b, 31), step));
              Value candidate = arith::OrIOp::create(
                  b, args[0], arith::ShLIOp::create(b, constI32(b, 1), amount));
              Value below = countKeys(b, arith::CmpIPredicate::ult, candidate);
              Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                                 below, rank);
              return {select(b, fits, candidate, args[0])};
            })
            .front();
    Value notAbove = countKeys(b, arith::CmpIPredicate::ule, key);
    Value above =
        fold(b, constI32(b, -1),
             [&](ImplicitLocOpBuilder &b, Value other, Value least) {
               Value exceeds = arith::CmpIOp::create(
                   b, arith::CmpIPredicate::ugt, other, key);
               return select(b, exceeds,
                             arith::MinUIOp::create(b, other, least), least);
             });
    Value next = arith::AddIOp::create(b, rank, constI32(b, 1));
    Value isSame = arith::OrIOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, next, notAbove),
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, next, count));
    Value low = buildFromKey(b, key);
    Value high = buildFromKey(b, select(b, isSame, key, above));
    Value between = arith::AddFOp::create(
        b, low,
        arith::MulFOp::create(b, arith::SubFOp::create(b, high, low), weight));
    Value isEmpty = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count,
                                          constI32(b, 0));
    // Without a weight, an infinite neighbour must not turn the value into NaN.
    Value isExact = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, weight,
                                          constF32(b, 0.0));
    return select(b, isEmpty, constF32(b, 0.0),
                  select(b, isExact, low, between));
  }
};
} // namespace

static BlockParams buildPercentile(ImplicitLocOpBuilder &b,
                                   const BlockSearch &search, Value source,
                                   ValueRange position) {
  double fraction = search.percent / 100.0;
  if (!search.encoding.hasZeroPoint()) {
    Percentile percentile{search, source, position, /*magnitudes=*/true};
    return buildSymmetricParams(b, search.encoding,
                                percentile.build(b, fraction));
  }
  Percentile percentile{search, source, position, /*magnitudes=*/false};
  Value low = percentile.build(b, 1.0 - fraction);
  Value high = percentile.build(b, fraction);
  return buildAsymmetricParams(b, search.encoding, low, high);
}

//===----------------------------------------------------------------------===//
// mse
//===----------------------------------------------------------------------===//

static BlockParams buildMSE(ImplicitLocOpBuilder &b, const BlockSearch &search,
                            Value source, ValueRange position) {
  EncodingAttr encoding = search.encoding;
  // Structured bindings cannot be captured in C++17.
  auto range = buildRange(b, search, source, position);
  Value low = range.first, high = range.second;
  BlockParams whole = buildParams(b, encoding, low, high);
  SmallVector<Value> state = {
      constF64(b, std::numeric_limits<double>::infinity()), whole.scale};
  if (whole.zeroPoint)
    state.push_back(whole.zeroPoint);
  // From the whole range down, so that the widest of equals wins.
  state = buildLoop(
      b, constIndex(b, search.candidates), state,
      [&](ImplicitLocOpBuilder &b, Value step,
          ValueRange args) -> SmallVector<Value> {
        Value left = arith::IndexCastOp::create(
            b, b.getI32Type(),
            arith::SubIOp::create(b, constIndex(b, search.candidates), step));
        Value fraction = arith::DivFOp::create(
            b, arith::SIToFPOp::create(b, b.getF32Type(), left),
            constF32(b, search.candidates));
        BlockParams params =
            buildParams(b, encoding, arith::MulFOp::create(b, low, fraction),
                        arith::MulFOp::create(b, high, fraction));
        Value error =
            buildBlockLoop(
                b, encoding, source, position, constF64(b, 0.0),
                [&](ImplicitLocOpBuilder &b, Value element,
                    ValueRange sum) -> SmallVector<Value> {
                  Value code = buildEncode(b, encoding, element, params.scale,
                                           params.zeroPoint);
                  Value decoded = buildDecode(b, encoding, code, params.scale,
                                              params.zeroPoint, /*wide=*/true);
                  Value difference = arith::SubFOp::create(
                      b, arith::ExtFOp::create(b, b.getF64Type(), element),
                      decoded);
                  Value next = arith::AddFOp::create(
                      b, sum[0],
                      arith::MulFOp::create(b, difference, difference));
                  return {select(b, isNumber(b, element), next, sum[0])};
                })
                .front();
        Value better =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, error, args[0]);
        SmallVector<Value> next = {select(b, better, error, args[0]),
                                   select(b, better, params.scale, args[1])};
        if (params.zeroPoint)
          next.push_back(select(b, better, params.zeroPoint, args[2]));
        return next;
      });
  return {state[1], whole.zeroPoint ? state[2] : Value()};
}

//===----------------------------------------------------------------------===//
// kl
//===----------------------------------------------------------------------===//

/// Number of magnitudes that codes tell apart.
static int64_t getLevels(EncodingAttr encoding) {
  if (encoding.isFloatStorage() || encoding.getCodebook())
    return int64_t(1) << (encoding.getStorageBits() - 1);
  auto [low, high] = encoding.getCodeRange();
  return encoding.hasZeroPoint() ? std::max<int64_t>((high - low + 1) / 2, 2)
                                 : std::max<int64_t>(high + 1, 2);
}

Value quantmlir::quant_tensor::buildHistogram(ImplicitLocOpBuilder &b,
                                              EncodingAttr encoding,
                                              Value source,
                                              int64_t candidates) {
  // A clip at candidate j keeps j * levels bins, j for each level.
  int64_t bins = candidates * getLevels(encoding);
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<int64_t> shape = encoding.getScaleShape(type.getShape());
  SmallVector<OpFoldResult> sizes = getScalesSizes(
      b, b.getLoc(), encoding, tensor::getMixedSizes(b, b.getLoc(), source));
  unsigned rank = shape.size();
  shape.push_back(bins);
  sizes.push_back(b.getIndexAttr(bins));
  Value histogram = buildFilled(b, RankedTensorType::get(shape, b.getI32Type()),
                                sizes, b.getI32IntegerAttr(0));
  BlockSearch search{encoding, ParamMethod::KL, 0.0, candidates, Value()};
  SmallVector<Value> position(rank);
  auto nest = [&](auto &&self, ImplicitLocOpBuilder &b, unsigned dim,
                  Value histogram) -> Value {
    if (dim < rank)
      return buildLoop(
                 b, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[dim]),
                 histogram,
                 [&](ImplicitLocOpBuilder &b, Value index,
                     ValueRange args) -> SmallVector<Value> {
                   position[dim] = index;
                   return {self(self, b, dim + 1, args[0])};
                 })
          .front();
    auto [low, high] = buildRange(b, search, source, position);
    Value magnitude = buildMagnitude(b, low, high);
    return buildBlockLoop(
               b, encoding, source, position, histogram,
               [&](ImplicitLocOpBuilder &b, Value element,
                   ValueRange args) -> SmallVector<Value> {
                 Value share = arith::DivFOp::create(
                     b, math::AbsFOp::create(b, element), magnitude);
                 // NaN in, or from 0 / 0 and inf / inf, is not counted.
                 Value counted = isNumber(b, share);
                 Value scaled = arith::MulFOp::create(
                     b, select(b, counted, share, constF32(b, 0.0)),
                     constF32(b, bins));
                 Value bin = arith::MinSIOp::create(
                     b, arith::FPToSIOp::create(b, b.getI32Type(), scaled),
                     constI32(b, bins - 1));
                 SmallVector<Value> where = position;
                 where.push_back(
                     arith::IndexCastOp::create(b, b.getIndexType(), bin));
                 Value count = tensor::ExtractOp::create(b, args[0], where);
                 return {tensor::InsertOp::create(b, countIf(b, counted, count),
                                                  args[0], where)};
               })
        .front();
  };
  return nest(nest, b, 0, histogram);
}

static BlockParams buildKL(ImplicitLocOpBuilder &b, const BlockSearch &search,
                           Value source, ValueRange position) {
  int64_t levels = getLevels(search.encoding);
  int64_t bins = search.candidates * levels;
  auto [low, high] = buildRange(b, search, source, position);
  Value magnitude = buildMagnitude(b, low, high);
  auto readBin = [&](ImplicitLocOpBuilder &b, Value bin) -> Value {
    SmallVector<Value> where = position;
    where.push_back(bin);
    return arith::SIToFPOp::create(
        b, b.getF32Type(),
        tensor::ExtractOp::create(b, search.histogram, where));
  };
  auto sumBins = [&](ImplicitLocOpBuilder &b, Value first, Value count) {
    return buildLoop(b, count, constF32(b, 0.0),
                     [&](ImplicitLocOpBuilder &b, Value index,
                         ValueRange args) -> SmallVector<Value> {
                       Value bin = arith::AddIOp::create(b, first, index);
                       return {
                           arith::AddFOp::create(b, args[0], readBin(b, bin))};
                     })
        .front();
  };
  Value total = sumBins(b, constIndex(b, 0), constIndex(b, bins));
  // Stands in for a count of 0, whose logarithm is infinite.
  Value tiny = constF32(b, 1e-4);

  // P is the histogram with all that is clipped in the last bin kept; Q spreads
  // the count of each level, without the clipped, over its occupied bins.
  auto divergence = [&](ImplicitLocOpBuilder &b, Value perLevel) -> Value {
    Value kept = arith::MulIOp::create(b, perLevel, constIndex(b, levels));
    Value inside = sumBins(b, constIndex(b, 0), kept);
    Value clipped = arith::SubFOp::create(b, total, inside);
    inside = arith::MaxNumFOp::create(b, inside, tiny);
    Value lastBin = arith::SubIOp::create(b, kept, constIndex(b, 1));
    auto readP = [&](ImplicitLocOpBuilder &b, Value bin) -> Value {
      Value isLast =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bin, lastBin);
      return arith::AddFOp::create(
          b, readBin(b, bin), select(b, isLast, clipped, constF32(b, 0.0)));
    };
    return buildLoop(
               b, constIndex(b, levels), constF32(b, 0.0),
               [&](ImplicitLocOpBuilder &b, Value level,
                   ValueRange args) -> SmallVector<Value> {
                 Value first = arith::MulIOp::create(b, level, perLevel);
                 Value count = sumBins(b, first, perLevel);
                 Value occupied =
                     buildLoop(b, perLevel, constF32(b, 0.0),
                               [&](ImplicitLocOpBuilder &b, Value index,
                                   ValueRange args) -> SmallVector<Value> {
                                 Value p = readP(
                                     b, arith::AddIOp::create(b, first, index));
                                 Value used = arith::CmpFOp::create(
                                     b, arith::CmpFPredicate::OGT, p,
                                     constF32(b, 0.0));
                                 return {arith::AddFOp::create(
                                     b, args[0],
                                     arith::UIToFPOp::create(b, b.getF32Type(),
                                                             used))};
                               })
                         .front();
                 Value q = arith::MaxNumFOp::create(
                     b, arith::DivFOp::create(b, count, occupied), tiny);
                 return buildLoop(
                     b, perLevel, args,
                     [&](ImplicitLocOpBuilder &b, Value index,
                         ValueRange args) -> SmallVector<Value> {
                       Value p =
                           readP(b, arith::AddIOp::create(b, first, index));
                       Value used = arith::CmpFOp::create(
                           b, arith::CmpFPredicate::OGT, p, constF32(b, 0.0));
                       Value ratio = arith::DivFOp::create(
                           b, arith::MulFOp::create(b, p, inside),
                           arith::MulFOp::create(b, q, total));
                       ratio = select(b, used, ratio, constF32(b, 1.0));
                       Value term = arith::MulFOp::create(
                           b, arith::DivFOp::create(b, p, total),
                           math::LogOp::create(b, ratio));
                       return {arith::AddFOp::create(b, args[0], term)};
                     });
               })
        .front();
  };

  // From no clip at all down, so that the widest of equals wins.
  Value clip = buildLoop(
      b, constIndex(b, search.candidates),
      {constF32(b, std::numeric_limits<float>::infinity()), magnitude},
      [&](ImplicitLocOpBuilder &b, Value step,
          ValueRange args) -> SmallVector<Value> {
        Value perLevel =
            arith::SubIOp::create(b, constIndex(b, search.candidates), step);
        Value found = divergence(b, perLevel);
        Value fraction = arith::DivFOp::create(
            b,
            arith::SIToFPOp::create(
                b, b.getF32Type(),
                arith::IndexCastOp::create(b, b.getI32Type(), perLevel)),
            constF32(b, search.candidates));
        Value better =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, found, args[0]);
        return {select(b, better, found, args[0]),
                select(b, better, arith::MulFOp::create(b, magnitude, fraction),
                       args[1])};
      })[1];
  return buildParams(
      b, search.encoding,
      arith::MaxNumFOp::create(b, low, arith::NegFOp::create(b, clip)),
      arith::MinNumFOp::create(b, high, clip));
}

BlockParams quantmlir::quant_tensor::buildSearchBlock(ImplicitLocOpBuilder &b,
                                                      const BlockSearch &search,
                                                      Value source,
                                                      ValueRange position) {
  switch (search.method) {
  case ParamMethod::Percentile:
    return buildPercentile(b, search, source, position);
  case ParamMethod::MSE:
    return buildMSE(b, search, source, position);
  case ParamMethod::KL:
    return buildKL(b, search, source, position);
  case ParamMethod::AbsMax:
  case ParamMethod::MinMax:
    break;
  }
  llvm_unreachable("absmax and minmax need no search");
}
