//===- HoistPrepare.cpp - What depends on weights alone runs once ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORHOISTPREPARE
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-hoist-prepare";

namespace {

/// What a value depends on.
enum class Dependence {
  /// Nothing known before the first run: activations.
  Input,
  /// Neither activations nor weights: scalars, uninitialised tensors.
  Nothing,
  /// Weights, and nothing else but Nothing.
  Weights
};

/// Finds what of one function can run in advance.
class WeightAnalysis {
public:
  explicit WeightAnalysis(func::FuncOp function) : function(function) {
    for (BlockArgument argument : function.getArguments())
      dependences[argument] = isWeight(function, argument) ? Dependence::Weights
                                                           : Dependence::Input;
    visit(function.getBody());
  }

  /// Whether an argument is known before the first run.
  static bool isWeight(func::FuncOp function, BlockArgument argument) {
    return getEncoding(argument.getType()) ||
           function.getArgAttr(argument.getArgNumber(),
                               QuantTensorDialect::getWeightAttrName());
  }

  Dependence get(Value value) const { return dependences.lookup(value); }

  /// Whether `value` is the result of an op worth running in advance, as
  /// opposed to a weight, or one only bundled or reshaped. What has elements of
  /// no whole bytes has no buffer that would carry it over.
  bool isWorthHoisting(Value value) const {
    auto element = dyn_cast<IntegerType>(getElementTypeOrSelf(value.getType()));
    if (element && element.getWidth() % 8 && element.getWidth() != 1)
      return false;
    return get(value) == Dependence::Weights && value.getDefiningOp() &&
           worthwhile.contains(value.getDefiningOp());
  }

  /// Every op that depends on no activation, in an order in which operands
  /// come first.
  ArrayRef<Operation *> getCandidates() const { return candidates; }

private:
  /// Bundling and views cost nothing where they are.
  static bool isFree(Operation *op) {
    return isa<AssembleOp, DisassembleOp, tensor::CastOp,
               tensor::CollapseShapeOp, tensor::DimOp, tensor::EmptyOp,
               tensor::ExpandShapeOp, tensor::ExtractSliceOp>(op) ||
           op->hasTrait<OpTrait::ConstantLike>() ||
           !llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
  }

  /// A table of numbers, as opposed to a scalar or a fill.
  static bool isConstantTable(Operation *op) {
    DenseElementsAttr attr;
    return matchPattern(op, m_Constant(&attr)) && !attr.isSplat();
  }

  void visit(Region &region) {
    for (Block &block : region)
      for (Operation &op : block)
        visit(&op);
  }

  void visit(Operation *op) {
    // What moves out of a nested region runs even where the region does not.
    bool movable =
        op->getParentOp() == function ? isMemoryEffectFree(op) : isPure(op);
    if (op->hasTrait<OpTrait::IsTerminator>())
      movable = false;
    Dependence dependence =
        isConstantTable(op) ? Dependence::Weights : Dependence::Nothing;
    auto use = [&](Value value) {
      Dependence other = get(value);
      if (other == Dependence::Input)
        movable = false;
      else if (other == Dependence::Weights)
        dependence = Dependence::Weights;
    };
    llvm::for_each(op->getOperands(), use);
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    llvm::for_each(captured, use);
    if (!movable) {
      for (Value result : op->getResults())
        dependences[result] = Dependence::Input;
      for (Region &region : op->getRegions()) {
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            dependences[argument] = Dependence::Input;
        visit(region);
      }
      return;
    }
    candidates.push_back(op);
    for (Value result : op->getResults())
      dependences[result] = dependence;
    if (dependence == Dependence::Weights && !isFree(op))
      worthwhile.insert(op);
  }

  func::FuncOp function;
  DenseMap<Value, Dependence> dependences;
  SmallVector<Operation *> candidates;
  DenseSet<Operation *> worthwhile;
};

/// Splits one function.
class PrepareHoister {
public:
  explicit PrepareHoister(func::FuncOp function)
      : function(function), analysis(function) {}

  /// Returns the prepare function, null where nothing is worth one.
  func::FuncOp run();

private:
  void collectBoundary();
  void collectSlice();
  void nameArguments();
  std::vector<std::string> getNamesOf(BlockArgument argument);
  std::string getBaseName(Value value);
  std::string getUniqueName(std::string name);
  func::FuncOp createPrepare();
  void replaceInMain();

  func::FuncOp function;
  WeightAnalysis analysis;
  /// Values that the main function takes from the prepare function.
  llvm::SetVector<Value> boundary;
  /// Ops that make them, and the weights that those read.
  llvm::SetVector<Operation *> slice;
  llvm::SetVector<Value> weights;
  /// Free ops that the main function reads and so keeps.
  DenseSet<Operation *> kept;
  /// Of each boundary value: the results that carry it and their names.
  llvm::MapVector<Value, SmallVector<std::pair<Type, std::string>>> parts;
  llvm::StringSet<> names;
};

} // namespace

/// Finds the values that main ops read. Free ops that main ops read are main
/// ops themselves, so that what crosses over is behind them.
void PrepareHoister::collectBoundary() {
  DenseSet<Operation *> candidates(analysis.getCandidates().begin(),
                                   analysis.getCandidates().end());
  SmallVector<Operation *> worklist;
  DenseSet<Operation *> seen;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (candidates.contains(op))
      return WalkResult::skip();
    worklist.push_back(op);
    return WalkResult::advance();
  });
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (!seen.insert(op).second)
      continue;
    auto use = [&](Value value) {
      if (analysis.isWorthHoisting(value))
        boundary.insert(value);
      else if (Operation *producer = value.getDefiningOp();
               producer && candidates.contains(producer))
        worklist.push_back(producer);
    };
    llvm::for_each(op->getOperands(), use);
    if (candidates.contains(op)) {
      kept.insert(op);
      op->walk(
          [&](Operation *inner) { llvm::for_each(inner->getOperands(), use); });
    }
  }
  // The order of the program, which does not depend on the walk above.
  llvm::SetVector<Value> ordered;
  for (Operation *op : analysis.getCandidates())
    for (Value result : op->getResults())
      if (boundary.contains(result))
        ordered.insert(result);
  boundary = std::move(ordered);
}

/// Finds all that the boundary is computed from.
void PrepareHoister::collectSlice() {
  SmallVector<Value> worklist(boundary.begin(), boundary.end());
  DenseSet<Operation *> needed;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op) {
      if (value.getParentRegion() == &function.getBody())
        weights.insert(value);
      continue;
    }
    if (!needed.insert(op).second)
      continue;
    llvm::append_range(worklist, op->getOperands());
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    llvm::append_range(worklist, captured);
  }
  for (Operation *op : analysis.getCandidates())
    if (needed.contains(op))
      slice.insert(op);
  SmallVector<Value> ordered(weights.takeVector());
  llvm::sort(ordered, [](Value a, Value b) {
    return cast<BlockArgument>(a).getArgNumber() <
           cast<BlockArgument>(b).getArgNumber();
  });
  weights.insert(ordered.begin(), ordered.end());
}

/// Writes down the names that arguments have by their position, which is about
/// to change.
void PrepareHoister::nameArguments() {
  StringRef attrName = QuantTensorDialect::getNameAttrName();
  for (unsigned i = 0, e = function.getNumArguments(); i != e; ++i) {
    function.setArgAttr(i, attrName,
                        StringAttr::get(function.getContext(),
                                        getArgumentBufferName(function, i)));
    for (const std::string &name : getNamesOf(function.getArgument(i)))
      names.insert(name);
  }
}

/// The names that an argument has, and that its parts will have.
std::vector<std::string> PrepareHoister::getNamesOf(BlockArgument argument) {
  std::string name = getArgumentBufferName(function, argument.getArgNumber());
  if (!getEncoding(argument.getType()))
    return {name};
  return {name, name + ".codes", name + ".scales", name + ".zero_points"};
}

std::string PrepareHoister::getUniqueName(std::string name) {
  std::string unique = name;
  for (unsigned i = 0; !names.insert(unique).second; ++i)
    unique = name + "_" + std::to_string(i);
  return unique;
}

/// The weight that `value` is made from, where there is one; else a name of
/// its own.
std::string PrepareHoister::getBaseName(Value value) {
  llvm::SetVector<Value> sources;
  SmallVector<Value> worklist{value};
  DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (weights.contains(next))
      sources.insert(next);
    Operation *op = next.getDefiningOp();
    if (!op)
      continue;
    llvm::append_range(worklist, op->getOperands());
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    llvm::append_range(worklist, captured);
  }
  if (sources.size() != 1)
    return "prepared";
  return getArgumentBufferName(
      function, cast<BlockArgument>(sources.front()).getArgNumber());
}

func::FuncOp PrepareHoister::createPrepare() {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  Location loc = function.getLoc();
  SmallVector<Type> inputs = llvm::map_to_vector(
      weights, [](Value weight) { return weight.getType(); });
  std::string name = (function.getName() + ".prepare").str();
  auto prepare = func::FuncOp::create(builder, loc, name,
                                      builder.getFunctionType(inputs, {}));
  prepare.setVisibility(function.getVisibility());
  prepare->setAttr(QuantTensorDialect::getPrepareOfAttrName(),
                   FlatSymbolRefAttr::get(function));
  Block *body = prepare.addEntryBlock();
  builder.setInsertionPointToStart(body);
  IRMapping mapping;
  for (auto [index, weight] : llvm::enumerate(weights)) {
    mapping.map(weight, body->getArgument(index));
    unsigned from = cast<BlockArgument>(weight).getArgNumber();
    prepare.setArgAttrs(
        index, function_interface_impl::getArgAttrDict(function, from));
  }
  for (Operation *op : slice)
    builder.clone(*op, mapping);

  SmallVector<Value> results;
  SmallVector<DictionaryAttr> resultAttrs;
  for (Value value : boundary) {
    Value prepared = mapping.lookup(value);
    SmallVector<Value> pieces{prepared};
    std::string base = getBaseName(value);
    SmallVector<std::string> suffixes{""};
    if (getEncoding(value.getType())) {
      auto disassemble =
          DisassembleOp::create(builder, value.getLoc(), prepared);
      pieces.assign(disassemble->result_begin(), disassemble->result_end());
      suffixes = {".codes", ".scales", ".zero_points"};
    }
    for (auto [piece, suffix] : llvm::zip(pieces, suffixes)) {
      std::string pieceName = getUniqueName(base + suffix);
      parts[value].push_back({piece.getType(), pieceName});
      results.push_back(piece);
      resultAttrs.push_back(builder.getDictionaryAttr(
          builder.getNamedAttr(QuantTensorDialect::getNameAttrName(),
                               builder.getStringAttr(pieceName))));
    }
  }
  func::ReturnOp::create(builder, loc, results);
  prepare.setFunctionType(
      builder.getFunctionType(inputs, ValueRange(results).getTypes()));
  prepare.setAllResultAttrs(resultAttrs);
  function->setAttr(QuantTensorDialect::getPrepareAttrName(),
                    FlatSymbolRefAttr::get(prepare));
  return prepare;
}

void PrepareHoister::replaceInMain() {
  OpBuilder builder(function.getContext());
  unsigned index = 0;
  for (Value value : boundary) {
    SmallVector<Value> arguments;
    for (auto &[type, name] : parts[value]) {
      auto attrs = builder.getDictionaryAttr(
          {builder.getNamedAttr(QuantTensorDialect::getNameAttrName(),
                                builder.getStringAttr(name)),
           builder.getNamedAttr(QuantTensorDialect::getPreparedAttrName(),
                                builder.getI64IntegerAttr(index++))});
      unsigned position = function.getNumArguments();
      (void)function.insertArgument(position, type, attrs, value.getLoc());
      arguments.push_back(function.getArgument(position));
    }
    Value replacement = arguments.front();
    if (getEncoding(value.getType())) {
      builder.setInsertionPointToStart(&function.getBody().front());
      replacement = AssembleOp::create(
          builder, value.getLoc(), value.getType(), arguments[0], arguments[1],
          arguments.size() > 2 ? arguments[2] : Value());
    }
    value.replaceAllUsesWith(replacement);
  }
  for (Operation *op : llvm::reverse(slice))
    if (op->use_empty())
      op->erase();
  BitVector unused(function.getNumArguments());
  for (Value weight : weights)
    if (weight.use_empty())
      unused.set(cast<BlockArgument>(weight).getArgNumber());
  (void)function.eraseArguments(unused);
}

func::FuncOp PrepareHoister::run() {
  collectBoundary();
  if (boundary.empty())
    return {};
  collectSlice();
  nameArguments();
  // A weight that goes away leaves its name to what is made from it.
  for (Value weight : weights)
    if (llvm::all_of(weight.getUsers(), [&](Operation *user) {
          return slice.contains(user) && !kept.contains(user);
        }))
      for (const std::string &name : getNamesOf(cast<BlockArgument>(weight)))
        names.erase(name);
  func::FuncOp prepare = createPrepare();
  replaceInMain();
  return prepare;
}

/// The first argument of `function` that is no weight among those that `value`
/// is computed from; fails where something else is.
static FailureOr<BlockArgument> getPlainSource(func::FuncOp function,
                                               Value value) {
  BlockArgument plain;
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t next = 0; next != seen.size(); ++next) {
    Value source = seen[next];
    if (Operation *op = source.getDefiningOp()) {
      llvm::SetVector<Value> captured;
      getUsedValuesDefinedAbove(op->getRegions(), captured);
      seen.insert(op->operand_begin(), op->operand_end());
      seen.insert(captured.begin(), captured.end());
      continue;
    }
    auto argument = cast<BlockArgument>(source);
    if (argument.getOwner() != &function.getBody().front())
      return failure();
    if (!isa<RankedTensorType>(argument.getType()) ||
        WeightAnalysis::isWeight(function, argument) ||
        function.getArgAttr(argument.getArgNumber(),
                            QuantTensorDialect::getPreparedAttrName()))
      continue;
    if (!plain || argument.getArgNumber() < plain.getArgNumber())
      plain = argument;
  }
  if (!plain)
    return failure();
  return plain;
}

/// Says what of a product's right-hand side is rearranged whenever `function`
/// runs, since arguments that it is made of are not said to be weights.
static void remarkRearranged(func::FuncOp function) {
  // Products of as many numbers of rows may share one.
  DenseSet<Operation *> said;
  function.walk([&](ScaledMatmulOp product) {
    Operation *op = product.getRhs().getDefiningOp();
    if (!isa_and_nonnull<RepackOp, linalg::TransposeOp>(op) ||
        !said.insert(op).second)
      return;
    FailureOr<BlockArgument> plain =
        getPlainSource(function, op->getOperand(0));
    if (failed(plain))
      return;
    WhyNot whyNot;
    (void)whyNot("argument '{0}' is not marked as {1}",
                 getArgumentBufferName(function, plain->getArgNumber()),
                 QuantTensorDialect::getWeightAttrName());
    remarkMissed(product, passName, "rearranges its weights at every call",
                 whyNot);
  });
}

namespace {

struct HoistPrepare
    : quantmlir::quant_tensor::impl::QuantTensorHoistPrepareBase<HoistPrepare> {
  void runOnOperation() override {
    SymbolTableCollection tables;
    SymbolTable &symbols = tables.getSymbolTable(getOperation());
    // Who calls what, once: asking for each function would be quadratic.
    SymbolUserMap users(tables, getOperation());
    for (auto function :
         llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (function.isExternal() ||
          function->hasAttr(QuantTensorDialect::getPrepareAttrName()) ||
          function->hasAttr(QuantTensorDialect::getPrepareOfAttrName()))
        continue;
      if (!users.useEmpty(function)) {
        WhyNot whyNot;
        (void)whyNot("the function is called: its signature must stay");
        remarkMissed(function, passName, "weights not prepared in advance",
                     whyNot);
        continue;
      }
      std::string name = (function.getName() + ".prepare").str();
      if (symbols.lookup(name)) {
        function.emitOpError() << "needs the name '" << name
                               << "' for its prepare function, but it is taken";
        return signalPassFailure();
      }
      if (func::FuncOp prepare = PrepareHoister(function).run())
        remarkPassed(function, passName,
                     ("prepares its weights in " + prepare.getName()).str());
      remarkRearranged(function);
    }
  }
};

} // namespace
