//===- InsertObservers.cpp - Observe what a scheme will quantize ----------===//

#include "PassOptions.h"
#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Passes.h"

namespace quantmlir::calibration {
#define GEN_PASS_DEF_INSERTOBSERVERS
#include "quantmlir/Calibration/Passes.h.inc"
} // namespace quantmlir::calibration

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-insert-observers";

namespace {

struct InsertObservers
    : quantmlir::calibration::impl::InsertObserversBase<InsertObservers> {
  using InsertObserversBase::InsertObserversBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<Scheme> scheme;
    std::vector<SchemeOverride> overrides;
    if (failed(readOptions(module, scheme, overrides)))
      return signalPassFailure();
    for (const Layer &layer : findLayers(module, passName)) {
      if (scheme) {
        if (!chooseScheme(layer.name, *scheme, overrides).weights) {
          WhyNot whyNot;
          (void)whyNot("the scheme of '{0}' is none", layer.name);
          remarkMissed(layer.contraction.op, passName, "not observed", whyNot);
          continue;
        }
      }
      observe(layer);
    }
  }

private:
  LogicalResult readOptions(ModuleOp module, std::optional<Scheme> &parsed,
                            std::vector<SchemeOverride> &parsedOverrides) {
    for (StringRef kind : kinds) {
      std::optional<ObserveKind> known = symbolizeObserveKind(kind);
      if (!known)
        return emitError(module.getLoc())
               << "'" << kind
               << "' is no statistic; there are minmax, absmean, "
               << "histogram, xtx and rows";
      auto attr = ObserveKindAttr::get(&getContext(), *known);
      if (llvm::is_contained(kindAttrs, attr))
        return emitError(module.getLoc())
               << "the statistic '" << kind << "' is asked for twice";
      kindAttrs.push_back(attr);
    }
    for (ObserveKind kind :
         {ObserveKind::MinMax, ObserveKind::AbsMean, ObserveKind::Histogram})
      defaultKinds.push_back(ObserveKindAttr::get(&getContext(), kind));
    if (kindAttrs.empty())
      kindAttrs = defaultKinds;
    if (scheme.empty() && overrides.empty())
      return success();
    auto base = takeOption(
        module, Scheme::parse(scheme.empty() ? "none" : scheme.getValue()));
    if (failed(base))
      return failure();
    parsed = *base;
    auto list = readOverrides(module, overrides);
    if (failed(list))
      return failure();
    parsedOverrides = *list;
    return success();
  }

  void observe(const Layer &layer) {
    Operation *op = layer.contraction.op;
    OpBuilder builder(op);
    auto create = [&](Value value, StringRef name, unsigned axis,
                      ArrayRef<Attribute> kinds) -> Value {
      int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
      int64_t position = axis + 1 == rank ? -1 : int64_t(axis);
      return ObserveOp::create(builder, op->getLoc(), value.getType(), value,
                               builder.getStringAttr(name),
                               builder.getArrayAttr(kinds),
                               builder.getI64IntegerAttr(position));
    };
    op->setOperand(layer.activation,
                   create(layer.getActivation(), layer.getActivationName(),
                          layer.getActivationAxis(), kindAttrs));
    if (weights)
      layer.replaceWeight(builder,
                          create(layer.getWeight(), layer.getWeightName(),
                                 layer.getWeightAxis(), defaultKinds));
    remarkPassed(op, passName, "observes '" + layer.getActivationName() + "'");
  }

  SmallVector<Attribute> kindAttrs, defaultKinds;
};

} // namespace
