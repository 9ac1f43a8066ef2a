//===- Constants.cpp - Weights that the program brings along --------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Target/PTX/Manifest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::QuantTensorDialect;

/// The elements of `value`, row-major and little-endian; none where an element
/// is no whole number of bytes.
static std::optional<ArrayRef<char>> getBytes(ElementsAttr value) {
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    if (dense.isSplat() && dense.getNumElements() != 1)
      return std::nullopt;
    return dense.getRawData();
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  if (AsmResourceBlob *blob =
          resource ? resource.getRawHandle().getBlob() : nullptr)
    return blob->getData();
  return std::nullopt;
}

/// What safetensors calls `type`; empty where it has no name for it.
static std::string getDtype(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    if (!llvm::is_contained({8, 16, 32, 64}, integer.getWidth()))
      return {};
    return (integer.isUnsigned() ? "U" : "I") +
           std::to_string(integer.getWidth());
  }
  if (type.isBF16())
    return "BF16";
  if (isa<Float16Type, Float32Type, Float64Type>(type))
    return "F" + std::to_string(type.getIntOrFloatBitWidth());
  if (isa<Float8E4M3FNType>(type))
    return "F8_E4M3";
  if (isa<Float8E5M2Type>(type))
    return "F8_E5M2";
  if (isa<Float8E8M0FNUType>(type))
    return "F8_E8M0";
  return {};
}

FailureOr<ArtifactFile> quantmlir::buildConstants(ModuleOp module) {
  // Equal constants have one name, and a prepare function has those of its
  // function.
  llvm::MapVector<StringAttr, ElementsAttr> constants;
  for (auto function : module.getOps<func::FuncOp>())
    for (unsigned i = 0, e = function.getNumArguments(); i != e; ++i) {
      auto value = function.getArgAttrOfType<ElementsAttr>(
          i, QuantTensorDialect::getConstantAttrName());
      auto name = function.getArgAttrOfType<StringAttr>(
          i, QuantTensorDialect::getNameAttrName());
      if (!value)
        continue;
      if (!name)
        return function.emitOpError()
               << "argument #" << i << " is a constant without a name";
      auto [it, isNew] = constants.insert({name, value});
      if (!isNew && it->second != value)
        return function.emitOpError() << "argument #" << i << ": another "
                                      << "constant has the name " << name;
    }

  ArtifactFile file{"", "constants.safetensors", ""};
  if (constants.empty())
    return file;
  llvm::json::Object header;
  std::string data;
  for (auto [name, value] : constants) {
    std::optional<ArrayRef<char>> bytes = getBytes(value);
    std::string dtype = getDtype(value.getElementType());
    if (!bytes || dtype.empty())
      return module.emitError() << "constant " << name << " of type "
                                << value.getType() << " cannot be written";
    int64_t start = data.size();
    data.append(bytes->begin(), bytes->end());
    header[name.getValue()] = llvm::json::Object{
        {"dtype", dtype},
        {"shape", llvm::json::Array(value.getShapedType().getShape())},
        {"data_offsets",
         llvm::json::Array{start, static_cast<int64_t>(data.size())}}};
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(header));
  text.append(-text.size() % 8, ' ');
  char length[8];
  llvm::support::endian::write64le(length, text.size());
  file.contents.assign(length, 8);
  file.contents += text;
  file.contents += data;
  return file;
}
