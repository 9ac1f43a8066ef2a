//===- TunableOps.cpp - The distinct contractions of a module -------------===//

#include "quantmlir/Tuner/Tuner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Schedule/Families.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Schedule/Tuned.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::schedule;
using quant_tensor::QuantTensorDialect;
using quant_tensor::ScaledMatmulOp;
using quant_tile::ScheduleAttr;

/// `type` as a program would declare it: its weights not laid out yet.
static Type withoutLayout(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  quant_tensor::EncodingAttr encoding = quant_tensor::getEncoding(tensor);
  if (!encoding)
    return tensor;
  return RankedTensorType::get(tensor.getShape(), tensor.getElementType(),
                               encoding.withLayout({}));
}

/// A module whose one function is `op`.
static OwningOpRef<ModuleOp> isolate(ScaledMatmulOp op) {
  Location loc = op.getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  SmallVector<Type> inputs = {op.getLhs().getType(),
                              withoutLayout(op.getRhs().getType())};
  llvm::append_range(inputs, op.getEpilogueArgs().getTypes());
  // Encoded activations come in as codes and, last, scales: as an encoded
  // argument they would be weights.
  if (quant_tensor::EncodingAttr encoding = op.getLhsEncoding()) {
    RankedTensorType lhs = op.getLhs().getType();
    inputs.front() =
        RankedTensorType::get(lhs.getShape(), encoding.getStorage());
    inputs.push_back(RankedTensorType::get(
        encoding.getScaleShape(lhs.getShape()), encoding.getScale()));
  }
  RankedTensorType out = op.getInit().getType();
  auto func = func::FuncOp::create(builder, loc, "op",
                                   builder.getFunctionType(inputs, out));
  for (unsigned i = 0, e = inputs.size(); i < e; ++i)
    func.setArgAttr(i, QuantTensorDialect::getNameAttrName(),
                    builder.getStringAttr(i == 0   ? "lhs"
                                          : i == 1 ? "rhs"
                                                   : "arg" + Twine(i - 2)));
  if (op.isBlockScaled()) {
    func.setArgAttr(0, QuantTensorDialect::getNameAttrName(),
                    builder.getStringAttr("lhs.codes"));
    func.setArgAttr(inputs.size() - 1, QuantTensorDialect::getNameAttrName(),
                    builder.getStringAttr("lhs.scales"));
  }
  // Encoded arguments are weights by themselves.
  if (!op.getRhsEncoding())
    func.setArgAttr(1, QuantTensorDialect::getWeightAttrName(),
                    builder.getUnitAttr());
  func.setResultAttr(0, QuantTensorDialect::getNameAttrName(),
                     builder.getStringAttr("out"));

  builder.setInsertionPointToEnd(func.addEntryBlock());
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0, rank = out.getRank(); dim < rank; ++dim) {
    if (!out.isDynamicDim(dim))
      sizes.push_back(builder.getIndexAttr(out.getDimSize(dim)));
    else if (dim + 1 < rank)
      sizes.push_back(
          tensor::DimOp::create(builder, loc, func.getArgument(0), dim)
              .getResult());
    else {
      Value size = tensor::DimOp::create(builder, loc, func.getArgument(1),
                                         op.getNumBatchDims());
      if (op.getPaired())
        size = arith::DivUIOp::create(
            builder, loc, size,
            arith::ConstantIndexOp::create(builder, loc, op.getNumSums()));
      sizes.push_back(size);
    }
  }
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, out.getElementType());
  if (init.getType() != out)
    init = tensor::CastOp::create(builder, loc, out, init);
  Value lhs = func.getArgument(0);
  if (op.isBlockScaled())
    lhs = quant_tensor::AssembleOp::create(builder, loc, op.getLhs().getType(),
                                           lhs, func.getArguments().back(),
                                           /*zero_points=*/Value());
  IRMapping mapping;
  mapping.map(op.getLhs(), lhs);
  mapping.map(op.getRhs(), func.getArgument(1));
  // One value may be several operands, so they are set by position.
  auto clone = cast<ScaledMatmulOp>(builder.clone(*op.getOperation()));
  clone.getLhsMutable().assign(lhs);
  clone.getRhsMutable().assign(func.getArgument(1));
  clone.getEpilogueArgsMutable().assign(
      func.getArguments().slice(2, op.getEpilogueArgs().size()));
  clone.getInitMutable().assign(init);
  clone->removeAttr(ScheduleAttr::getAttrName());
  clone->removeAttr(ScheduleAttr::getListAttrName());
  func::ReturnOp::create(builder, loc, clone.getResult());
  return module;
}

static ScaledMatmulOp getOp(ModuleOp module) {
  auto func = *module.getOps<func::FuncOp>().begin();
  return *func.getOps<ScaledMatmulOp>().begin();
}

/// What select-schedule chooses for the op of `module` without timings,
/// ascending by rows.
static FailureOr<SmallVector<ScheduleAttr>>
choose(ModuleOp module, const PipelineOptions &options) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager pm(module.getContext());
  SelectScheduleOptions select;
  select.chip = options.chip;
  select.fastAccumulation = options.fastAccumulation;
  pm.addPass(createSelectSchedule(select));
  if (failed(pm.run(*copy)))
    return failure();
  ScaledMatmulOp op = getOp(*copy);
  if (auto single =
          op->getAttrOfType<ScheduleAttr>(ScheduleAttr::getAttrName()))
    return SmallVector<ScheduleAttr>{single};
  auto list = op->getAttrOfType<ArrayAttr>(ScheduleAttr::getListAttrName());
  return llvm::to_vector(list.getAsRange<ScheduleAttr>());
}

/// Drops candidates until `limit` are left: never the chosen ones.
static void thin(std::vector<TuneCandidate> &candidates, size_t limit) {
  if (!limit || candidates.size() <= limit)
    return;
  size_t chosen = llvm::count_if(
      candidates, [](const TuneCandidate &c) { return !c.chosenFor.empty(); });
  size_t others = candidates.size() - chosen;
  size_t keep = limit > chosen ? limit - chosen : 0;
  std::vector<TuneCandidate> kept;
  size_t seen = 0;
  for (TuneCandidate &candidate : candidates) {
    if (!candidate.chosenFor.empty()) {
      kept.push_back(std::move(candidate));
      continue;
    }
    // Evenly: the i-th of the others is kept where i * keep / others steps.
    if ((seen + 1) * keep / others != seen * keep / others)
      kept.push_back(std::move(candidate));
    ++seen;
  }
  candidates = std::move(kept);
}

FailureOr<std::vector<TunableOp>>
quantmlir::findTunableOps(ModuleOp module, const TuneOptions &options) {
  const Chip *chip = lookupChip(options.compile.chip,
                                [&] { return emitError(module.getLoc()); });
  if (!chip)
    return failure();
  PassManager pm(module->getName());
  if (options.compile.configure && failed(options.compile.configure(pm)))
    return failure();
  buildAlgebraPipeline(pm, options.compile);
  if (failed(pm.run(module)))
    return failure();

  std::vector<TunableOp> ops;
  llvm::StringSet<llvm::MallocAllocator> signatures;
  bool fastAccumulation = options.compile.fastAccumulation;
  WalkResult walk = module.walk([&](ScaledMatmulOp op) {
    std::string signature = getSignature(op, fastAccumulation);
    if (!signatures.insert(signature).second)
      return WalkResult::advance();
    Contraction contraction = Contraction::get(op, fastAccumulation);
    if (llvm::all_of(getFamilies(), [&](const Family &family) {
          return !whyNotFamily(family, contraction, *chip).empty();
        })) {
      InFlightDiagnostic warning = op.emitWarning();
      warning << "is not tuned: it has no kernel";
      for (const Family &family : getFamilies())
        warning.attachNote()
            << quant_tile::stringifyKernelFamily(family.kind) << ": "
            << whyNotFamily(family, contraction, *chip);
      return WalkResult::advance();
    }
    if (ShapedType::isDynamic(contraction.batch) ||
        ShapedType::isDynamic(contraction.n) ||
        ShapedType::isDynamic(contraction.k)) {
      op.emitWarning() << "is not tuned: only its rows may be dynamic";
      return WalkResult::advance();
    }
    TunableOp tunable{
        signature, op.getLoc(), isolate(op), op.getNumBatchDims(), {}};
    FailureOr<SmallVector<ScheduleAttr>> chosen =
        choose(*tunable.module, options.compile);
    if (failed(chosen))
      return WalkResult::interrupt();

    SmallVector<int64_t> rows = {contraction.m};
    if (ShapedType::isDynamic(contraction.m))
      rows = options.rows;
    llvm::MapVector<ScheduleAttr, TuneCandidate> candidates;
    for (int64_t m : rows) {
      auto add = [&](ScheduleAttr schedule) -> TuneCandidate & {
        schedule = schedule.withMaxM(0);
        TuneCandidate &candidate = candidates[schedule];
        candidate.schedule = schedule;
        if (!llvm::is_contained(candidate.rows, m))
          candidate.rows.push_back(m);
        return candidate;
      };
      auto *first = llvm::find_if(*chosen, [&](ScheduleAttr schedule) {
        return !schedule.getMaxM() || schedule.getMaxM() >= m;
      });
      add(*first).chosenFor.push_back(m);
      for (ScheduleAttr schedule : enumerateSchedules(contraction, *chip, m))
        add(schedule);
    }
    for (auto &entry : candidates)
      tunable.candidates.push_back(std::move(entry.second));
    thin(tunable.candidates, options.limit);
    ops.push_back(std::move(tunable));
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (ops.empty())
    return emitError(module.getLoc())
           << "the module has no contraction to tune";
  return ops;
}
