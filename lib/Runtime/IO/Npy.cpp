//===- Npy.cpp - NumPy's array format -------------------------------------===//
//
// "\x93NUMPY", two version bytes, the length of the header, and the header: the
// text of a Python dictionary with 'descr', 'fortran_order' and 'shape'.
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "ElementTypes.h"
#include "Files.h"

#include <cstring>

using namespace quantmlir::io;

static constexpr char magic[] = "\x93NUMPY";
static constexpr size_t magicSize = 6;
static constexpr size_t maxRank = 32;

namespace {
struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Reads the dictionary. Only the literals that NumPy writes are understood.
class HeaderParser {
public:
  HeaderParser(std::string_view text, std::string &error)
      : text(text), error(error) {}

  bool parse(Header &header) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!expect('{'))
      return false;
    while (!accept('}')) {
      std::string key;
      if (!parseString(key) || !expect(':'))
        return false;
      bool *seen = key == "descr"           ? &hasDescr
                   : key == "fortran_order" ? &hasOrder
                   : key == "shape"         ? &hasShape
                                            : nullptr;
      if (!seen || *seen)
        return fail("unexpected key '" + key + "' in the header");
      *seen = true;
      if (seen == &hasDescr   ? !parseDescr(header.descr)
          : seen == &hasOrder ? !parseBool(header.fortranOrder)
                              : !parseShape(header.shape))
        return false;
      if (!accept(',')) {
        if (!expect('}'))
          return false;
        break;
      }
    }
    skipBlanks();
    if (position != text.size())
      return fail("text after the header's dictionary");
    if (!hasDescr || !hasOrder || !hasShape)
      return fail("the header lacks descr, fortran_order or shape");
    return true;
  }

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  void skipBlanks() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\n'))
      ++position;
  }
  bool accept(char c) {
    skipBlanks();
    if (position == text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  bool expect(char c) {
    return accept(c) || fail(std::string("expected '") + c + "' in the header");
  }
  bool parseString(std::string &value) {
    skipBlanks();
    if (position == text.size() ||
        (text[position] != '\'' && text[position] != '"'))
      return fail("expected a string in the header");
    size_t end = text.find(text[position], position + 1);
    if (end == std::string_view::npos)
      return fail("unterminated string in the header");
    value = std::string(text.substr(position + 1, end - position - 1));
    position = end + 1;
    return true;
  }
  bool parseDescr(std::string &value) {
    skipBlanks();
    if (position < text.size() && text[position] == '[')
      return fail("structured arrays are not supported");
    return parseString(value);
  }
  bool parseBool(bool &value) {
    skipBlanks();
    for (bool candidate : {false, true}) {
      std::string_view word = candidate ? "True" : "False";
      if (text.compare(position, word.size(), word) != 0)
        continue;
      position += word.size();
      value = candidate;
      return true;
    }
    return fail("expected True or False in the header");
  }
  bool parseShape(std::vector<int64_t> &shape) {
    if (!expect('('))
      return false;
    while (!accept(')')) {
      skipBlanks();
      int64_t size = 0;
      size_t start = position;
      for (; position < text.size() && text[position] >= '0' &&
             text[position] <= '9';
           ++position)
        if (__builtin_mul_overflow(size, int64_t(10), &size) ||
            __builtin_add_overflow(size, int64_t(text[position] - '0'), &size))
          return fail("a size in the header does not fit in 64 bits");
      if (position == start)
        return fail("expected a size in the header");
      if (shape.size() == maxRank)
        return fail("more than 32 dimensions");
      shape.push_back(size);
      if (!accept(',')) {
        if (!expect(')'))
          return false;
        break;
      }
    }
    return true;
  }

  std::string_view text;
  std::string &error;
  size_t position = 0;
};
} // namespace

/// Copies from column-major to row-major order.
static Bytes toRowMajor(const Bytes &source, const std::vector<int64_t> &shape,
                        size_t elementBytes) {
  uint8_t *target = nullptr;
  Bytes result = Bytes::allocate(source.size, target);
  std::vector<size_t> strides(shape.size());
  size_t stride = elementBytes;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    strides[axis] = stride;
    stride *= static_cast<size_t>(shape[axis]);
  }
  std::vector<int64_t> index(shape.size(), 0);
  size_t offset = 0;
  for (size_t done = 0; done < source.size; done += elementBytes) {
    std::memcpy(target + done, source.data + offset, elementBytes);
    for (size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis])
        break;
      offset -= strides[axis] * static_cast<size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
  return result;
}

bool quantmlir::io::parseNpy(const Bytes &bytes, Array &array,
                             std::string &error) {
  auto fail = [&](std::string message) {
    error = std::move(message);
    return false;
  };
  if (bytes.size < 10 || std::memcmp(bytes.data, magic, magicSize) != 0)
    return fail("not a .npy file");
  uint8_t major = bytes.data[6];
  if (major < 1 || major > 3)
    return fail(".npy version " + std::to_string(major) + " is not supported");
  size_t lengthBytes = major == 1 ? 2 : 4;
  size_t start = 8 + lengthBytes;
  if (bytes.size < start)
    return fail("truncated in the header");
  size_t length = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= size_t(bytes.data[8 + i]) << (8 * i);
  if (length > bytes.size - start)
    return fail("truncated in the header");

  Header header;
  std::string_view text(reinterpret_cast<const char *>(bytes.data + start),
                        length);
  if (!HeaderParser(text, error).parse(header))
    return false;
  if (header.descr.size() < 2)
    return fail("unknown dtype '" + header.descr + "'");
  char order = header.descr[0];
  const ElementInfo *info =
      findNumpyElement(std::string_view(header.descr).substr(1));
  if (!info || (order != '<' && order != '|' && order != '>'))
    return fail("unknown dtype '" + header.descr + "'");
  if (order == '>' && info->bytes > 1)
    return fail("big-endian arrays are not supported");
  size_t needed = 0;
  if (!computeBytes(header.shape, info->bytes, needed))
    return fail("the array's size does not fit in 63 bits");
  size_t available = bytes.size - start - length;
  if (needed != available)
    return fail("the header announces " + std::to_string(needed) +
                " bytes of data, the file has " + std::to_string(available));

  array.element = std::string(info->name);
  array.shape = std::move(header.shape);
  array.data = bytes.slice(start + length, needed);
  if (header.fortranOrder && array.shape.size() > 1)
    array.data = toRowMajor(array.data, array.shape, info->bytes);
  return true;
}

bool quantmlir::io::makeNpyHeader(const Array &array, std::string &header,
                                  std::string &error) {
  const ElementInfo *info = findElement(array.element);
  size_t needed = 0;
  if (!info || !computeBytes(array.shape, info->bytes, needed) ||
      needed != array.data.size) {
    error = "the array's data does not match " + describe(array);
    return false;
  }
  if (info->numpy.empty()) {
    error = "NumPy's formats have no type " + array.element +
            "; write .safetensors, convert, or write the bits";
    return false;
  }
  std::string dictionary = "{'descr': '";
  dictionary += info->bytes == 1 ? '|' : '<';
  dictionary += info->numpy;
  dictionary += "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    dictionary += std::to_string(size) + ",";
  dictionary += "), }";
  // The data starts at a multiple of 64 bytes.
  size_t unpadded = 10 + dictionary.size() + 1;
  dictionary.append((64 - unpadded % 64) % 64, ' ');
  dictionary += '\n';
  header.assign(magic, magicSize);
  header += '\x01';
  header += '\x00';
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  header += dictionary;
  return true;
}

bool quantmlir::io::writeNpy(const std::string &path, const Array &array,
                             std::string &error) {
  std::string header;
  if (!makeNpyHeader(array, header, error))
    return false;
  AtomicFile file(path);
  file.write(header);
  file.write(array.data.data, array.data.size);
  return file.commit(error);
}
