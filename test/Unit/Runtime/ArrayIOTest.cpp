//===- ArrayIOTest.cpp - Tensor files, good and hostile -------------------===//

#include "quantmlir/Runtime/ArrayIO.h"
#include "TestArtifact.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

using namespace quantmlir::io;
using quantmlir::test::TemporaryDirectory;

namespace {

Bytes toBytes(const std::string &text) {
  uint8_t *target = nullptr;
  Bytes bytes = Bytes::allocate(text.size(), target);
  std::memcpy(target, text.data(), text.size());
  return bytes;
}

std::string toString(const Bytes &bytes) {
  return std::string(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

template <typename T>
Array makeArray(std::string element, std::vector<int64_t> shape,
                const std::vector<T> &values) {
  return {std::move(element), std::move(shape),
          toBytes(std::string(reinterpret_cast<const char *>(values.data()),
                              values.size() * sizeof(T)))};
}

template <typename T> std::vector<T> getValues(const Array &array) {
  std::vector<T> values(array.data.size / sizeof(T));
  std::memcpy(values.data(), array.data.data, array.data.size);
  return values;
}

void expectSame(const Array &a, const Array &b) {
  EXPECT_EQ(a.element, b.element);
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(toString(a.data), toString(b.data));
}

std::string makeNpy(const std::string &header, const std::string &data,
                    char major = 1) {
  std::string text = "\x93NUMPY";
  text += major;
  text += '\0';
  text += static_cast<char>(header.size() & 0xFF);
  text += static_cast<char>(header.size() >> 8);
  if (major > 1)
    text.append(2, '\0');
  return text + header + data;
}

void expectNpyError(const std::string &file, const char *message) {
  Array array;
  std::string error;
  EXPECT_FALSE(parseNpy(toBytes(file), array, error)) << message;
  EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
}

TEST(Npy, RoundTrip) {
  TemporaryDirectory directory;
  const char *elements[] = {"i1",   "i8",  "ui8",  "i16", "ui16", "i32",
                            "ui32", "i64", "ui64", "f16", "f32",  "f64"};
  for (const char *element : elements) {
    Array array = {element, {2, 3}, {}};
    array.data = toBytes(std::string(6 * getElementBytes(element), '\1'));
    std::string error;
    ASSERT_TRUE(writeNpy(directory.file("a.npy"), array, error)) << error;
    Array back;
    ASSERT_TRUE(readNpy(directory.file("a.npy"), back, error)) << error;
    expectSame(array, back);
    // The data of a mapped file is aligned for any vector load.
    EXPECT_EQ(reinterpret_cast<uintptr_t>(back.data.data) % 64, 0u);
  }
  for (std::vector<int64_t> shape :
       {std::vector<int64_t>{}, {0}, {3, 0, 2}, {1}}) {
    bool isEmpty = !shape.empty() && shape != std::vector<int64_t>{1};
    Array array = {"f32", shape, toBytes(std::string(isEmpty ? 0 : 4, 'x'))};
    std::string error;
    Array back;
    ASSERT_TRUE(writeNpy(directory.file("a.npy"), array, error)) << error;
    ASSERT_TRUE(readNpy(directory.file("a.npy"), back, error)) << error;
    expectSame(array, back);
  }
}

TEST(Npy, ReadsWhatNumPyWrites) {
  Array array;
  std::string error;
  // Version 2 and 3 have longer headers; keys come in any order.
  for (char major : {1, 2, 3})
    ASSERT_TRUE(parseNpy(toBytes(makeNpy("{\"shape\": (2,), 'descr': '<i2', "
                                         "'fortran_order': False}  \n",
                                         std::string("\1\0\2\0", 4), major)),
                         array, error))
        << error;
  EXPECT_EQ(getValues<int16_t>(array), (std::vector<int16_t>{1, 2}));
  // Column-major: [[1, 2, 3], [4, 5, 6]] stored as 1 4 2 5 3 6.
  ASSERT_TRUE(parseNpy(toBytes(makeNpy("{'descr': '|u1', 'fortran_order': "
                                       "True, 'shape': (2, 3), }",
                                       "\1\4\2\5\3\6")),
                       array, error))
      << error;
  EXPECT_EQ(getValues<uint8_t>(array),
            (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
  // What np.save makes of ml_dtypes.bfloat16: bits without a type.
  ASSERT_TRUE(parseNpy(toBytes(makeNpy("{'descr': '<V2', 'fortran_order': "
                                       "False, 'shape': (1,), }",
                                       "\x80\x3f")),
                       array, error))
      << error;
  EXPECT_EQ(array.element, "ui16");
  Array bits;
  ASSERT_TRUE(reinterpretElements(array, "bf16", bits, error));
  Array wide;
  ASSERT_TRUE(convertElements(bits, "f32", wide, error));
  EXPECT_EQ(getValues<float>(wide), (std::vector<float>{1.0f}));
}

TEST(Npy, Refuses) {
  auto header = [](const char *descr, const char *shape) {
    return std::string("{'descr': '") + descr +
           "', 'fortran_order': False, 'shape': " + shape + "}";
  };
  expectNpyError("", "not a .npy file");
  expectNpyError("PK\3\4 zip file", "not a .npy file");
  expectNpyError(makeNpy(header("<f4", "(1,)"), "1234", 4),
                 "version 4 is not supported");
  expectNpyError(makeNpy(header("<f4", "(1,)"), "1234").substr(0, 30),
                 "truncated in the header");
  expectNpyError(makeNpy(header("<f4", "(1,)"), "123"),
                 "announces 4 bytes of data, the file has 3");
  expectNpyError(makeNpy(header("<f4", "(1,)"), "12345"),
                 "announces 4 bytes of data, the file has 5");
  expectNpyError(makeNpy(header(">f4", "(1,)"), "1234"), "big-endian");
  expectNpyError(makeNpy(header("<c8", "(1,)"), "12345678"),
                 "unknown dtype '<c8'");
  expectNpyError(makeNpy(header("|O", "(1,)"), "12345678"),
                 "unknown dtype '|O'");
  expectNpyError(makeNpy(header("f", "(1,)"), "1234"), "unknown dtype 'f'");
  expectNpyError(makeNpy("{'descr': [('a', '<f4')], 'fortran_order': False, "
                         "'shape': (1,)}",
                         "1234"),
                 "structured arrays");
  expectNpyError(makeNpy(header("<f4", "(99999999999999999999,)"), ""),
                 "does not fit in 64 bits");
  expectNpyError(makeNpy(header("<f4", "(4611686018427387904,)"), ""),
                 "does not fit in 63 bits");
  // The zero must not hide the overflow.
  expectNpyError(
      makeNpy(header("<f4", "(4611686018427387904,4611686018427387904,0)"), ""),
      "does not fit in 63 bits");
  expectNpyError(makeNpy(header("<f4", "(-1,)"), ""), "expected a size");
  expectNpyError(makeNpy(header("<f4", "(1"), "1234"), "expected ')'");
  expectNpyError(makeNpy(header("<f4", "(1,)") + "x", "1234"),
                 "text after the header's dictionary");
  expectNpyError(makeNpy("{'descr': '<f4', 'shape': (1,)}", "1234"),
                 "lacks descr");
  expectNpyError(makeNpy("{'descr': '<f4', 'descr': '<f4'}", "1234"),
                 "unexpected key 'descr'");
  expectNpyError(makeNpy("{'descr", "1234"), "unterminated string");
  expectNpyError(makeNpy("{'fortran_order': 1}", ""), "expected True or False");
}

ArrayMap makeArrays() {
  ArrayMap arrays;
  arrays["codes"] = makeArray<int8_t>("i8", {2, 3}, {1, -2, 3, -4, 5, -6});
  arrays["scales"] = makeArray<float>("f32", {2, 1}, {0.5f, 0.25f});
  arrays["nothing"] = makeArray<double>("f64", {0, 4}, {});
  arrays["a.b/c"] = makeArray<uint16_t>("ui16", {1}, {0x3f80});
  return arrays;
}

TEST(Npz, RoundTrip) {
  TemporaryDirectory directory;
  ArrayMap arrays = makeArrays(), back;
  std::string error;
  ASSERT_TRUE(writeArrays(directory.file("a.npz"), arrays, error)) << error;
  ASSERT_TRUE(readArrays(directory.file("a.npz"), back, error)) << error;
  ASSERT_EQ(back.size(), arrays.size());
  for (const auto &[name, array] : arrays)
    expectSame(array, back[name]);
  // Equal contents, equal files.
  ASSERT_TRUE(writeArrays(directory.file("b.npz"), arrays, error)) << error;
  Bytes a, b;
  ASSERT_TRUE(mapFile(directory.file("a.npz"), a, error));
  ASSERT_TRUE(mapFile(directory.file("b.npz"), b, error));
  EXPECT_EQ(toString(a), toString(b));
}

TEST(Npz, HasNoBFloat16) {
  TemporaryDirectory directory;
  std::string error;
  ArrayMap arrays = {{"x", makeArray<uint16_t>("bf16", {1}, {0x3f80})}};
  EXPECT_FALSE(writeArrays(directory.file("a.npz"), arrays, error));
  EXPECT_NE(error.find("no type bf16"), std::string::npos) << error;
  // Nothing half-written is left.
  EXPECT_FALSE(readArrays(directory.file("a.npz"), arrays, error));
  EXPECT_NE(error.find("cannot open"), std::string::npos) << error;
}

TEST(Npz, PassesOverWhatItHasNoTypeFor) {
  TemporaryDirectory directory;
  std::string error, path = directory.file("a.npz");
  ASSERT_TRUE(writeArrays(path, makeArrays(), error)) << error;
  // The same with Python's objects for f64.
  Bytes bytes;
  ASSERT_TRUE(mapFile(path, bytes, error)) << error;
  std::string text = toString(bytes);
  size_t crc = text.find("nothing.npy") - 16, body = text.find("'<f8'");
  ASSERT_NE(body, std::string::npos);
  text.replace(body, 5, "'|O8'");
  size_t start = text.rfind("\x93NUMPY", body);
  size_t end = text.find('\n', body) + 1;
  uint32_t sum =
      ::crc32(0, reinterpret_cast<const Bytef *>(&text[start]), end - start);
  std::memcpy(&text[crc], &sum, 4);
  std::memcpy(&text[text.rfind("nothing.npy") - 30], &sum, 4);
  ArrayMap arrays;
  EXPECT_FALSE(parseNpz(toBytes(text), arrays, error));
  EXPECT_NE(error.find("entry 'nothing.npy': unknown dtype"), std::string::npos)
      << error;
  arrays.clear();
  Unreadable unreadable;
  ASSERT_TRUE(parseNpz(toBytes(text), arrays, error, &unreadable)) << error;
  EXPECT_EQ(arrays.size(), makeArrays().size() - 1);
  ASSERT_EQ(unreadable.size(), 1u);
  EXPECT_NE(unreadable["nothing"].find("unknown dtype"), std::string::npos);
}

TEST(Files, NeverWaitForAPipe) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.npz"), error;
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  ArrayMap arrays;
  EXPECT_FALSE(readArrays(path, arrays, error));
  EXPECT_NE(error.find("is not a regular file"), std::string::npos) << error;
  // Nor is one replaced.
  EXPECT_FALSE(writeArrays(path, makeArrays(), error));
  EXPECT_NE(error.find("is there and no regular file"), std::string::npos)
      << error;
}

TEST(Files, AreWrittenWhereALinkLeads) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.npz"), link = directory.file("b.npz"),
              error;
  ASSERT_TRUE(writeArrays(path, {}, error)) << error;
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  ASSERT_TRUE(writeArrays(link, makeArrays(), error)) << error;
  ArrayMap back;
  ASSERT_TRUE(readArrays(path, back, error)) << error;
  EXPECT_EQ(back.size(), makeArrays().size());
  struct stat info;
  ASSERT_EQ(lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));

  std::string loose = directory.file("c.npz");
  ASSERT_EQ(symlink("nowhere", loose.c_str()), 0);
  EXPECT_FALSE(writeArrays(loose, makeArrays(), error));
  EXPECT_NE(error.find("cannot follow the link"), std::string::npos) << error;
}

void put(std::string &text, size_t position, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    text[position + i] = static_cast<char>(value >> (8 * i));
}

/// A zip archive with one deflated entry a.npy, and where its records start.
struct DeflatedArchive {
  std::string text;
  size_t data, central, end;
};

DeflatedArchive makeDeflated(size_t count) {
  std::string npy = makeNpy("{'descr': '|u1', 'fortran_order': False, "
                            "'shape': (" +
                                std::to_string(count) + ",)}",
                            std::string(count, '\7'));
  std::string packed(npy.size() + 100, '\0');
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef *>(&npy[0]);
  stream.avail_in = npy.size();
  stream.next_out = reinterpret_cast<Bytef *>(&packed[0]);
  stream.avail_out = packed.size();
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);

  DeflatedArchive archive;
  std::string &text = archive.text;
  uint32_t crc =
      ::crc32(0, reinterpret_cast<const Bytef *>(npy.data()), npy.size());
  std::string name = "a.npy";
  text.assign(30, '\0');
  put(text, 0, 0x04034b50, 4);
  put(text, 26, name.size(), 2);
  text += name;
  archive.data = text.size();
  text += packed;
  archive.central = text.size();
  text.append(46, '\0');
  put(text, archive.central, 0x02014b50, 4);
  put(text, archive.central + 10, 8, 2);
  put(text, archive.central + 16, crc, 4);
  put(text, archive.central + 20, packed.size(), 4);
  put(text, archive.central + 24, npy.size(), 4);
  put(text, archive.central + 28, name.size(), 2);
  text += name;
  archive.end = text.size();
  text.append(22, '\0');
  put(text, archive.end, 0x06054b50, 4);
  put(text, archive.end + 8, 1, 2);
  put(text, archive.end + 10, 1, 2);
  put(text, archive.end + 12, archive.end - archive.central, 4);
  put(text, archive.end + 16, archive.central, 4);
  return archive;
}

TEST(Npz, Inflates) {
  for (size_t count : {0, 1, 1000, 100000}) {
    ArrayMap arrays;
    std::string error;
    ASSERT_TRUE(parseNpz(toBytes(makeDeflated(count).text), arrays, error))
        << error;
    EXPECT_EQ(toString(arrays["a"].data), std::string(count, '\7'));
  }
}

TEST(Npz, Refuses) {
  const DeflatedArchive good = makeDeflated(1000);
  auto expectError = [&](auto change, const char *message) {
    DeflatedArchive archive = good;
    change(archive);
    ArrayMap arrays;
    std::string error;
    EXPECT_FALSE(parseNpz(toBytes(archive.text), arrays, error)) << message;
    EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
  };
  using A = DeflatedArchive;
  expectError([](A &a) { a.text.clear(); }, "not a zip archive");
  expectError([](A &a) { a.text.resize(a.end); }, "no end record");
  expectError([](A &a) { a.text += "trailing"; }, "no end record");
  expectError([](A &a) { put(a.text, a.end + 16, a.end - 10, 4); },
              "damaged central directory");
  expectError([](A &a) { put(a.text, a.end + 16, 0xFFFFFFF0, 4); },
              "damaged central directory");
  expectError([](A &a) { put(a.text, a.end + 10, 2, 2); },
              "damaged central directory");
  expectError([](A &a) { put(a.text, a.central + 28, 0xFFFF, 2); },
              "damaged central directory");
  expectError([](A &a) { put(a.text, a.central + 42, a.text.size(), 4); },
              "lies outside the archive");
  expectError([](A &a) { put(a.text, a.central + 20, a.text.size(), 4); },
              "lies outside the archive");
  expectError([](A &a) { put(a.text, 26, 0xFFFF, 2); },
              "lies outside the archive");
  expectError([](A &a) { put(a.text, a.central + 8, 1, 2); }, "is encrypted");
  expectError([](A &a) { put(a.text, a.central + 10, 12, 2); },
              "uses compression method 12");
  expectError([](A &a) { put(a.text, a.central + 10, 0, 2); },
              "stored with two different sizes");
  // Gigabytes announced, of a few bytes of data: refused before allocating.
  expectError([](A &a) { put(a.text, a.central + 24, 0xFFFFFFF0, 4); },
              "announces more bytes than its data can hold");
  expectError([](A &a) { put(a.text, a.central + 24, 5, 4); },
              "damaged compressed data");
  expectError([](A &a) { put(a.text, a.central + 24, 2000, 4); },
              "damaged compressed data");
  expectError([](A &a) { a.text[a.data] = '\xff'; }, "damaged compressed data");
  expectError([](A &a) { a.text[a.central + 16] ^= 1; },
              "does not match its checksum");
  expectError([](A &a) { a.text[a.central + 46 + 2] = '_'; },
              "is not a .npy file");
  // A zip64 field that says it is there but is not.
  expectError([](A &a) { put(a.text, a.central + 42, 0xFFFFFFFF, 4); },
              "lies outside the archive");
  // The same entry twice: overlapping data.
  expectError(
      [](A &a) {
        std::string entry = a.text.substr(a.central, a.end - a.central);
        a.text.insert(a.end, entry);
        put(a.text, a.end + entry.size() + 10, 2, 2);
      },
      "overlap");
}

TEST(Npz, NoPrefixOrBitFlipCrashes) {
  const std::string good = makeDeflated(50).text;
  for (size_t length = 0; length < good.size(); ++length) {
    ArrayMap arrays;
    std::string error;
    EXPECT_FALSE(parseNpz(toBytes(good.substr(0, length)), arrays, error));
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string text = good;
    text[bit / 8] ^= 1 << bit % 8;
    ArrayMap arrays;
    std::string error;
    parseNpz(toBytes(text), arrays, error);
  }
}

TEST(Safetensors, RoundTrip) {
  TemporaryDirectory directory;
  ArrayMap arrays = makeArrays(), back;
  for (const char *element : {"i1", "bf16", "f16", "f8E4M3FN", "f8E5M2",
                              "f8E8M0FNU", "i64", "ui64", "ui32", "f64"})
    arrays[element] = {
        element, {3}, toBytes(std::string(3 * getElementBytes(element), 'q'))};
  std::string error;
  ASSERT_TRUE(writeArrays(directory.file("a.safetensors"), arrays, error))
      << error;
  ASSERT_TRUE(readArrays(directory.file("a.safetensors"), back, error))
      << error;
  ASSERT_EQ(back.size(), arrays.size());
  for (const auto &[name, array] : arrays)
    expectSame(array, back[name]);
}

std::string makeSafetensors(const std::string &header,
                            const std::string &data) {
  std::string text(8, '\0');
  put(text, 0, header.size(), 8);
  return text + header + data;
}

TEST(Safetensors, MetadataIsSkipped) {
  ArrayMap arrays;
  std::string error;
  ASSERT_TRUE(parseSafetensors(
      toBytes(makeSafetensors(
          R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  )",
          "1234")),
      arrays, error))
      << error;
  EXPECT_EQ(arrays.size(), 1u);
}

TEST(Safetensors, Refuses) {
  auto expectError = [](const std::string &file, const char *message) {
    ArrayMap arrays;
    std::string error;
    EXPECT_FALSE(parseSafetensors(toBytes(file), arrays, error)) << message;
    EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
  };
  auto one = [](const std::string &fields, const std::string &data) {
    return makeSafetensors("{\"w\":{" + fields + "}}", data);
  };
  expectError("short", "not a safetensors file");
  std::string huge(8, '\xff');
  expectError(huge + "{}", "not a safetensors file, or truncated");
  expectError(makeSafetensors("{}", "").substr(0, 9), "truncated");
  expectError(makeSafetensors("[]", ""), "not a valid JSON object");
  expectError(makeSafetensors("{", ""), "not a valid JSON object");
  expectError(makeSafetensors("{\"a\":[[[[1]]]]}", ""), "not a valid JSON");
  expectError(makeSafetensors(std::string(100000, '['), ""),
              "not a valid JSON object");
  expectError(one(R"("dtype":"F32","shape":[1])", "1234"),
              "does not have exactly dtype, shape and data_offsets");
  expectError(makeSafetensors(R"({"w":3})", ""), "does not have exactly");
  expectError(one(R"("dtype":7,"shape":[1],"data_offsets":[0,4])", "1234"),
              "does not have exactly");
  expectError(one(R"("dtype":"Q4","shape":[1],"data_offsets":[0,4])", "1234"),
              "unknown dtype 'Q4'");
  expectError(one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", "1234"),
              "invalid shape");
  expectError(one(R"("dtype":"F32","shape":4,"data_offsets":[0,4])", "1234"),
              "invalid shape");
  expectError(
      one(R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])",
          "1234"),
      "invalid shape");
  expectError(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,5])", "1234"),
              "lies outside the file");
  expectError(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])", "1234"),
              "lies outside the file");
  expectError(
      one(R"("dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0])",
          "1234"),
      "lies outside the file");
  expectError(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", "1234"),
              "has 4 bytes instead of 8");
  expectError(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "12345"),
              "bytes after the last tensor");
  expectError(one(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])", "12"),
              "gap before tensor 'w'");
  expectError(
      makeSafetensors(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
          "123"),
      "gap between two tensors: 'a' and 'b'");
  expectError(
      makeSafetensors(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          "123"),
      "two tensors overlap: 'a' and 'b'");
  expectError(
      makeSafetensors(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          "1"),
      "two tensors named 'a'");
}

TEST(Arrays, UnknownExtension) {
  ArrayMap arrays;
  std::string error;
  EXPECT_FALSE(readArrays("model.bin", arrays, error));
  EXPECT_NE(error.find("named .npz or .safetensors"), std::string::npos);
  EXPECT_FALSE(readArrays("/nowhere/model.npz", arrays, error));
  EXPECT_NE(error.find("cannot open"), std::string::npos);
  EXPECT_FALSE(writeArrays("/nowhere/model.npz", arrays, error));
  EXPECT_NE(error.find("cannot create"), std::string::npos);
  EXPECT_FALSE(writeArrays("model.bin", arrays, error));
}

TEST(Convert, Floats) {
  const std::vector<float> values = {
      0.0f,  -0.0f, 1.0f,     0.1f,    65504.0f,   65520.0f,
      1e-7f, -2.5f, INFINITY, 3.0e38f, 1.0039063f, 1.0117188f};
  Array array = makeArray<float>("f32", {12}, values);
  Array result;
  std::string error;
  ASSERT_TRUE(convertElements(array, "f16", result, error)) << error;
  EXPECT_EQ(
      getValues<uint16_t>(result),
      (std::vector<uint16_t>{0x0000, 0x8000, 0x3c00, 0x2e66, 0x7bff, 0x7c00,
                             0x0002, 0xc100, 0x7c00, 0x7c00, 0x3c04, 0x3c0c}));
  ASSERT_TRUE(convertElements(array, "bf16", result, error)) << error;
  // The last two lie halfway between neighbours: to the even one.
  EXPECT_EQ(
      getValues<uint16_t>(result),
      (std::vector<uint16_t>{0x0000, 0x8000, 0x3f80, 0x3dcd, 0x4780, 0x4780,
                             0x33d7, 0xc020, 0x7f80, 0x7f62, 0x3f80, 0x3f82}));
  Array eight = makeArray<float>(
      "f32", {6}, {448.0f, 465.0f, 0.001953125f, NAN, -1.0f, 17});
  ASSERT_TRUE(convertElements(eight, "f8E4M3FN", result, error)) << error;
  EXPECT_EQ(getValues<uint8_t>(result),
            (std::vector<uint8_t>{0x7e, 0x7f, 0x01, 0x7f, 0xb8, 0x58}));
  Array powers = makeArray<float>("f32", {4}, {1.0f, 0.5f, 3.0f, -1.0f});
  ASSERT_TRUE(convertElements(powers, "f8E8M0FNU", result, error)) << error;
  EXPECT_EQ(getValues<uint8_t>(result),
            (std::vector<uint8_t>{127, 126, 129, 255}));
}

TEST(Convert, EveryCodeOfASmallFloatSurvivesF32) {
  for (const char *element :
       {"f16", "bf16", "f8E4M3FN", "f8E5M2", "f8E8M0FNU"}) {
    size_t bytes = getElementBytes(element);
    size_t count = size_t(1) << 8 * bytes;
    std::string codes(count * bytes, '\0');
    for (size_t i = 0; i < count; ++i)
      std::memcpy(&codes[i * bytes], &i, bytes);
    Array array = {element, {int64_t(count)}, toBytes(codes)};
    Array wide, back;
    std::string error;
    ASSERT_TRUE(convertElements(array, "f32", wide, error)) << error;
    ASSERT_TRUE(convertElements(wide, element, back, error)) << error;
    std::vector<float> values = getValues<float>(wide);
    for (size_t i = 0; i < count; ++i) {
      if (!std::isnan(values[i])) {
        EXPECT_EQ(0, std::memcmp(&codes[i * bytes], back.data.data + i * bytes,
                                 bytes))
            << element << " code " << i;
      }
    }
  }
}

TEST(Convert, Integers) {
  Array array = makeArray<float>("f32", {3}, {-128.0f, 0.0f, 127.0f});
  Array result;
  std::string error;
  ASSERT_TRUE(convertElements(array, "i8", result, error)) << error;
  EXPECT_EQ(getValues<int8_t>(result), (std::vector<int8_t>{-128, 0, 127}));
  EXPECT_FALSE(convertElements(array, "ui8", result, error));
  EXPECT_NE(error.find("element 0 (-128.000000) is no ui8"), std::string::npos)
      << error;
  array = makeArray<float>("f32", {2}, {0.0f, 0.5f});
  EXPECT_FALSE(convertElements(array, "i32", result, error));
  array = makeArray<float>("f32", {1}, {NAN});
  EXPECT_FALSE(convertElements(array, "i32", result, error));
  array = makeArray<int64_t>("i64", {2}, {INT64_MIN, INT64_MAX});
  ASSERT_TRUE(convertElements(array, "i64", result, error));
  EXPECT_FALSE(convertElements(array, "ui64", result, error));
  array = makeArray<uint64_t>("ui64", {1}, {UINT64_MAX});
  EXPECT_FALSE(convertElements(array, "i64", result, error));
  EXPECT_FALSE(convertElements(array, "i4", result, error));
  EXPECT_FALSE(reinterpretElements(array, "i32", result, error));
}

} // namespace
