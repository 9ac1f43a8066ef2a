//===- TensorMap.cpp - Sizes of a tensor map at fixed dimensions ----------===//

#include "TensorMap.h"
#include "Checked.h"

using namespace quantmlir::runtime;

/// The driver's enumerations count the modes: 0, 32, 64, 128 bytes of swizzle
/// and 0, 64, 128, 256 bytes of L2 promotion.
static int encodeMode(uint32_t bytes, uint32_t first) {
  int mode = 0;
  for (uint32_t size = first; bytes >= size; size *= 2)
    ++mode;
  return mode;
}

Status
quantmlir::runtime::describeTensorMap(const TensorMap &map, const int64_t *dims,
                                      uint64_t bufferBytes,
                                      TensorMapDescription &description) {
  uint32_t rank = map.shape.size();
  uint64_t elementBytes = map.element->bytes;
  TensorMapDescription result;
  result.rank = rank;
  result.dataType = map.element->tensorMapType;
  result.swizzle = encodeMode(map.swizzle, 32);
  result.l2Promotion = encodeMode(map.l2Promotion, 64);

  // From the innermost dimension outwards; `rowMajor` is the stride in bytes of
  // a dense tensor.
  uint64_t rowMajor = elementBytes;
  uint64_t lastByte = elementBytes;
  for (uint32_t i = 0; i < rank; ++i) {
    size_t axis = rank - 1 - i;
    int64_t size = 0;
    if (const char *why = map.shape[axis].evaluate(dims, size))
      return invalidArgument("size ", axis, " of the tensor map: ", why);
    if (size < 1 || size > (int64_t(1) << 32))
      return invalidArgument("size ", axis, " of the tensor map is ", size,
                             ", not 1 to 2^32");
    uint64_t stride = rowMajor;
    if (!map.strides.empty() && i != 0) {
      int64_t elements = 0;
      if (const char *why = map.strides[axis].evaluate(dims, elements))
        return invalidArgument("stride ", axis, " of the tensor map: ", why);
      if (elements < 0 || !checkedMul<uint64_t>(elements, elementBytes, stride))
        return invalidArgument("stride ", axis, " of the tensor map is ",
                               elements);
    }
    if (i != 0 && (stride % 16 != 0 || stride >= (uint64_t(1) << 40)))
      return invalidArgument("stride ", axis, " of the tensor map is ", stride,
                             " bytes, not a multiple of 16 below 2^40");
    uint64_t span = 0;
    if (!checkedMul<uint64_t>(size, stride, rowMajor) ||
        !checkedMul<uint64_t>(size - 1, stride, span) ||
        !checkedAdd(lastByte, span, lastByte))
      return invalidArgument("the tensor map's extent overflows 64 bits");
    result.sizes[i] = static_cast<uint64_t>(size);
    result.strides[i] = stride;
    result.box[i] = map.box[axis];
    result.elementStrides[i] = 1;
  }
  if (lastByte > bufferBytes)
    return invalidArgument("the tensor map spans ", lastByte,
                           " bytes of a buffer of ", bufferBytes);
  description = result;
  return Status();
}
