//===- ArrayIO.h - Arrays in .npy, .npz and safetensors files ---*- C++ -*-===//
//
// Reads and writes the tensor files that people have. Files are untrusted:
// every offset, size and checksum is verified before it is used, and an error
// says what is wrong with the file. Independent of MLIR and of the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_RUNTIME_ARRAYIO_H
#define QUANTMLIR_RUNTIME_ARRAYIO_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quantmlir::io {

/// Bytes and what keeps them alive: a mapped file, or memory of their own.
struct Bytes {
  std::shared_ptr<const void> owner;
  const uint8_t *data = nullptr;
  size_t size = 0;

  /// A part of these bytes; the caller has checked that it lies inside.
  Bytes slice(size_t offset, size_t length) const {
    return {owner, data + offset, length};
  }
  /// Zero-initialized memory; `writable` is where to fill it.
  static Bytes allocate(size_t size, uint8_t *&writable);
  /// The same for sizes that somebody else chose: false where there is not that
  /// much.
  static bool tryAllocate(size_t size, uint8_t *&writable, Bytes &bytes);
};

/// Maps a file read-only. Do not truncate it while arrays refer to it.
bool mapFile(const std::string &path, Bytes &bytes, std::string &error);

/// A dense row-major little-endian array. `data` may be unaligned.
struct Array {
  /// MLIR's spelling, one of getElementBytes's types.
  std::string element;
  std::vector<int64_t> shape;
  Bytes data;
};
using ArrayMap = std::map<std::string, Array>;
/// What a safetensors file says beside its tensors: its `__metadata__`.
using Metadata = std::map<std::string, std::string>;
/// Arrays of a file that there is no type for, such as strings or Python's
/// objects: why each was passed over, by its name.
using Unreadable = std::map<std::string, std::string>;

/// Bytes of an element of a type spelled as in MLIR: i1 (one byte), i8 to i64,
/// ui8 to ui64, f16, bf16, f32, f64, f8E4M3FN, f8E5M2, f8E8M0FNU; else 0.
size_t getElementBytes(std::string_view element);
/// "4x8xbf16".
std::string describe(const Array &array);

/// Parsers over bytes in memory. Each returns false and sets `error`; the
/// result then is unspecified. The arrays share the bytes where they can.
///
/// A .npy array of Fortran order is brought into row-major order. `V1` and `V2`
/// (what NumPy makes of ml_dtypes' types) are read as ui8 and ui16.
bool parseNpy(const Bytes &bytes, Array &array, std::string &error);
/// Stored and deflated entries; checksums are verified. An entry that is no
/// array for us goes to `unreadable`; without one it is an error.
bool parseNpz(const Bytes &bytes, ArrayMap &arrays, std::string &error,
              Unreadable *unreadable = nullptr);
/// `metadata`, where asked for, is empty for a file without any.
bool parseSafetensors(const Bytes &bytes, ArrayMap &arrays, std::string &error,
                      Metadata *metadata = nullptr);

/// Reads one array from an .npy.
bool readNpy(const std::string &path, Array &array, std::string &error);
/// Reads .npz (which has no metadata) or .safetensors, by the file's name.
bool readArrays(const std::string &path, ArrayMap &arrays, std::string &error,
                Metadata *metadata = nullptr, Unreadable *unreadable = nullptr);

/// Writers make the file beside its place and rename it, so that a reader never
/// sees half of one. They write to where a symbolic link leads, and replace
/// nothing but regular files. NumPy's formats have no bf16 and f8: convert or
/// reinterpret first.
bool writeNpy(const std::string &path, const Array &array, std::string &error);
/// Writes .npz (stored entries) or .safetensors, by the file's name. Metadata
/// for an .npz is an error.
bool writeArrays(const std::string &path, const ArrayMap &arrays,
                 std::string &error, const Metadata &metadata = {});

/// Converts the elements. Floats round to nearest even; an integer that the
/// target cannot hold, or a fraction for an integer target, is an error.
bool convertElements(const Array &array, std::string_view element,
                     Array &result, std::string &error);
/// Takes the same bytes for elements of another type of the same size.
bool reinterpretElements(const Array &array, std::string_view element,
                         Array &result, std::string &error);

} // namespace quantmlir::io

#endif // QUANTMLIR_RUNTIME_ARRAYIO_H
