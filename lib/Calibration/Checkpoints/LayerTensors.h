//===- LayerTensors.h - The tensors of one layer, checked -------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_CHECKPOINTS_LAYERTENSORS_H
#define QUANTMLIR_LIB_CALIBRATION_CHECKPOINTS_LAYERTENSORS_H

#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

#include <cstring>

namespace quantmlir::calibration {

llvm::Error makeError(const llvm::Twine &message);

/// A matrix of a layer; the error names the suffix and says what is wrong.
/// `element` empty: any type of scales. An extent of -1 may be anything.
llvm::Expected<const io::Array *>
getMatrix(const io::ArrayMap &tensors, llvm::StringRef suffix,
          llvm::StringRef element, int64_t rows = -1, int64_t columns = -1);

/// The elements of an array of exactly this element type.
template <typename T> std::vector<T> getElements(const io::Array &array) {
  std::vector<T> elements(array.data.size / sizeof(T));
  if (!elements.empty())
    std::memcpy(elements.data(), array.data.data, array.data.size);
  return elements;
}

template <typename T>
io::Array makeArray(llvm::StringRef element, std::vector<int64_t> shape,
                    llvm::ArrayRef<T> elements) {
  uint8_t *target = nullptr;
  io::Array array{element.str(), std::move(shape),
                  io::Bytes::allocate(elements.size() * sizeof(T), target)};
  if (!elements.empty())
    std::memcpy(target, elements.data(), elements.size() * sizeof(T));
  return array;
}

/// Scales of any of their types, of the tensor `suffix`, as f32. None is NaN or
/// infinite.
llvm::Expected<std::vector<float>> getScales(const io::Array &array,
                                             llvm::StringRef suffix);
std::optional<ScaleKind> getScaleKind(llvm::StringRef element);
/// R×C to C×R.
std::vector<float> transpose(llvm::ArrayRef<float> elements, int64_t rows,
                             int64_t columns);

/// The extent of K's groups as a block's, 0 for one group. Fails where `groups`
/// groups of one size do not make K.
llvm::Expected<int64_t> getGroupExtent(int64_t columns, int64_t groups);

/// Groups of columns as an index of them says.
struct ColumnGroups {
  /// Columns of a group, as a block's extent: 0 for one group of all.
  int64_t extent;
  /// The group of each column; empty where groups are runs of columns.
  std::vector<int32_t> index;
};

/// Reads the tensor `suffix`, which puts each of `columns` columns into one of
/// `groups` groups of one size (the last one may be smaller). Fails, with the
/// column or group, where it does not. Where there is none, or it is -1
/// everywhere, groups are runs of columns.
llvm::Expected<ColumnGroups> readGroupIndex(const io::ArrayMap &tensors,
                                            llvm::StringRef suffix,
                                            int64_t columns, int64_t groups);

/// Checks that every scale of a format of groups belongs to one row.
llvm::Error checkRowGroups(const LayerWeights &weights,
                           CheckpointFormat format);

llvm::Expected<LayerWeights>
readWords(CheckpointFormat format, const io::ArrayMap &tensors, unsigned bits);
llvm::Expected<io::ArrayMap> writeWords(CheckpointFormat format,
                                        const LayerWeights &weights);
llvm::Expected<LayerWeights> readCompressed(CheckpointFormat format,
                                            const io::ArrayMap &tensors,
                                            unsigned bits);
llvm::Expected<io::ArrayMap> writeCompressed(CheckpointFormat format,
                                             const LayerWeights &weights);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_CHECKPOINTS_LAYERTENSORS_H
