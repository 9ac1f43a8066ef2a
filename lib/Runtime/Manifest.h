//===- Manifest.h - What an artifact says about itself ----------*- C++ -*-===//
//
// The validated, in-memory form of manifest.json, version 1. parseManifest is
// the only way to make one, so its users rely on every index being in range,
// every kernel argument matching its parameter, and every expression using only
// dimensions of its function.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_MANIFEST_H
#define QUANTMLIR_LIB_RUNTIME_MANIFEST_H

#include "Expression.h"
#include "Status.h"

#include <optional>
#include <string>
#include <vector>

namespace quantmlir::runtime {

/// An element type by MLIR's spelling, and the bytes one takes in memory.
struct ElementType {
  const char *name;
  uint32_t bytes;
  /// CUtensorMapDataType, or -1 where the tensor-map unit has no such type.
  int tensorMapType;
};
/// The element type spelled `name`, or null.
const ElementType *findElementType(std::string_view name);

/// A file of the artifact, relative to its directory.
struct FileEntry {
  std::string file;
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
};

enum class ImageKind : uint8_t { PTX, Cubin };
struct Image : FileEntry {
  ImageKind kind = ImageKind::PTX;
};

enum class ParameterKind : uint8_t { Pointer, I32, I64, TensorMap };
/// Spelling in the manifest.
const char *getParameterKindName(ParameterKind kind);
/// Size and alignment in the kernel's parameter space.
uint32_t getParameterBytes(ParameterKind kind);
uint32_t getParameterAlignment(ParameterKind kind);

struct Kernel {
  /// Bytes of parameters that every PTX version allows.
  static constexpr uint32_t maxParameterBytes = 4096;
  static constexpr uint32_t maxParameters = maxParameterBytes / 4;

  std::string name;
  uint32_t block[3] = {1, 1, 1};
  uint32_t cluster[3] = {1, 1, 1};
  uint32_t dynamicSharedMemory = 0;
  bool dependentLaunch = false;
  std::vector<ParameterKind> parameters;
  double uAcc = 0, uDecode = 0, offset = 0;

  bool hasCluster() const {
    return cluster[0] != 1 || cluster[1] != 1 || cluster[2] != 1;
  }
};

struct Dim {
  std::string name;
  uint32_t buffer = 0;
  uint32_t axis = 0;
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

struct Buffer {
  std::string name;
  QuantmlirRtRole role = QUANTMLIR_RT_INPUT;
  const ElementType *element = nullptr;
  std::vector<Expression> shape;
  uint32_t alignment = 1;
  /// Which output of the prepare function, for QUANTMLIR_RT_PREPARED.
  uint32_t from = 0;
};

/// A tiled tensor map over a buffer, as cuTensorMapEncodeTiled makes it. All
/// lists run from the outermost to the innermost dimension, like a shape.
struct TensorMap {
  uint32_t buffer = 0;
  const ElementType *element = nullptr;
  /// Elements; the buffer's shape unless given.
  std::vector<Expression> shape;
  /// Elements; row-major unless given. The innermost is 1.
  std::vector<Expression> strides;
  std::vector<uint32_t> box;
  /// Bytes: 0, 32, 64 or 128.
  uint32_t swizzle = 0;
  /// Bytes: 0, 64, 128 or 256.
  uint32_t l2Promotion = 0;
};

struct Argument {
  ParameterKind kind = ParameterKind::Pointer;
  /// The buffer of a pointer; the index into Step::tensorMaps of a tensor map.
  uint32_t index = 0;
  /// The value of an I32 or I64.
  Expression value;
};

struct Step {
  uint32_t kernel = 0;
  Expression grid[3];
  std::vector<Argument> arguments;
  std::vector<TensorMap> tensorMaps;
  std::optional<Expression> when;
};

/// What must hold of a function's dimensions, because its kernels read several
/// buffers at the same places and check none of them.
struct Requirement {
  Expression condition;
  /// The condition as the manifest spells it, for messages.
  std::string text;
};

struct Function {
  std::string name;
  std::optional<uint32_t> prepare;
  std::vector<Dim> dims;
  std::vector<Requirement> requirements;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
};

struct Manifest {
  std::string producer;
  std::string chip;
  std::vector<Image> images;
  std::optional<FileEntry> reference;
  /// The kernels as MLIR, which an emulator runs.
  std::optional<FileEntry> kernelsIR;
  /// Values of weights that the program brings along, as safetensors.
  std::optional<FileEntry> constants;
  std::vector<Kernel> kernels;
  std::vector<Function> functions;
};

/// Reads and validates manifest.json. Messages say where in the document the
/// trouble is: "functions[0].steps[2].grid[1]: unknown dimension 'd1'".
Status parseManifest(std::string_view json, Manifest &manifest);

/// Reads one expression on its own (see Expression) over the given dimensions.
Status parseExpression(std::string_view json,
                       const std::vector<std::string> &dims,
                       Expression &expression);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_MANIFEST_H
