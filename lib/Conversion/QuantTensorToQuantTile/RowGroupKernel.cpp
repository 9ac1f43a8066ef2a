//===- RowGroupKernel.cpp - Row-local ops in one kernel -------------------===//
//
// A row is spread over the registers of one or several warps: vector v of a
// row's columns belongs to lane v mod lanes. Each value between the ops is, in
// a thread, either one scalar for each of its columns or one for its row.
//
//===----------------------------------------------------------------------===//

#include "FlatMemref.h"
#include "LaneReduction.h"
#include "RowGroupPlan.h"
#include "RowQuotients.h"
#include "RowVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

namespace {

/// Elements of a thread whose quotients fail together.
constexpr int64_t kRunElements = 8;
/// Parts of a thread's columns that are reduced beside each other.
constexpr int64_t kParts = 4;

/// Writes the kernel's body.
class RowGroupBody {
public:
  RowGroupBody(const RowGroupPlan &plan, OpBuilder &builder,
               gpu::GPUFuncOp kernel)
      : plan(plan), schedule(*RowGroupOp(plan.group).getSchedule()), b(builder),
        kernel(kernel), loc(kernel.getLoc()) {}
  void emit();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) {
    return b.createOrFold<arith::AddIOp>(loc, x, y);
  }
  Value mul(Value x, int64_t y) {
    return b.createOrFold<arith::MulIOp>(loc, x, constant(y));
  }
  Value flatten(Value memref);
  int64_t getAlignment(Type element) const;
  /// As many elements as the schedule's vectors have, from `first` on: one
  /// vector, or several where it would be too wide for one access.
  SmallVector<Value> loadVector(Value memref, Value first);
  /// Vectors of this thread from `memref`, at its columns of a row that starts
  /// at element `first`.
  SmallVector<Value> loadColumns(Value memref, Value first);
  void storeColumns(Value memref, ArrayRef<Value> elements);
  /// The operand's value for each column of this thread; a single one where
  /// it is the same for all.
  SmallVector<Value> read(Value operand, RowAccess access);
  /// From here on takes columns from the vectors that were loaded once more,
  /// and casts them again.
  void forgetColumns();
  /// Elements of a value of the group, computed (again) where they are not
  /// there.
  ArrayRef<Value> get(Value value);
  /// Which columns this thread has.
  void placeColumns();
  /// Loads this thread's columns of the row.
  void loadRow();
  /// Brings the row that the schedule names into L2, once for all threads that
  /// share this one's.
  void prefetchRow();
  /// Rows of the first result.
  Value countRows();
  void emitRow();
  void emitOp(linalg::GenericOp op, const RowOp &info);
  using Elements = SmallVector<SmallVector<Value>>;
  /// What an op reads: values of this thread's columns, a single one where it
  /// is the same for all; or where to load them.
  struct Operand {
    Value memref;
    SmallVector<Value> values;
  };
  /// Clones the region of `op` for its elements [first, end) of this thread,
  /// by input; `carried` are the values of its inits, if any. Appends what it
  /// yields to `results`, or to `carried` where it reduces.
  void emitElements(linalg::GenericOp op, const RowOp &info,
                    ArrayRef<Operand> operands, SmallVectorImpl<Value> &carried,
                    int64_t first, int64_t end, RowQuotients *quotients,
                    Elements &results);

  /// The largest magnitude of this thread's columns of `of` that `op` finds,
  /// NaNs passed over; leaves one that is NaN where one of them is, in
  /// `magnitudes`.
  Value emitMagnitude(linalg::GenericOp op, const RowOp &info,
                      ArrayRef<Operand> operands, Value of);

  const RowGroupPlan &plan;
  RowScheduleAttr schedule;
  OpBuilder &b;
  gpu::GPUFuncOp kernel;
  Location loc;
  Value row, lane;
  /// Column of each vector of this thread, as read (never out of bounds), and
  /// whether the vector exists; null where it surely does.
  SmallVector<Value> columns, inside;
  llvm::DenseMap<Value, Value> memrefs;
  SmallVector<Value> outMemrefs;
  /// Elements of values, by value and access: what is read twice is kept.
  llvm::DenseMap<std::pair<Value, unsigned>, SmallVector<Value>> known;
  /// Of values, the largest magnitude of this thread's columns, or NaN where
  /// one is.
  llvm::DenseMap<Value, Value> magnitudes;
  /// The vectors that were loaded, likewise.
  llvm::MapVector<std::pair<Value, unsigned>, SmallVector<Value>> loaded;
};

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// `memref`, which is contiguous, as one dimension.
Value RowGroupBody::flatten(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Value size = constant(1);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    size = b.createOrFold<arith::MulIOp>(
        loc, size,
        type.isDynamicDim(dim)
            ? memref::DimOp::create(b, loc, memref, dim).getResult()
            : constant(type.getDimSize(dim)));
  return flattenMemref(b, loc, memref, size);
}

/// Rows are whole vectors, so that every vector is as aligned as it is long.
int64_t RowGroupBody::getAlignment(Type element) const {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  return std::min<int64_t>(16, schedule.getVector() * bytes);
}

SmallVector<Value> RowGroupBody::loadVector(Value memref, Value first) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  // What all rows read may be wider than what they hold.
  int64_t width = schedule.getVector();
  int64_t part = std::min(
      width, std::max<int64_t>(1, 128 / element.getIntOrFloatBitWidth()));
  Type type = part == 1 ? element : VectorType::get({part}, element);
  SmallVector<Value> parts;
  for (int64_t i = 0; i < width; i += part)
    parts.push_back(LoadOp::create(b, loc, type, memref,
                                   ValueRange{add(first, constant(i))},
                                   getAlignment(element)));
  return parts;
}

SmallVector<Value> RowGroupBody::loadColumns(Value memref, Value first) {
  SmallVector<Value> vectors;
  for (Value column : columns)
    llvm::append_range(vectors, loadVector(memref, add(first, column)));
  return vectors;
}

void RowGroupBody::storeColumns(Value memref, ArrayRef<Value> elements) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t width = schedule.getVector();
  Value first = mul(row, plan.domain.columns);
  for (auto [index, column] : llvm::enumerate(columns)) {
    OpBuilder::InsertionGuard guard(b);
    if (inside[index]) {
      auto guarded = scf::IfOp::create(b, loc, inside[index],
                                       /*withElseRegion=*/false);
      b.setInsertionPoint(guarded.thenBlock()->getTerminator());
    }
    ArrayRef<Value> part = elements.slice(index * width, width);
    Value place = add(first, column);
    if (width == 1) {
      memref::StoreOp::create(b, loc, part[0], memref, place);
      continue;
    }
    Value vector = vector::FromElementsOp::create(
        b, loc, VectorType::get({width}, element), part);
    vector::StoreOp::create(b, loc, vector, memref, ValueRange{place},
                            /*nontemporal=*/false,
                            llvm::MaybeAlign(getAlignment(element)));
  }
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

SmallVector<Value> RowGroupBody::read(Value operand, RowAccess access) {
  Value value = skipUnitReshapes(operand);
  if (plan.isInside(value))
    return SmallVector<Value>(get(value));
  if (!isa<RankedTensorType>(value.getType()))
    return {b.clone(*value.getDefiningOp())->getResult(0)};
  auto found = known.find({value, unsigned(access)});
  if (found != known.end())
    return found->second;
  SmallVector<Value> elements;
  auto memref = memrefs.find(value);
  if (memref == memrefs.end()) {
    elements = {b.clone(*getFilledScalar(value).getDefiningOp())->getResult(0)};
  } else {
    Type element = cast<MemRefType>(memref->second.getType()).getElementType();
    auto loadOne = [&](Value index) -> SmallVector<Value> {
      return {LoadOp::create(b, loc, element, memref->second, ValueRange{index},
                             element.getIntOrFloatBitWidth() / 8)};
    };
    auto keep = [&](Value first) {
      SmallVector<Value> vectors = loadColumns(memref->second, first);
      if (isa<VectorType>(vectors.front().getType()))
        loaded[{value, unsigned(access)}] = vectors;
      return extractAll(b, loc, vectors);
    };
    switch (access) {
    case RowAccess::Full:
      elements = keep(mul(row, plan.domain.columns));
      break;
    case RowAccess::Column:
      llvm_unreachable("read where it is used");
    case RowAccess::Row:
      elements = loadOne(row);
      break;
    case RowAccess::Scalar:
      elements = loadOne(constant(0));
      break;
    }
  }
  known[{value, unsigned(access)}] = elements;
  return elements;
}

/// Whether each element of `op`'s results is a cast of one of its input.
static bool isCast(linalg::GenericOp op, const RowOp &info) {
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

void RowGroupBody::emitOp(linalg::GenericOp op, const RowOp &info) {
  SmallVector<Operand> operands;
  for (OpOperand *input : op.getDpsInputOperands()) {
    RowAccess access = info.accesses[input->getOperandNumber()];
    Value outside = skipUnitReshapes(input->get());
    bool isUsed = !op.getMatchingBlockArgument(input).use_empty();
    // What all rows read comes from L1, a vector at a time: all of it would
    // take the registers of another block.
    bool isShared = access == RowAccess::Column && memrefs.contains(outside);
    operands.push_back({isUsed && isShared ? memrefs[outside] : Value(),
                        isUsed && !isShared ? read(input->get(), access)
                                            : SmallVector<Value>()});
  }
  // What the inits hold: only filled ones are read.
  SmallVector<Value> initial;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Value filled = op.getMatchingBlockArgument(&init).use_empty()
                       ? Value()
                       : getFilledScalar(init.get());
    initial.push_back(filled ? b.clone(*filled.getDefiningOp())->getResult(0)
                             : Value());
  }
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
    int64_t run = std::max(width, kRunElements / width * width);
    enum class Way { Shortcut, Quotient, Division };
    SmallVector<Way> ways = {Way::Quotient, Way::Division};
    if (quotients.hasShortcuts([&](BlockArgument argument) {
          Value source = skipUnitReshapes(
              op.getDpsInputOperand(argument.getArgNumber())->get());
          return llvm::any_of(plan.ops, [&](auto &entry) {
            return entry.first == source.getDefiningOp() &&
                   !isCast(entry.first, entry.second);
          });
        }))
      ways.insert(ways.begin(), Way::Shortcut);
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
        if (ways.front() == Way::Division)
          return emitPart(nullptr);
        quotients.start(ways.front() == Way::Shortcut);
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
    SmallVector<Value> totals = combineLanes(
        b, loc, kernel, carried, info.combiners, schedule.getLanes());
    for (auto [out, total] : llvm::enumerate(totals))
      results[out] = {combinePair(b, info.combiners[out], initial[out], total)};
  }
  for (auto [result, elements] : llvm::zip_equal(op->getResults(), results))
    known[{result, 0}] = elements;
  if (info.reduces && schedule.getPacked())
    forgetColumns();
}

void RowGroupBody::forgetColumns() {
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
  ArrayRef<Value> elements = operands[0].values;
  SmallVector<Value> chains;
  for (auto [index, element] : llvm::enumerate(elements)) {
    Value size = math::AbsFOp::create(b, loc, element);
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
    if (schedule.getPacked())
      forgetColumns();
    Operand inputs = {Value(), read(of, RowAccess::Full)};
    emitElements(op, info, inputs, carried, 0, elements.size(), nullptr, none);
    known = outsideKnown;
    loaded = outsideLoaded;
    scf::YieldOp::create(b, loc, carried);
    b.setInsertionPointToStart(again.elseBlock());
    scf::YieldOp::create(b, loc, magnitude);
  }
  // Numbers that are not negative have the order of their bits, which a warp
  // compares at once.
  Value bits =
      arith::BitcastOp::create(b, loc, b.getI32Type(), again.getResult(0));
  auto most = arith::MaxUIOp::create(b, loc, bits, bits);
  bits = combineLanes(b, loc, kernel, bits, most.getOperation(),
                      schedule.getLanes())[0];
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

void RowGroupBody::emitElements(linalg::GenericOp op, const RowOp &info,
                                ArrayRef<Operand> operands,
                                SmallVectorImpl<Value> &carried, int64_t first,
                                int64_t end, RowQuotients *quotients,
                                Elements &results) {
  int64_t width = schedule.getVector();
  Elements shared(operands.size());
  for (int64_t i = first; i < end; ++i) {
    IRMapping mapping;
    for (auto [argument, operand, vector] :
         llvm::zip(op.getRegionInputArgs(), operands, shared)) {
      ArrayRef<Value> values = operand.values;
      if (operand.memref) {
        if (i == first || i % width == 0)
          vector = extractAll(b, loc,
                              loadVector(operand.memref, columns[i / width]));
        mapping.map(argument, vector[i % width]);
      } else if (!values.empty()) {
        mapping.map(argument, values.size() == 1 ? values[0] : values[i]);
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
    for (Operation &inner : op.getBody()->without_terminator())
      if (!quotients || !quotients->emit(b, inner, mapping))
        b.clone(inner, mapping);
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
      carried[out] =
          exists ? arith::SelectOp::create(b, loc, exists, next, carried[out])
                       .getResult()
                 : next;
    }
  }
}

void RowGroupBody::placeColumns() {
  int64_t lanes = schedule.getLanes(), width = schedule.getVector();
  int64_t vectors = plan.domain.columns / width;
  for (int64_t first = 0; first < vectors; first += lanes) {
    Value vector = add(lane, constant(first));
    Value exists;
    if (first + lanes > vectors) {
      exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, vector,
                                     constant(vectors));
      vector = arith::MinUIOp::create(b, loc, vector, constant(vectors - 1));
    }
    columns.push_back(mul(vector, width));
    inside.push_back(exists);
  }
}

void RowGroupBody::loadRow() {
  for (auto &[op, info] : plan.ops)
    for (OpOperand *input : linalg::GenericOp(op).getDpsInputOperands()) {
      RowAccess access = info.accesses[input->getOperandNumber()];
      if (access == RowAccess::Full &&
          !plan.isInside(skipUnitReshapes(input->get())) &&
          !linalg::GenericOp(op).getMatchingBlockArgument(input).use_empty())
        read(input->get(), access);
    }
}

Value RowGroupBody::countRows() {
  Value total = memref::DimOp::create(b, loc, outMemrefs[0], constant(0));
  return plan.isFull(0) ? arith::DivUIOp::create(b, loc, total,
                                                 constant(plan.domain.columns))
                              .getResult()
                        : total;
}

void RowGroupBody::prefetchRow() {
  if (!schedule.getPrefetch())
    return;
  Value ahead = add(row, constant(schedule.getPrefetch()));
  Value isThere = arith::AndIOp::create(
      b, loc,
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                            constant(0)),
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, ahead,
                            countRows()));
  auto guarded = scf::IfOp::create(b, loc, isThere, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(guarded.thenBlock()->getTerminator());
  for (Value value : plan.ins) {
    if (!plan.readsWhole(value))
      continue;
    Value memref = memrefs.lookup(value);
    auto type = cast<RankedTensorType>(value.getType());
    int64_t bytes = plan.domain.columns * type.getElementTypeBitWidth() / 8;
    Value address = arith::AddIOp::create(
        b, loc, memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref),
        mul(ahead, bytes));
    Value global = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1),
        arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address)
            .getResult());
    Value size = arith::ConstantOp::create(
        b, loc, b.getI32IntegerAttr(static_cast<int32_t>(bytes)));
    NVVM::CpAsyncBulkPrefetchOp::create(b, loc, global, size,
                                        /*l2CacheHint=*/Value());
  }
}

void RowGroupBody::emitRow() {
  for (auto &[op, info] : plan.ops)
    emitOp(op, info);

  Operation *yield = plan.group->getRegion(0).front().getTerminator();
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    Value memref = outMemrefs[index];
    ArrayRef<Value> elements = get(value);
    if (plan.isFull(index)) {
      storeColumns(memref, elements);
      continue;
    }
    Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          lane, constant(0));
    auto guarded = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(guarded.thenBlock()->getTerminator());
    memref::StoreOp::create(b, loc, elements[0], memref, row);
  }
}

void RowGroupBody::emit() {
  for (auto [index, value] : llvm::enumerate(plan.ins))
    memrefs[value] = flatten(kernel.getArgument(index));
  for (size_t i = 0; i < plan.outs.size(); ++i)
    outMemrefs.push_back(flatten(kernel.getArgument(plan.ins.size() + i)));
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  if (schedule.getWarps() > 1) {
    row = block;
    lane = thread;
  } else {
    lane = arith::RemUIOp::create(b, loc, thread, constant(32));
    row = add(mul(block, schedule.getRows()),
              arith::DivUIOp::create(b, loc, thread, constant(32)));
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row,
                                         countRows());
    auto guarded = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
    b.setInsertionPoint(guarded.thenBlock()->getTerminator());
  }
  placeColumns();
  loadRow();
  prefetchRow();
  emitRow();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

FailureOr<KernelCall> quantmlir::buildRowGroupKernel(RowGroupOp group,
                                                     KernelTable &table,
                                                     RewriterBase &rewriter) {
  RowGroupPlan plan;
  plan.group = group;
  if (failed(plan.collect()))
    return failure();
  RowScheduleAttr schedule = *group.getSchedule();
  KernelCall call;
  llvm::append_range(call.ins, plan.ins);
  call.outs = plan.outs;
  SmallVector<Type> parameters;
  for (Value value : llvm::concat<Value>(call.ins, call.outs)) {
    auto type = cast<RankedTensorType>(value.getType());
    parameters.push_back(
        MemRefType::get(type.getShape(), type.getElementType()));
  }
  FailureOr<gpu::GPUFuncOp> kernel = table.getOrBuild(
      group.getLoc(), "rows", parameters,
      [&](OpBuilder &builder, gpu::GPUFuncOp func) {
        func.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
            {static_cast<int32_t>(schedule.getThreads()), 1, 1}));
        // Without this, ptxas makes room for eight blocks an SM and spills.
        func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      builder.getI32IntegerAttr(schedule.getOccupancy()));
        RowGroupBody(plan, builder, func).emit();
        return success();
      });
  if (failed(kernel))
    return failure();
  Location loc = group.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  call.kernel = *kernel;
  call.grid = {plan.emitBlocks(rewriter, schedule.getRows()), constant(1),
               constant(1)};
  call.block = {schedule.getThreads(), 1, 1};
  return call;
}
