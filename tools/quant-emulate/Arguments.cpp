//===- Arguments.cpp - Kernel arguments from text -------------------------===//

#include "Arguments.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace quantmlir::emulator;
using llvm::APFloat;
using llvm::StringRef;

static llvm::Error makeError(StringRef text, const llvm::Twine &why) {
  return llvm::createStringError("argument '" + text + "': " + why);
}

static unsigned getByteWidth(StringRef type) {
  return llvm::StringSwitch<unsigned>(type)
      .Case("i8", 1)
      .Cases({"i16", "f16", "bf16"}, 2)
      .Cases({"i32", "f32"}, 4)
      .Case("i64", 8)
      .Default(0);
}

static const llvm::fltSemantics *getFloat(StringRef type) {
  if (type == "f16")
    return &APFloat::IEEEhalf();
  if (type == "bf16")
    return &APFloat::BFloat();
  if (type == "f32")
    return &APFloat::IEEEsingle();
  return nullptr;
}

static uint64_t encode(StringRef type, uint64_t value) {
  if (const llvm::fltSemantics *semantics = getFloat(type)) {
    APFloat number(*semantics);
    number.convertFromAPInt(llvm::APInt(64, value), false,
                            APFloat::rmNearestTiesToEven);
    return number.bitcastToAPInt().getZExtValue();
  }
  return value;
}

static std::optional<llvm::SmallVector<int64_t>> parseShape(StringRef text) {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<StringRef> extents;
  text.split(extents, 'x');
  for (StringRef extent : extents) {
    int64_t size;
    if (extent.getAsInteger(10, size) || size < 0)
      return std::nullopt;
    shape.push_back(size);
  }
  return shape;
}

llvm::Error Arguments::addTensorMap(StringRef text,
                                    llvm::ArrayRef<StringRef> words) {
  unsigned number, swizzle;
  if (words.size() < 6 || words.size() > 7 ||
      words[1].getAsInteger(10, number) || number >= bits.size() ||
      words[5].getAsInteger(10, swizzle))
    return makeError(text, "expected 'tensor_map NUMBER TYPE SHAPE BOX "
                           "SWIZZLE [STRIDES]'");
  TensorMap map;
  // CUtensorMapDataType.
  map.dataType = llvm::StringSwitch<int>(words[2])
                     .Case("i8", 0)
                     .Case("i16", 1)
                     .Case("i32", 3)
                     .Case("i64", 5)
                     .Case("f16", 6)
                     .Case("f32", 7)
                     .Case("bf16", 9)
                     .Default(-1);
  auto shape = parseShape(words[3]), box = parseShape(words[4]);
  if (map.dataType < 0 || !shape || !box || shape->size() != box->size() ||
      shape->size() > TensorMap::maxRank)
    return makeError(text, "unknown type, or shape and box are not alike");
  auto strides = words.size() == 7 ? parseShape(words[6]) : shape;
  if (!strides || (words.size() == 7 && strides->size() + 1 != shape->size()))
    return makeError(text, "a stride is of each dimension but the last");
  map.address = bits[number];
  map.rank = shape->size();
  uint64_t stride = map.getElementBytes();
  for (unsigned d = 0; d < map.rank; ++d) {
    map.sizes[d] = (*shape)[map.rank - 1 - d];
    map.box[d] = (*box)[map.rank - 1 - d];
    map.strides[d] = stride;
    // Given strides are those of the next dimension outwards.
    stride = words.size() == 7 && d + 1 < map.rank
                 ? (*strides)[map.rank - 2 - d]
                 : stride * map.sizes[d];
  }
  map.swizzle = swizzle ? llvm::Log2_32(swizzle / 16) : 0;
  maps.push_back(std::make_unique<std::array<char, TensorMap::encodedBytes>>());
  map.encode(maps.back()->data());
  bits.push_back(reinterpret_cast<uint64_t>(maps.back()->data()));
  return llvm::Error::success();
}

llvm::Error Arguments::add(StringRef text, Emulator &emulator) {
  llvm::SmallVector<StringRef> words;
  text.split(words, ' ', -1, /*KeepEmpty=*/false);
  if (words.size() == 2 && words[0] == "i64") {
    int64_t value;
    if (words[1].getAsInteger(0, value))
      return makeError(text, "not an integer");
    bits.push_back(value);
    return llvm::Error::success();
  }
  if (!words.empty() && words[0] == "tensor_map")
    return addTensorMap(text, words);
  bool isMemref = !words.empty() && words[0] == "memref";
  if (isMemref)
    words.erase(words.begin());
  if (words.size() < 3 || words.size() > 4)
    return makeError(text, "expected 'i64 VALUE' or '[memref] ROLE TYPE SHAPE "
                           "[CONTENTS]'");
  auto role = llvm::StringSwitch<std::optional<BufferRole>>(words[0])
                  .Case("in", BufferRole::Input)
                  .Case("inout", BufferRole::InOut)
                  .Case("out", BufferRole::Output)
                  .Case("tmp", BufferRole::Temporary)
                  .Case("const", BufferRole::Constant)
                  .Default(std::nullopt);
  unsigned width = getByteWidth(words[1]);
  if (!role || !width)
    return makeError(text, "unknown role or type");
  auto parsed = parseShape(words[2]);
  if (!parsed)
    return makeError(text, "the shape is not like 4x64");
  const llvm::SmallVector<int64_t> &shape = *parsed;
  // As many bytes as a kernel that is run on the CPU has a use for.
  constexpr int64_t mostBytes = int64_t(1) << 32;
  int64_t count = 1;
  for (int64_t size : shape)
    if (llvm::MulOverflow(count, size, count) || count > mostBytes / width)
      return makeError(text, "more than " + llvm::Twine(mostBytes) + " bytes");

  auto storage = std::make_unique<Storage>();
  storage->name = "arg" + std::to_string(storages.size());
  storage->type = words[1].str();
  storage->role = *role;
  storage->bytes.assign(count * width, 0);
  StringRef contents = words.size() == 4 ? words[3] : "zeros";
  if (contents.consume_front("file=")) {
    storage->file = contents.str();
    if (isReadOnly(*role) || *role == BufferRole::InOut) {
      // A device may have no end.
      llvm::sys::fs::file_status status;
      if (std::error_code error = llvm::sys::fs::status(contents, status))
        return makeError(text, error.message());
      if (!llvm::sys::fs::is_regular_file(status))
        return makeError(text, "not a regular file");
      auto file = llvm::MemoryBuffer::getFile(contents);
      if (!file)
        return makeError(text, file.getError().message());
      if ((*file)->getBufferSize() != storage->bytes.size())
        return makeError(text, "the file has another size");
      llvm::copy((*file)->getBuffer(), storage->bytes.begin());
    }
  } else if (contents == "iota" || contents == "ones") {
    for (int64_t i = 0; i < count; ++i) {
      uint64_t value = encode(words[1], contents == "iota" ? i : 1);
      std::memcpy(storage->bytes.data() + i * width, &value, width);
    }
  } else if (contents != "zeros") {
    return makeError(text, "unknown contents");
  }

  uint64_t address = emulator.getMemory().registerBuffer(
      storage->name, storage->bytes, *role, width);
  bits.push_back(address);
  if (isMemref) {
    bits.append({address, 0});
    bits.append(shape.begin(), shape.end());
    llvm::SmallVector<uint64_t> strides(shape.size(), 1);
    for (size_t d = shape.size(); d-- > 1;)
      strides[d - 1] = strides[d] * shape[d];
    bits.append(strides.begin(), strides.end());
  }
  storages.push_back(std::move(storage));
  return llvm::Error::success();
}

void Arguments::print(llvm::raw_ostream &os) const {
  for (const auto &storage : storages) {
    if (isReadOnly(storage->role))
      continue;
    os << storage->name << ":";
    unsigned width = getByteWidth(storage->type);
    const llvm::fltSemantics *semantics = getFloat(storage->type);
    for (size_t at = 0; at < storage->bytes.size(); at += width) {
      uint64_t value = 0;
      std::memcpy(&value, storage->bytes.data() + at, width);
      os << ' ';
      if (semantics) {
        llvm::SmallString<16> digits;
        APFloat(*semantics, llvm::APInt(8 * width, value)).toString(digits);
        os << digits;
      } else {
        os << llvm::SignExtend64(value, 8 * width);
      }
    }
    os << '\n';
  }
}

llvm::Error Arguments::writeFiles() const {
  for (const auto &storage : storages) {
    if (storage->file.empty() || isReadOnly(storage->role))
      continue;
    std::error_code error;
    llvm::raw_fd_ostream os(storage->file, error);
    if (error)
      return makeError(storage->file, error.message());
    os.write(storage->bytes.data(), storage->bytes.size());
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<std::string>>
quantmlir::emulator::readLaunch(mlir::DictionaryAttr launch,
                                LaunchShape &shape) {
  auto set = [&](StringRef name, std::array<uint32_t, 3> &sizes) {
    auto array = launch.getAs<mlir::DenseI64ArrayAttr>(name);
    if (!array)
      return true;
    if (array.size() > 3)
      return false;
    for (auto [index, size] : llvm::enumerate(array.asArrayRef())) {
      if (size < 0 || size > INT32_MAX)
        return false;
      sizes[index] = size;
    }
    return true;
  };
  auto texts = launch.getAs<mlir::ArrayAttr>("arguments");
  if (!set("grid", shape.grid) || !set("block", shape.block) ||
      !set("cluster", shape.cluster) || !texts)
    return llvm::createStringError(
        "emulate.launch wants up to three sizes in each of grid, block and "
        "cluster, and arguments");
  if (auto bytes = launch.getAs<mlir::IntegerAttr>("dynamic_shared_memory")) {
    if (!bytes.getValue().isIntN(31))
      return llvm::createStringError(
          "emulate.launch: dynamic_shared_memory wants a number of bytes");
    shape.dynamicSharedMemory = bytes.getValue().getZExtValue();
  }
  std::vector<std::string> arguments;
  for (auto text : texts.getAsRange<mlir::StringAttr>())
    arguments.push_back(text.str());
  return arguments;
}
