//===- RowGroupOps.cpp - Row-local ops on a thread's columns --------------===//

#include "LaneReduction.h"
#include "RowGroupBody.h"
#include "RowVectors.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// Elements of a thread whose quotients fail together: fewer are divided again
/// for one, and more are asked about at once. GELU has registers for eight
/// where norms, which load what all rows read a vector at a time, have them for
/// more.
static constexpr int64_t kRunElements = 8, kLongRunElements = 16;
/// Parts of a thread's columns that are reduced beside each other.
static constexpr int64_t kParts = 4;

/// Whether `combiner` adds up f32, in an order that nothing says.
static bool isFloatSum(Operation *combiner) {
  return isa<arith::AddFOp>(combiner) &&
         combiner->getResult(0).getType().isF32();
}

bool quantmlir::isCast(linalg::GenericOp op, const RowOp &info) {
  return info.hasColumns && !info.reduces && op.getNumDpsInputs() == 1 &&
         llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
           return isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp,
                      arith::SIToFPOp, arith::UIToFPOp>(inner);
         });
}

/// The f32 value of which `op` finds the largest magnitude among a row's
/// columns, passing NaNs over, from zero on; null where it does something else.
static Value findMagnitude(linalg::GenericOp op, const RowOp &info) {
  if (!info.reduces || info.combiners.size() != 1 || op.getNumDpsInputs() != 1)
    return {};
  auto most = dyn_cast<arith::MaxNumFOp>(info.combiners[0]);
  FloatAttr start;
  Value filled = getFilledScalar(op.getDpsInits()[0]);
  if (!most || !most.getType().isF32() || !filled ||
      !matchPattern(filled, m_Constant(&start)) ||
      !start.getValue().isPosZero() ||
      !llvm::hasNItems(op.getBody()->without_terminator(), 2))
    return {};
  for (auto [size, carried] : {std::pair(most.getLhs(), most.getRhs()),
                               std::pair(most.getRhs(), most.getLhs())}) {
    auto abs = size.getDefiningOp<math::AbsFOp>();
    if (abs && abs.getOperand() == op.getRegionInputArgs()[0] &&
        carried == op.getRegionOutputArgs()[0])
      return skipUnitReshapes(op.getDpsInputs()[0]);
  }
  return {};
}

/// Whether `value` of the group comes of a sum of floats, which has no order,
/// or of a function that is approximated: whether its last bit means nothing.
static bool isInexact(const RowGroupPlan &plan, Value value) {
  value = skipUnitReshapes(value);
  auto found = llvm::find_if(plan.ops, [&](const auto &entry) {
    return entry.first == value.getDefiningOp();
  });
  if (found == plan.ops.end())
    return false;
  linalg::GenericOp op = found->first;
  const RowOp &info = found->second;
  if (info.reduces && llvm::any_of(info.combiners, isFloatSum))
    return true;
  bool approximates =
      llvm::any_of(op.getBody()->without_terminator(), [](Operation &inner) {
        return isa<math::ErfOp, math::ErfcOp, math::ExpOp, math::Exp2Op,
                   math::ExpM1Op, math::LogOp, math::Log2Op, math::Log10Op,
                   math::Log1pOp, math::PowFOp, math::SinOp, math::CosOp,
                   math::TanhOp>(inner);
      });
  return approximates ||
         llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
           return !op.getMatchingBlockArgument(input).use_empty() &&
                  isInexact(plan, input->get());
         });
}

SmallVector<Value> RowGroupBody::combine(ValueRange values,
                                         ArrayRef<Operation *> combiners) {
  exchange.whenAllCame = nullptr;
  if (stages && !isRefilled)
    exchange.whenAllCame = [&] { stages->refill(row); };
  isRefilled = true;
  if (rank)
    exchange.blocks = stages->getExchange(turn, exchanged++);
  SmallVector<Value> totals = combineLanes(b, loc, kernel, values, combiners,
                                           schedule.getLanes(), exchange);
  if (exchange.memory)
    for (Value total : totals)
      exchange.place =
          add(exchange.place, constant(LaneExchange::getBytes(
                                  total.getType(), schedule.getWarps())));
  return totals;
}

SmallVector<RowGroupBody::Operand>
RowGroupBody::getOperands(linalg::GenericOp op, const RowOp &info) {
  SmallVector<Operand> operands;
  for (OpOperand *input : op.getDpsInputOperands()) {
    RowAccess access = info.accesses[input->getOperandNumber()];
    Value value = skipUnitReshapes(input->get());
    Operand operand;
    if (!op.getMatchingBlockArgument(input).use_empty()) {
      // What all rows read comes from L1, a vector at a time: all of it would
      // take the registers of another block.
      if (access == RowAccess::Column && memrefs.contains(value))
        operand.source = findSource(value);
      else if (access == RowAccess::Full && isLazy && plan.isInside(value))
        operand.computed = value;
      else if (access == RowAccess::Full && isLazy && !isKept &&
               memrefs.contains(value)) {
        operand.source = findSource(value);
        operand.first = mul(row, plan.domain.columns);
      } else
        operand.values = read(input->get(), access);
    }
    operands.push_back(operand);
  }
  return operands;
}

SmallVector<Value> RowGroupBody::getInitial(linalg::GenericOp op) {
  // What the inits hold: only filled ones are read.
  SmallVector<Value> initial;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Value filled = op.getMatchingBlockArgument(&init).use_empty()
                       ? Value()
                       : getFilledScalar(init.get());
    initial.push_back(filled ? b.clone(*filled.getDefiningOp())->getResult(0)
                             : Value());
  }
  return initial;
}

Value RowGroupBody::getElement(const Operand &operand, int64_t index) {
  if (!operand.computed)
    return operand.values.size() == 1 ? operand.values[0]
                                      : operand.values[index];
  auto result = cast<OpResult>(operand.computed);
  auto op = cast<linalg::GenericOp>(result.getOwner());
  const RowOp &info = llvm::find_if(plan.ops, [&](const auto &entry) {
                        return entry.first == op;
                      })->second;
  SmallVector<Value> carried = getInitial(op);
  Elements results(op.getNumDpsInits());
  emitElements(op, info, getOperands(op, info), carried, index, index + 1,
               nullptr, results);
  return results[result.getResultNumber()][0];
}

void RowGroupBody::emitOp(linalg::GenericOp op, const RowOp &info) {
  SmallVector<Operand> operands = getOperands(op, info);
  SmallVector<Value> initial = getInitial(op);
  SmallVector<Value> carried = initial;
  for (auto [value, combiner] : llvm::zip(carried, info.combiners))
    value =
        arith::ConstantOp::create(b, loc, *arith::getNeutralElement(combiner));

  int64_t width = schedule.getVector();
  int64_t count = info.hasColumns ? columns.size() * width : 1;
  Elements results(op.getNumDpsInits());
  RowQuotients quotients(op, [&](BlockArgument argument) {
    unsigned number = argument.getArgNumber();
    if (number >= operands.size() || operands[number].values.size() != 1)
      return RowQuotients::Divisor::Unknown;
    Value source = skipUnitReshapes(op.getDpsInputOperand(number)->get());
    return plan.isInside(source) ? RowQuotients::Divisor::OfRow
                                 : RowQuotients::Divisor::Uniform;
  });
  for (OpOperand *input : op.getDpsInputOperands())
    if (Value magnitude = magnitudes.lookup(skipUnitReshapes(input->get())))
      quotients.setMagnitude(op.getMatchingBlockArgument(input), magnitude);
  if (Value value = findMagnitude(op, info)) {
    results[0] = {emitMagnitude(op, info, operands, value)};
  } else if (info.reduces) {
    // In parts, which do not wait for each other.
    SmallVector<Value> neutral = carried;
    for (auto [value, combiner] : llvm::zip_equal(neutral, info.combiners))
      if (isFloatSum(combiner))
        value = Value();
    int64_t length = llvm::divideCeil(count, kParts);
    for (int64_t first = 0; first < count; first += length) {
      SmallVector<Value> part = neutral;
      emitElements(op, info, operands, part, first,
                   std::min(count, first + length), nullptr, results);
      for (auto [value, other, combiner] :
           llvm::zip_equal(carried, part, info.combiners))
        value = first ? combinePair(b, combiner, value, other) : other;
    }
  } else if (count == 1 || quotients.empty()) {
    emitElements(op, info, operands, carried, 0, count, nullptr, results);
  } else {
    // A few vectors at a time, so that few values wait for whether all is well;
    // their narrow elements as words, which take fewer registers.
    bool readsShared = llvm::any_of(plan.ins, [&](Value value) {
      return plan.reads(value, RowAccess::Column);
    });
    int64_t most = readsShared ? kLongRunElements : kRunElements;
    int64_t run = std::max(width, most / width * width);
    using Way = RowQuotients::Way;
    SmallVector<Way> ways = {Way::Quotient};
    bool isNear = true;
    if (quotients.hasShortcuts([&](BlockArgument argument) {
          Value source = skipUnitReshapes(
              op.getDpsInputOperand(argument.getArgNumber())->get());
          isNear &= isInexact(plan, source);
          return llvm::any_of(plan.ops, [&](auto &entry) {
            return entry.first == source.getDefiningOp() &&
                   !isCast(entry.first, entry.second);
          });
        }))
      ways.insert(ways.begin(), Way::Shortcut);
    // What is not known to the last bit is divided only where it is out of
    // range.
    if (ways.front() == Way::Shortcut && isNear)
      ways = {Way::Near};
    for (int64_t first = 0; first < count; first += run) {
      int64_t length = std::min(run, count - first);
      auto emitPart = [&](RowQuotients *quotients) {
        Elements part(op.getNumDpsInits());
        emitElements(op, info, operands, carried, first, first + length,
                     quotients, part);
        SmallVector<Value> packed;
        for (ArrayRef<Value> elements : part)
          llvm::append_range(packed, packElements(b, loc, elements));
        return packed;
      };
      // What is fast first, and where it failed the next way.
      auto emitFrom = [&](auto &&emitFrom,
                          ArrayRef<Way> ways) -> SmallVector<Value> {
        if (ways.empty())
          return emitPart(nullptr);
        quotients.start(ways.front(), /*hidden=*/length % 4 != 0);
        SmallVector<Value> fast = emitPart(&quotients);
        auto failed = scf::IfOp::create(b, loc, ValueRange(fast).getTypes(),
                                        quotients.emitFailed(b, loc),
                                        /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(failed.thenBlock());
        scf::YieldOp::create(b, loc, emitFrom(emitFrom, ways.drop_front()));
        b.setInsertionPointToStart(failed.elseBlock());
        scf::YieldOp::create(b, loc, fast);
        return failed.getResults();
      };
      SmallVector<Value> packed = emitFrom(emitFrom, ways);
      ValueRange left = packed;
      for (auto [out, result] : llvm::enumerate(op->getResults()))
        llvm::append_range(results[out], unpackElements(b, loc, left, length,
                                                        getElementTypeOrSelf(
                                                            result.getType())));
    }
  }
  if (info.reduces && results[0].empty()) {
    SmallVector<Value> totals = combine(carried, info.combiners);
    for (auto [out, total] : llvm::enumerate(totals))
      results[out] = {
          isFloatSum(info.combiners[out]) &&
                  matchPattern(initial[out], m_AnyZeroFloat())
              ? total
              : combinePair(b, info.combiners[out], initial[out], total)};
  }
  for (auto [result, elements] : llvm::zip_equal(op->getResults(), results))
    known[{result, 0}] = elements;
  if (info.reduces && schedule.getPacked())
    forgetColumns();
}

void RowGroupBody::chooseMode() {
  int64_t inputs = 0;
  for (Value value : plan.ins) {
    if (!plan.reads(value, RowAccess::Full))
      continue;
    int64_t bits =
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    isKept =
        ++inputs == 1 && bits < 32 && schedule.getVector() * bits % 32 == 0;
  }
  isLazy =
      schedule.getPacked() &&
      (!isKept || llvm::any_of(plan.ops, [](const auto &entry) {
        return entry.second.hasColumns && !entry.second.reduces &&
               !isCast(entry.first, entry.second) &&
               !llvm::all_of(entry.first->getUsers(), llvm::IsaPred<YieldOp>);
      }));
  // What all rows read takes registers beside.
  isKept &= !isLazy || llvm::none_of(plan.ins, [&](Value value) {
    return plan.reads(value, RowAccess::Column);
  });
}

void RowGroupBody::forgetColumns() {
  if (isLazy) {
    columns.clear();
    inside.clear();
    placeColumns();
  }
  for (auto &[key, vectors] : loaded) {
    for (Value &vector : vectors)
      vector = hideVector(b, loc, vector);
    known[key] = extractAll(b, loc, vectors);
  }
  for (auto &[op, info] : plan.ops)
    if (isCast(op, info))
      for (Value result : op->getResults())
        known.erase({result, 0});
}

Value RowGroupBody::emitMagnitude(linalg::GenericOp op, const RowOp &info,
                                  ArrayRef<Operand> operands, Value of) {
  // By an instruction that gives NaN of NaN, so that it tells whether there is
  // one, which whoever divides this thread's columns asks. Columns that stand
  // in for those that do not exist are of the same row. Maxima that wait for
  // each other only now and then.
  int64_t count = columns.size() * schedule.getVector();
  SmallVector<Value> chains;
  for (int64_t index = 0; index < count; ++index) {
    Value size = math::AbsFOp::create(b, loc, getElement(operands[0], index));
    if (index < kParts)
      chains.push_back(size);
    else
      chains[index % kParts] =
          arith::MaximumFOp::create(b, loc, chains[index % kParts], size);
  }
  Value magnitude = chains[0];
  for (Value chain : ArrayRef(chains).drop_front())
    magnitude = arith::MaximumFOp::create(b, loc, magnitude, chain);
  magnitudes[of] = magnitude;
  Value isNaN = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO,
                                      magnitude, magnitude);
  auto again = scf::IfOp::create(b, loc, magnitude.getType(), isNaN,
                                 /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(again.thenBlock());
    SmallVector<Value> carried = {
        arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0))};
    Elements none(1);
    // What this would need is not kept for it.
    auto outsideKnown = known;
    auto outsideLoaded = loaded;
    auto outsideColumns = std::make_tuple(lane, columns, inside);
    if (schedule.getPacked())
      forgetColumns();
    emitElements(op, info, getOperands(op, info), carried, 0, count, nullptr,
                 none);
    known = outsideKnown;
    loaded = outsideLoaded;
    std::tie(lane, columns, inside) = outsideColumns;
    scf::YieldOp::create(b, loc, carried);
    b.setInsertionPointToStart(again.elseBlock());
    scf::YieldOp::create(b, loc, magnitude);
  }
  // Numbers that are not negative have the order of their bits, which a warp
  // compares at once.
  Value bits =
      arith::BitcastOp::create(b, loc, b.getI32Type(), again.getResult(0));
  auto most = arith::MaxUIOp::create(b, loc, bits, bits);
  bits = combine(bits, most.getOperation())[0];
  return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
}

ArrayRef<Value> RowGroupBody::get(Value value) {
  auto found = known.find({value, 0});
  if (found != known.end())
    return found->second;
  for (auto &[op, info] : plan.ops)
    if (op == value.getDefiningOp())
      emitOp(op, info);
  return known[{value, 0}];
}

/// Whether a value that is combined twice changes nothing.
static bool isIdempotent(Operation *combiner) {
  return isa<arith::MaxNumFOp, arith::MinNumFOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp,
             arith::MinUIOp, arith::AndIOp, arith::OrIOp>(combiner);
}

bool RowGroupBody::emitSum(Operation &inner, const RowOp &info,
                           IRMapping &mapping) {
  auto isSum = [&](Operation *op) {
    return isFloatSum(op) && llvm::is_contained(info.combiners, op);
  };
  if (auto product = dyn_cast<arith::MulFOp>(inner))
    return product->hasOneUse() && isSum(*product->user_begin());
  if (!isSum(&inner))
    return false;
  Value added = inner.getOperand(0), sum = inner.getOperand(1);
  auto op = cast<linalg::GenericOp>(inner.getParentOp());
  if (llvm::is_contained(op.getRegionOutputArgs(), added))
    std::swap(added, sum);
  sum = mapping.lookupOrNull(sum);
  Value result;
  auto product = added.getDefiningOp<arith::MulFOp>();
  if (product && product->hasOneUse()) {
    Value x = mapping.lookupOrDefault(product.getLhs());
    Value y = mapping.lookupOrDefault(product.getRhs());
    result = sum ? math::FmaOp::create(b, inner.getLoc(), x, y, sum).getResult()
                 : arith::MulFOp::create(b, inner.getLoc(), x, y).getResult();
  } else {
    result = mapping.lookupOrDefault(added);
    if (sum)
      result = arith::AddFOp::create(b, inner.getLoc(), sum, result);
  }
  mapping.map(inner.getResult(0), result);
  return true;
}

/// The product that `inner` adds to something, if it is one of f32 that nothing
/// else reads.
static arith::MulFOp getAddedProduct(Operation &inner) {
  auto sum = dyn_cast<arith::AddFOp>(inner);
  if (!sum || !sum.getType().isF32())
    return {};
  for (Value term : {sum.getLhs(), sum.getRhs()}) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    if (product && product->hasOneUse() &&
        product->getBlock() == inner.getBlock())
      return product;
  }
  return {};
}

bool RowGroupBody::emitFused(Operation &inner, IRMapping &mapping) {
  if (auto product = dyn_cast<arith::MulFOp>(inner))
    return product->hasOneUse() &&
           getAddedProduct(**product->user_begin()) == product;
  arith::MulFOp product = getAddedProduct(inner);
  if (!product)
    return false;
  Value term = inner.getOperand(inner.getOperand(0) == product.getResult());
  mapping.map(inner.getResult(0),
              math::FmaOp::create(b, inner.getLoc(),
                                  mapping.lookupOrDefault(product.getLhs()),
                                  mapping.lookupOrDefault(product.getRhs()),
                                  mapping.lookupOrDefault(term))
                  .getResult());
  return true;
}

void RowGroupBody::emitElements(linalg::GenericOp op, const RowOp &info,
                                ArrayRef<Operand> operands,
                                SmallVectorImpl<Value> &carried, int64_t first,
                                int64_t end, RowQuotients *quotients,
                                Elements &results) {
  int64_t width = schedule.getVector();
  // Columns that are computed again have no registers for what is fused.
  bool fuses = info.hasColumns && !info.reduces && !isLazy &&
               isInexact(plan, op.getResult(0));
  Elements shared(operands.size());
  for (int64_t i = first; i < end; ++i) {
    IRMapping mapping;
    for (auto [argument, operand, vector] :
         llvm::zip(op.getRegionInputArgs(), operands, shared)) {
      if (operand.source) {
        if (i == first || i % width == 0) {
          Value place = columns[i / width];
          if (operand.first)
            place = add(operand.first, place);
          vector = extractAll(b, loc, loadVector(operand.source, place));
        }
        mapping.map(argument, vector[i % width]);
      } else if (operand.computed || !operand.values.empty()) {
        mapping.map(argument, getElement(operand, i));
      }
    }
    for (auto [argument, value] :
         llvm::zip_equal(op.getRegionOutputArgs(), carried))
      if (value)
        mapping.map(argument, value);
    // Constants of the host are the kernel's own.
    op.getBody()->walk([&](Operation *inner) {
      for (Value used : inner->getOperands())
        if (!op->isAncestor(used.getParentBlock()->getParentOp()) &&
            !mapping.contains(used))
          mapping.map(used, b.clone(*used.getDefiningOp())->getResult(0));
    });
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (info.reduces && emitSum(inner, info, mapping))
        continue;
      if (fuses && emitFused(inner, mapping))
        continue;
      if (!quotients || !quotients->emit(b, inner, mapping))
        b.clone(inner, mapping);
    }
    for (auto [out, value] :
         llvm::enumerate(op.getBody()->getTerminator()->getOperands())) {
      Value next = mapping.lookupOrDefault(value);
      if (!info.reduces) {
        results[out].push_back(next);
        continue;
      }
      // Others of the same row stand in for columns that do not exist.
      Value exists =
          isIdempotent(info.combiners[out]) ? Value() : inside[i / width];
      if (exists) {
        Value before = carried[out];
        if (!before)
          before = arith::ConstantOp::create(
              b, loc, *arith::getNeutralElement(info.combiners[out]));
        next = arith::SelectOp::create(b, loc, exists, next, before);
      }
      carried[out] = next;
    }
  }
}
