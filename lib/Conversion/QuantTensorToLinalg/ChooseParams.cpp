//===- ChooseParams.cpp - Scales and zero points of data ------------------===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static Value constF32(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

//===----------------------------------------------------------------------===//
// From extremes to parameters
//===----------------------------------------------------------------------===//

/// `scale` (f32) in the scale type: 1 for 0, never above the largest finite
/// value.
static Value roundScale(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                        Value scale) {
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale,
                                       constF32(b, 0.0));
  scale = arith::SelectOp::create(b, isZero, constF32(b, 1.0), scale);
  auto type = cast<FloatType>(encoding.getScale());
  if (type.getWidth() == 16) {
    double largest =
        APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
    scale = arith::MinimumFOp::create(b, scale, constF32(b, largest));
  }
  return buildFromFloat(b, scale, type);
}

BlockParams quantmlir::quant_tensor::buildSymmetricParams(
    ImplicitLocOpBuilder &b, EncodingAttr encoding, Value magnitude) {
  BlockParams params;
  params.scale =
      roundScale(b, encoding,
                 arith::DivFOp::create(
                     b, magnitude, constF32(b, encoding.getMaxMagnitude())));
  if (encoding.hasZeroPoint()) {
    Type type = encoding
                    .getZeroPointsType(
                        SmallVector<int64_t>(encoding.getBlock().size(), 1))
                    .getElementType();
    params.zeroPoint =
        arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
  }
  return params;
}

BlockParams quantmlir::quant_tensor::buildAsymmetricParams(
    ImplicitLocOpBuilder &b, EncodingAttr encoding, Value low, Value high) {
  auto [codeLow, codeHigh] = encoding.getCodeRange();
  Value zero = constF32(b, 0.0);
  low = arith::MinNumFOp::create(b, low, zero);
  high = arith::MaxNumFOp::create(b, high, zero);
  BlockParams params;
  params.scale =
      roundScale(b, encoding,
                 arith::DivFOp::create(b, arith::SubFOp::create(b, high, low),
                                       constF32(b, codeHigh - codeLow)));
  // As encoding will see it: after rounding to the scale type.
  Value exact = arith::SubFOp::create(
      b, constF32(b, codeLow),
      arith::DivFOp::create(b, low, buildToF32(b, params.scale)));
  if (auto type = dyn_cast<FloatType>(encoding.getZeroPoint())) {
    params.zeroPoint = buildFromFloat(b, exact, type);
    return params;
  }
  Value rounded = buildRound(b, exact, Rounding::NearestEven);
  rounded = arith::MaxNumFOp::create(b, rounded, constF32(b, codeLow));
  rounded = arith::MinNumFOp::create(b, rounded, constF32(b, codeHigh));
  Value integer = arith::FPToSIOp::create(b, b.getI32Type(), rounded);
  Type type = encoding
                  .getZeroPointsType(
                      SmallVector<int64_t>(encoding.getBlock().size(), 1))
                  .getElementType();
  params.zeroPoint =
      type.isInteger(32) ? integer : arith::TruncIOp::create(b, type, integer);
  return params;
}

//===----------------------------------------------------------------------===//
// One block in a loop
//===----------------------------------------------------------------------===//

SmallVector<Value> quantmlir::quant_tensor::buildBlockLoop(
    ImplicitLocOpBuilder &b, EncodingAttr encoding, Value source,
    ValueRange position, ValueRange state,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, ValueRange)>
        visit) {
  unsigned rank = position.size();
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  SmallVector<Value> indices(position);
  auto nest = [&](auto &&self, ImplicitLocOpBuilder &b, unsigned dim,
                  ValueRange state) -> SmallVector<Value> {
    while (dim < rank && encoding.getBlock()[dim] == 1)
      ++dim;
    if (dim == rank)
      return visit(b,
                   buildToF32(b, tensor::ExtractOp::create(b, source, indices)),
                   state);
    Value size = tensor::DimOp::create(b, source, dim);
    Value lower = zero, upper = size;
    if (int64_t block = encoding.getBlock()[dim]) {
      Value extent = arith::ConstantIndexOp::create(b, block);
      lower = arith::MulIOp::create(b, position[dim], extent);
      upper = arith::MinUIOp::create(b, arith::AddIOp::create(b, lower, extent),
                                     size);
    }
    auto loop = scf::ForOp::create(
        b, lower, upper, one, state,
        [&](OpBuilder &builder, Location loc, Value index, ValueRange args) {
          ImplicitLocOpBuilder inner(loc, builder);
          indices[dim] = index;
          scf::YieldOp::create(inner, self(self, inner, dim + 1, args));
        });
    return llvm::to_vector(ValueRange(loop.getResults()));
  };
  return nest(nest, b, 0, state);
}

//===----------------------------------------------------------------------===//
// Extremes of all blocks
//===----------------------------------------------------------------------===//

namespace {

/// The statistics that absmax and minmax need, as a fold over a block.
struct Extremes {
  bool symmetric;

  unsigned getCount() const { return symmetric ? 1 : 2; }

  /// NaN never wins against a number.
  SmallVector<Value> update(ImplicitLocOpBuilder &b, Value element,
                            ValueRange state) const {
    if (symmetric) {
      Value magnitude = math::AbsFOp::create(b, element);
      return {arith::MaxNumFOp::create(b, magnitude, state[0])};
    }
    return {arith::MinNumFOp::create(b, element, state[0]),
            arith::MaxNumFOp::create(b, element, state[1])};
  }

  BlockParams finish(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                     ValueRange state) const {
    return symmetric ? buildSymmetricParams(b, encoding, state[0])
                     : buildAsymmetricParams(b, encoding, state[0], state[1]);
  }
};

/// The types and sizes of what choose_params gives for `source`.
struct ParamTypes {
  RankedTensorType scales, zeroPoints;
  SmallVector<OpFoldResult> sizes;

  SmallVector<Value> createEmpties(ImplicitLocOpBuilder &b) const {
    SmallVector<Value> empties = {createEmpty(b, b.getLoc(), scales, sizes)};
    if (zeroPoints)
      empties.push_back(createEmpty(b, b.getLoc(), zeroPoints, sizes));
    return empties;
  }
};

} // namespace

static SmallVector<Value> getValues(const BlockParams &params) {
  SmallVector<Value> values = {params.scale};
  if (params.zeroPoint)
    values.push_back(params.zeroPoint);
  return values;
}

/// Whether blocks never leave a tail, so that splitting each dimension in two
/// makes a standard reduction of the whole.
static bool hasWholeBlocks(EncodingAttr encoding, RankedTensorType type) {
  for (auto [size, block] :
       llvm::zip_equal(type.getShape(), encoding.getBlock()))
    if (block > 1 && (ShapedType::isDynamic(size) || size % block))
      return false;
  return true;
}

/// One linalg.generic over the blocks; `body` computes a block's parameters.
static std::pair<Value, Value> buildPerBlock(
    ImplicitLocOpBuilder &b, const ParamTypes &types,
    function_ref<BlockParams(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<Value> outs = types.createEmpties(b);
  unsigned rank = types.scales.getRank();
  SmallVector<AffineMap> maps(outs.size(), b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, TypeRange(ValueRange(outs)), ValueRange(), outs, maps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange) {
        ImplicitLocOpBuilder inner(loc, builder);
        SmallVector<Value> position;
        for (unsigned dim = 0; dim < rank; ++dim)
          position.push_back(linalg::IndexOp::create(inner, dim));
        linalg::YieldOp::create(inner, getValues(body(inner, position)));
      });
  return {generic.getResult(0),
          outs.size() > 1 ? generic.getResult(1) : Value()};
}

/// Splits every dimension with a block extent of its own into (block, within)
/// and reduces; the result has one dimension per dimension that is not a whole
/// block.
static std::pair<Value, Value>
buildReduction(ImplicitLocOpBuilder &b, EncodingAttr encoding, Value source,
               const ParamTypes &types, Extremes extremes) {
  Location loc = b.getLoc();
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<OpFoldResult> sourceSizes = tensor::getMixedSizes(b, loc, source);
  SmallVector<ReassociationIndices> split, join;
  SmallVector<int64_t> shape, reducedShape;
  SmallVector<OpFoldResult> sizes, reducedSizes;
  SmallVector<utils::IteratorType> iterators;
  SmallVector<AffineExpr> outExprs;
  MLIRContext *context = b.getContext();
  auto addDim = [&](int64_t extent, OpFoldResult size, bool reduced) {
    AffineExpr expr = getAffineDimExpr(shape.size(), context);
    shape.push_back(extent);
    sizes.push_back(size);
    iterators.push_back(reduced ? utils::IteratorType::reduction
                                : utils::IteratorType::parallel);
    if (reduced)
      return;
    outExprs.push_back(expr);
    reducedShape.push_back(extent);
    reducedSizes.push_back(size);
  };
  for (auto [dim, block] : llvm::enumerate(encoding.getBlock())) {
    int64_t extent = type.getDimSize(dim);
    int64_t first = shape.size();
    if (block > 1) {
      addDim(extent / block, b.getIndexAttr(extent / block), false);
      addDim(block, b.getIndexAttr(block), true);
      split.push_back({first, first + 1});
      continue;
    }
    addDim(extent, sourceSizes[dim], block == 0);
    split.push_back({first});
  }
  if (static_cast<int64_t>(shape.size()) != type.getRank())
    source = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, type.getElementType()), source, split,
        sizes);

  auto stateType = RankedTensorType::get(reducedShape, b.getF32Type());
  SmallVector<Value> inits(
      extremes.getCount(),
      buildFilled(b, stateType, reducedSizes, b.getF32FloatAttr(0.0)));
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(shape.size())};
  maps.resize(1 + inits.size(),
              AffineMap::get(shape.size(), 0, outExprs, context));
  auto reduction = linalg::GenericOp::create(
      b, SmallVector<Type>(inits.size(), stateType), ValueRange(source), inits,
      maps, iterators, [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, builder);
        linalg::YieldOp::create(
            inner, extremes.update(inner, buildToF32(inner, args[0]),
                                   args.drop_front()));
      });

  ParamTypes reducedTypes{
      RankedTensorType::get(reducedShape, types.scales.getElementType()),
      types.zeroPoints ? RankedTensorType::get(
                             reducedShape, types.zeroPoints.getElementType())
                       : RankedTensorType(),
      reducedSizes};
  SmallVector<Value> outs = reducedTypes.createEmpties(b);
  unsigned rank = reducedShape.size();
  SmallVector<AffineMap> finishMaps(inits.size() + outs.size(),
                                    b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  auto finish = linalg::GenericOp::create(
      b, TypeRange(ValueRange(outs)), reduction.getResults(), outs, finishMaps,
      parallel, [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder inner(loc, builder);
        linalg::YieldOp::create(
            inner, getValues(extremes.finish(inner, encoding,
                                             args.take_front(inits.size()))));
      });

  // Put the unit dimensions of whole blocks back: each joins the kept dimension
  // before it, leading ones the first.
  ReassociationIndices group;
  bool hasKept = false;
  for (auto [dim, block] : llvm::enumerate(encoding.getBlock())) {
    if (block != 0 && hasKept) {
      join.push_back(group);
      group.clear();
    }
    group.push_back(dim);
    hasKept |= block != 0;
  }
  if (hasKept)
    join.push_back(group);
  auto expand = [&](Value value, RankedTensorType resultType) -> Value {
    if (value.getType() == resultType)
      return value;
    return tensor::ExpandShapeOp::create(b, resultType, value, join,
                                         types.sizes);
  };
  return {expand(finish.getResult(0), types.scales),
          types.zeroPoints ? expand(finish.getResult(1), types.zeroPoints)
                           : Value()};
}

std::pair<Value, Value> quantmlir::quant_tensor::buildChooseParams(
    OpBuilder &builder, Location loc, Value source, EncodingAttr encoding,
    ParamMethod method, double percent, int64_t candidates) {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<RankedTensorType>(source.getType());
  ParamTypes types{
      encoding.getScalesType(type.getShape()),
      encoding.getZeroPointsType(type.getShape()),
      getScalesSizes(b, loc, encoding, tensor::getMixedSizes(b, loc, source))};
  if (method == ParamMethod::AbsMax || method == ParamMethod::MinMax) {
    Extremes extremes{method == ParamMethod::AbsMax};
    if (hasWholeBlocks(encoding, type))
      return buildReduction(b, encoding, source, types, extremes);
    return buildPerBlock(
        b, types, [&](ImplicitLocOpBuilder &body, ValueRange position) {
          SmallVector<Value> state(extremes.getCount(), constF32(body, 0.0));
          state = buildBlockLoop(
              body, encoding, source, position, state,
              [&](ImplicitLocOpBuilder &inner, Value element, ValueRange args) {
                return extremes.update(inner, element, args);
              });
          return extremes.finish(body, encoding, state);
        });
  }
  BlockSearch search{encoding, method, percent, candidates, Value()};
  if (method == ParamMethod::KL)
    search.histogram = buildHistogram(b, encoding, source, candidates);
  return buildPerBlock(
      b, types, [&](ImplicitLocOpBuilder &body, ValueRange position) {
        return buildSearchBlock(body, search, source, position);
      });
}
