//===- HostFunction.cpp - Buffers and launches of a host function ---------===//

#include "HostFunction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/LaunchAttrs.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::QuantTensorDialect;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// MLIR's spelling of `type`, which is also the manifest's.
static std::string spell(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Refuses elements that the manifest has no name for: those without a size in
/// bytes that a caller could know.
static LogicalResult verifyElement(Location loc, MemRefType type) {
  Type element = type.getElementType();
  if (isa<Float8E4M3FNType, Float8E5M2Type, Float8E8M0FNUType, Float16Type,
          BFloat16Type, Float32Type, Float64Type>(element))
    return success();
  if (isa<IntegerType>(element) &&
      llvm::is_contained({1, 8, 16, 32, 64}, element.getIntOrFloatBitWidth()))
    return success();
  return emitError(loc) << "an artifact cannot have a buffer of " << element
                        << "; use i1, i8, i16, i32, i64 or a float type of 8, "
                           "16, 32 or 64 bits, or an encoded tensor of codes";
}

/// Refuses names that no manifest may hold; `what` has the name.
static LogicalResult verifyName(Location loc, const Twine &what,
                                StringRef name) {
  constexpr size_t maxSize = 256;
  bool hasControl = llvm::any_of(name, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!llvm::json::isUTF8(name) || hasControl)
    return emitError(loc) << what << " has a name that is no UTF-8 without "
                          << "control characters: "
                          << StringAttr::get(loc.getContext(), name);
  if (name.empty() || name.size() > maxSize)
    return emitError(loc) << what << " has a name of " << name.size()
                          << " bytes; an artifact's have 1 to " << maxSize;
  return success();
}

int64_t HostFunction::addBuffer(StringRef name, StringRef role, MemRefType type,
                                ArrayRef<Expression> shape) {
  buffers.push_back(llvm::json::Object{
      {"name", name.str()},
      {"role", role.str()},
      {"element", spell(type.getElementType())},
      {"shape", llvm::json::Array(shape)},
  });
  return buffers.size() - 1;
}

LogicalResult HostFunction::addArgument(BlockArgument argument) {
  auto type = dyn_cast<MemRefType>(argument.getType());
  // Scalars matter only where something depends on them.
  if (!type)
    return success();
  unsigned number = argument.getArgNumber();
  if (!type.getLayout().isIdentity())
    return func.emitError() << "argument #" << number << " of type " << type
                            << " is not contiguous";
  if (failed(verifyElement(argument.getLoc(), type)))
    return failure();
  Descriptor descriptor;
  descriptor.buffer = buffers.size();
  for (auto [axis, size] : llvm::enumerate(type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      descriptor.sizes.push_back(size);
      continue;
    }
    std::string name = "d" + std::to_string(dims.size());
    dims.push_back(llvm::json::Object{{"name", name},
                                      {"argument", descriptor.buffer},
                                      {"axis", static_cast<int64_t>(axis)},
                                      {"min", 0}});
    descriptor.sizes.push_back(name);
  }
  descriptor.strides = getRowMajorStrides(descriptor.sizes);

  auto prepared = func.getArgAttrOfType<IntegerAttr>(
      number, QuantTensorDialect::getPreparedAttrName());
  bool isWeight = static_cast<bool>(
      func.getArgAttr(number, QuantTensorDialect::getWeightAttrName()));
  std::string name = quant_tensor::getArgumentBufferName(func, number);
  if (failed(verifyName(func.getLoc(), "argument #" + Twine(number), name)))
    return failure();
  addBuffer(name,
            prepared   ? "prepared"
            : isWeight ? "weight"
                       : "input",
            type, descriptor.sizes);
  if (prepared)
    (*buffers.back().getAsObject())["from"] = prepared.getInt();
  descriptors[argument] = std::move(descriptor);
  return success();
}

LogicalResult HostFunction::addAllocation(Operation *op, Value value) {
  auto type = cast<MemRefType>(value.getType());
  if (failed(verifyElement(op->getLoc(), type)))
    return failure();
  auto sizes = op->getOperands().begin();
  Descriptor descriptor;
  for (int64_t size : type.getShape()) {
    if (!ShapedType::isDynamic(size)) {
      descriptor.sizes.push_back(size);
      continue;
    }
    FailureOr<Expression> dynamic = evaluate(*sizes++);
    if (failed(dynamic))
      return failure();
    descriptor.sizes.push_back(*dynamic);
  }
  descriptor.strides = getRowMajorStrides(descriptor.sizes);
  auto output = outputs.find(value);
  if (output != outputs.end()) {
    descriptor.buffer = output->second;
  } else {
    descriptor.buffer = addBuffer("tmp" + std::to_string(buffers.size()),
                                  "temporary", type, descriptor.sizes);
    if (auto alignment = op->getAttrOfType<IntegerAttr>("alignment"))
      (*buffers.back().getAsObject())["alignment"] = alignment.getInt();
  }
  descriptors[value] = std::move(descriptor);
  return success();
}

LogicalResult HostFunction::addOutputs(func::ReturnOp op) {
  for (auto [index, value] : llvm::enumerate(op.getOperands())) {
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type)
      return op.emitOpError() << "result #" << index << " of type "
                              << value.getType() << " is no buffer";
    Value root = value;
    while (auto view = root.getDefiningOp<ViewLikeOpInterface>())
      root = view.getViewSource();
    if (!root.getDefiningOp<memref::AllocOp>() ||
        !type.getLayout().isIdentity() ||
        !outputs.try_emplace(root, buffers.size()).second)
      return op.emitOpError()
             << "result #" << index << " is not an allocation of its own";
    std::string name = quant_tensor::getResultBufferName(func, index);
    // A prepare function names what it prepares after what it was.
    while (llvm::any_of(buffers, [&](const llvm::json::Value &buffer) {
      return buffer.getAsObject()->getString("name") == StringRef(name);
    }))
      name += ".prepared";
    if (failed(verifyName(func.getLoc(), "result #" + Twine(index), name)))
      return failure();
    addBuffer(name, "output", type, {});
  }
  return success();
}

LogicalResult HostFunction::addOutputShapes(func::ReturnOp op) {
  for (Value value : op.getOperands()) {
    FailureOr<Descriptor> result = describe(value);
    if (failed(result))
      return failure();
    // The caller sees the result's shape, which may be a reshape of what the
    // kernel writes.
    (*buffers[result->buffer].getAsObject())["shape"] =
        llvm::json::Array(result->sizes);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The constant that `value` is, or an error at `op`.
static FailureOr<int64_t> getConstant(Operation *op, Value value,
                                      StringRef what) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)))
    return op->emitOpError() << what << " is not a constant";
  return constant.getSExtValue();
}

LogicalResult HostFunction::addKernel(gpu::LaunchFuncOp op,
                                      llvm::json::Array parameters) {
  llvm::json::Array block, cluster;
  gpu::KernelDim3 threads = op.getBlockSizeOperandValues();
  for (Value value : {threads.x, threads.y, threads.z}) {
    FailureOr<int64_t> size = getConstant(op, value, "block size");
    if (failed(size))
      return failure();
    block.push_back(*size);
  }
  SmallVector<Value> clusterSizes;
  if (op.hasClusterSize()) {
    gpu::KernelDim3 sizes = op.getClusterSizeOperandValues();
    clusterSizes = {sizes.x, sizes.y, sizes.z};
  }
  for (Value value : clusterSizes) {
    FailureOr<int64_t> size = getConstant(op, value, "cluster size");
    if (failed(size))
      return failure();
    cluster.push_back(*size);
  }
  if (cluster.empty())
    cluster = llvm::json::Array{1, 1, 1};
  int64_t sharedMemory = 0;
  if (Value bytes = op.getDynamicSharedMemorySize()) {
    FailureOr<int64_t> size = getConstant(op, bytes, "dynamic shared memory");
    if (failed(size))
      return failure();
    sharedMemory = *size;
  }

  // Plain arithmetic in f32 unless the kernel says otherwise.
  llvm::json::Object contract{
      {"u_acc", 0x1p-24}, {"u_decode", 0.0}, {"offset", 0.0}};
  StringRef name = op.getKernelName().getValue();
  // That there is one, the module's verifier sees to.
  Operation *kernel =
      SymbolTable::lookupNearestSymbolFrom(op, op.getKernelAttr());
  if (Attribute attr = kernel->getAttr(quant_tile::contractAttrName)) {
    auto declared = dyn_cast<quant_tile::ContractAttr>(attr);
    if (!declared)
      return kernel->emitOpError()
             << quant_tile::contractAttrName
             << " must be a #quant_tile.contract, got " << attr;
    contract = llvm::json::Object{{"u_acc", declared.getUAcc()},
                                  {"u_decode", declared.getUDecode()},
                                  {"offset", declared.getOffset()}};
  }

  llvm::json::Object entry{
      {"name", name.str()},
      {"block", std::move(block)},
      {"cluster", std::move(cluster)},
      {"dynamic_shared_memory", sharedMemory},
      {"dependent_launch", op->hasAttr(quant_tile::dependentLaunchAttrName)},
      {"parameters", std::move(parameters)},
      {"contract", std::move(contract)},
  };
  auto [it, inserted] = kernels.insert({name, entry});
  if (!inserted && it->second != entry)
    return op.emitOpError() << "launches kernel '" << name
                            << "' in another way than an earlier launch";
  return success();
}

FailureOr<Expression> HostFunction::describe(quant_tile::TensorMapOp op) {
  FailureOr<Descriptor> memref = describe(op.getBuffer());
  if (failed(memref))
    return failure();
  if (memref->offset != Expression(0))
    return op.emitOpError() << "is of a part of a buffer, which a launch plan "
                               "cannot express";
  quant_tile::TensorMapAttr map = op.getMap();
  llvm::json::Array shape;
  if (map.getBox().size() > 2) {
    for (const Expression &size : memref->sizes)
      shape.push_back(size);
  } else {
    // A matrix: the last dimension, and all others together.
    Expression rows = 1;
    for (const Expression &size : ArrayRef(memref->sizes).drop_back())
      rows = makeExpression("mul", rows, size);
    shape = llvm::json::Array{rows, memref->sizes.back()};
  }
  return Expression(llvm::json::Object{
      {"buffer", memref->buffer},
      {"element",
       spell(cast<MemRefType>(op.getBuffer().getType()).getElementType())},
      {"shape", std::move(shape)},
      {"box", llvm::json::Array(map.getBox())},
      {"swizzle", map.getSwizzle()},
      {"l2_promotion", map.getL2Promotion()}});
}

LogicalResult HostFunction::addLaunch(gpu::LaunchFuncOp op,
                                      ArrayRef<Expression> conditions) {
  Step step;
  step.kernel = op.getKernelName().getValue();
  gpu::KernelDim3 blocks = op.getGridSizeOperandValues();
  for (Value value : {blocks.x, blocks.y, blocks.z}) {
    FailureOr<Expression> size = evaluate(value);
    if (failed(size))
      return failure();
    step.grid.push_back(*size);
  }
  llvm::json::Array parameters;
  auto pass = [&](StringRef kind, StringRef field, Expression value) {
    parameters.push_back(kind);
    step.arguments.push_back({field, std::move(value)});
  };
  for (Value operand : op.getKernelOperands()) {
    Type type = operand.getType();
    if (isa<MemRefType>(type)) {
      // MLIR's memref descriptor, flattened.
      FailureOr<Descriptor> memref = describe(operand);
      if (failed(memref))
        return failure();
      pass("pointer", "buffer", memref->buffer);
      pass("pointer", "buffer", memref->buffer);
      pass("i64", "i64", memref->offset);
      for (const Expression &size : memref->sizes)
        pass("i64", "i64", size);
      for (const Expression &stride : memref->strides)
        pass("i64", "i64", stride);
      continue;
    }
    if (auto map = operand.getDefiningOp<quant_tile::TensorMapOp>()) {
      FailureOr<Expression> description = describe(map);
      if (failed(description))
        return failure();
      pass("tensor_map", "tensor_map", *description);
      continue;
    }
    if (!type.isIndex() && !type.isInteger(64) && !type.isInteger(32))
      return op.emitOpError()
             << "passes a " << type << ", which a launch plan cannot express";
    FailureOr<Expression> value = evaluate(operand);
    if (failed(value))
      return failure();
    StringRef kind = type.isInteger(32) ? "i32" : "i64";
    pass(kind, kind, *value);
  }
  if (failed(addKernel(op, std::move(parameters))))
    return failure();
  if (!conditions.empty()) {
    Expression when = conditions.front();
    for (const Expression &condition : conditions.drop_front())
      when = makeExpression("and", std::move(when), condition);
    step.when = std::move(when);
  }
  steps.push_back(std::move(step));
  return success();
}

//===----------------------------------------------------------------------===//
// Requirements
//===----------------------------------------------------------------------===//

void HostFunction::addRequirement(Expression condition) {
  // What is known to hold needs no check.
  if (condition != Expression(1) &&
      !llvm::is_contained(requirements, condition))
    requirements.push_back(std::move(condition));
}

LogicalResult HostFunction::addAssertion(cf::AssertOp op) {
  FailureOr<Expression> condition = evaluate(op.getArg());
  if (failed(condition))
    return failure();
  if (*condition == Expression(0))
    return op.emitOpError() << "never holds: " << op.getMsg();
  addRequirement(*condition);
  return success();
}

void HostFunction::joinRequirements(const Expression &condition,
                                    ArrayRef<Expression> inThen,
                                    ArrayRef<Expression> inElse) {
  // What both branches require holds always.
  Expression negation = makeNegation(condition);
  for (const Expression &requirement : inThen) {
    if (llvm::is_contained(inElse, requirement))
      addRequirement(requirement);
    else if (!implies(condition, requirement))
      addRequirement(makeExpression("or", negation, requirement));
  }
  for (const Expression &requirement : inElse)
    if (!llvm::is_contained(inThen, requirement) &&
        !implies(negation, requirement))
      addRequirement(makeExpression("or", condition, requirement));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

LogicalResult HostFunction::addBody(Block &block,
                                    ArrayRef<Expression> conditions) {
  for (Operation &op : block) {
    if (isa<memref::AllocOp, memref::AllocaOp>(op)) {
      if (failed(addAllocation(&op, op.getResult(0))))
        return failure();
    } else if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op)) {
      if (failed(addLaunch(launch, conditions)))
        return failure();
    } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
      if (failed(addAssertion(assertion)))
        return failure();
    } else if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
      if (ifOp.getNumResults() > 0)
        return ifOp.emitOpError()
               << "chooses between buffers, which a launch plan cannot express";
      FailureOr<Expression> condition = evaluate(ifOp.getCondition());
      if (failed(condition))
        return failure();
      auto with = [&](Expression inner) {
        SmallVector<Expression> all(conditions);
        addCondition(all, std::move(inner));
        return all;
      };
      SmallVector<Expression> outside = std::exchange(requirements, {});
      if (failed(addBody(*ifOp.thenBlock(), with(*condition))))
        return failure();
      SmallVector<Expression> inThen = std::exchange(requirements, {});
      if (ifOp.elseBlock() &&
          failed(addBody(*ifOp.elseBlock(), with(makeNegation(*condition)))))
        return failure();
      SmallVector<Expression> inElse =
          std::exchange(requirements, std::move(outside));
      joinRequirements(*condition, inThen, inElse);
    } else if (isa<memref::LoadOp>(op)) {
      return op.emitOpError()
             << "reads device memory for a size or a condition of the host, "
                "which a launch plan cannot; take it from an argument's shape";
    } else if (auto call = dyn_cast<func::CallOp>(op)) {
      return call.emitOpError()
             << "of @" << call.getCallee()
             << " was not inlined, as what has no body or calls itself cannot "
                "be; a launch plan has no calls";
    } else if (!isa<memref::DeallocOp, scf::YieldOp, func::ReturnOp>(op) &&
               !isMemoryEffectFree(&op)) {
      return op.emitOpError() << "cannot be part of a launch plan";
    }
    // Arithmetic and views are read where they are used.
  }
  return success();
}

void HostFunction::write(llvm::json::OStream &json, const Step &step) {
  json.object([&] {
    json.attributeArray("arguments", [&] {
      for (const auto &[field, value] : step.arguments)
        json.object([&, &field = field, &value = value] {
          json.attribute(field, value);
        });
    });
    json.attribute("grid", llvm::json::Array(step.grid));
    json.attribute("launch", step.kernel);
    if (step.when)
      json.attribute("when", *step.when);
  });
}

LogicalResult HostFunction::emit(llvm::json::OStream &json) {
  if (!func.getBody().hasOneBlock())
    return func.emitError() << "has control flow between blocks";
  if (failed(verifyName(func.getLoc(), "the function", func.getName())))
    return failure();
  auto prepare = func->getAttrOfType<FlatSymbolRefAttr>(
      QuantTensorDialect::getPrepareAttrName());
  if (prepare &&
      !SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(func, prepare))
    return func.emitError()
           << "is prepared by " << prepare << ", which is not there";
  for (BlockArgument argument : func.getArguments())
    if (failed(addArgument(argument)))
      return failure();
  // Outputs stand in the order of the results, whatever the order in which they
  // are computed: a prepared buffer refers to the n-th of them.
  auto end = cast<func::ReturnOp>(func.getBody().front().getTerminator());
  if (failed(addOutputs(end)) || failed(addBody(func.getBody().front(), {})) ||
      failed(addOutputShapes(end)))
    return failure();
  json.object([&] {
    json.attribute("buffers", std::move(buffers));
    json.attribute("dims", std::move(dims));
    json.attribute("name", func.getName());
    if (prepare)
      json.attribute("prepare", prepare.getValue());
    if (!requirements.empty())
      json.attribute("requires", llvm::json::Array(requirements));
    json.attributeArray("steps", [&] {
      for (const Step &step : steps)
        write(json, step);
    });
  });
  return success();
}
