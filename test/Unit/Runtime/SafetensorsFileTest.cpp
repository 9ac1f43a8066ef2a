//===- SafetensorsFileTest.cpp - Safetensors, a tensor at a time ----------===//

#include "quantmlir/Runtime/SafetensorsFile.h"
#include "TestArtifact.h"

#include "gtest/gtest.h"

#include <cstring>
#include <filesystem>
#include <fstream>

using namespace quantmlir::io;
using quantmlir::test::TemporaryDirectory;

namespace {

Array makeArray(std::string element, std::vector<int64_t> shape, uint8_t seed) {
  size_t size = getElementBytes(element);
  for (int64_t extent : shape)
    size *= extent;
  uint8_t *target = nullptr;
  Array array{std::move(element), std::move(shape),
              Bytes::allocate(size, target)};
  for (size_t i = 0; i < size; ++i)
    target[i] = static_cast<uint8_t>(seed + 7 * i);
  return array;
}

void expectSame(const Array &a, const Array &b) {
  EXPECT_EQ(a.element, b.element);
  EXPECT_EQ(a.shape, b.shape);
  ASSERT_EQ(a.data.size, b.data.size);
  EXPECT_EQ(std::memcmp(a.data.data, b.data.data, a.data.size), 0);
}

size_t countFiles(const TemporaryDirectory &directory) {
  auto path = std::filesystem::path(directory.file("x")).parent_path();
  return std::distance(std::filesystem::directory_iterator(path), {});
}

/// Tensors of sizes that are no multiples of 8 between ones that are.
const ArrayMap &getArrays() {
  static const ArrayMap arrays = {
      {"a", makeArray("i8", {3, 5}, 1)},     {"b", makeArray("f32", {4, 4}, 2)},
      {"c", makeArray("bf16", {3}, 3)},      {"d", makeArray("f64", {3}, 4)},
      {"e", makeArray("f32", {1}, 5)},       {"f", makeArray("i8", {0, 3}, 6)},
      {"g", makeArray("i32", {2, 1, 2}, 7)}, {"h", makeArray("ui8", {}, 8)}};
  return arrays;
}

TEST(SafetensorsFile, WritesWhatBothReadersRead) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.safetensors"), error;
  SafetensorsWriter writer;
  ASSERT_TRUE(writer.open(path, 4000, error)) << error;
  for (const auto &[name, array] : getArrays())
    ASSERT_TRUE(writer.append(name, array, error)) << error;
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer.commit({{"format", "pt"}}, error)) << error;
  EXPECT_EQ(countFiles(directory), 1u);

  SafetensorsReader reader;
  ASSERT_TRUE(reader.open(path, error)) << error;
  EXPECT_EQ(reader.getMetadata(), (Metadata{{"format", "pt"}}));
  ASSERT_EQ(reader.getTensors().size(), getArrays().size());
  EXPECT_EQ(reader.find("z"), nullptr);
  uint64_t covered = 0;
  for (const TensorInfo &tensor : reader.getTensors()) {
    EXPECT_EQ(tensor.offset, covered);
    EXPECT_EQ(tensor.offset % getElementBytes(tensor.element), 0u);
    covered += tensor.bytes;
    Array array;
    ASSERT_TRUE(reader.read(tensor, array, error)) << error;
    expectSame(array, getArrays().at(tensor.name));
    EXPECT_EQ(reader.find(tensor.name), &tensor);
  }
  ArrayMap arrays;
  Metadata metadata;
  ASSERT_TRUE(readArrays(path, arrays, error, &metadata)) << error;
  EXPECT_EQ(metadata, reader.getMetadata());
  for (const auto &[name, array] : getArrays())
    expectSame(arrays.at(name), array);
}

TEST(SafetensorsFile, LeavesNothingBehind) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.safetensors"), error;
  {
    SafetensorsWriter writer;
    ASSERT_TRUE(writer.open(path, 4000, error)) << error;
    ASSERT_TRUE(writer.append("a", getArrays().at("a"), error)) << error;
    EXPECT_EQ(countFiles(directory), 1u);
  }
  EXPECT_EQ(countFiles(directory), 0u);
  SafetensorsWriter writer;
  EXPECT_FALSE(writer.open(directory.file("none/a.safetensors"), 4000, error));
  EXPECT_NE(error.find("cannot create"), std::string::npos) << error;
}

TEST(SafetensorsFile, RefusesHeadersThatCannotBe) {
  TemporaryDirectory directory;
  std::string error;
  auto expectError = [&](uint64_t headerBytes,
                         std::vector<std::pair<std::string, Array>> arrays,
                         const char *message) {
    SafetensorsWriter writer;
    ASSERT_TRUE(
        writer.open(directory.file("a.safetensors"), headerBytes, error));
    for (const auto &[name, array] : arrays)
      ASSERT_TRUE(writer.append(name, array, error)) << error;
    EXPECT_FALSE(writer.commit({}, error));
    EXPECT_NE(error.find(message), std::string::npos) << error;
  };
  const Array &array = getArrays().at("b");
  expectError(30, {{"b", array}}, "more than was kept free");
  expectError(1000, {{"b", array}, {"b", array}}, "two tensors named 'b'");
  expectError(1000, {{"__metadata__", array}}, "two tensors named");
  Array wrong = array;
  wrong.shape = {5};
  expectError(1000, {{"b", wrong}}, "the data does not match 5xf32");
  EXPECT_EQ(countFiles(directory), 0u);
}

TEST(SafetensorsFile, NoticesThatAFileBecameShorter) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.safetensors"), error;
  ASSERT_TRUE(writeArrays(path, getArrays(), error)) << error;
  SafetensorsReader reader;
  ASSERT_TRUE(reader.open(path, error)) << error;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const TensorInfo *last = &reader.getTensors().back();
  while (last->bytes == 0)
    --last;
  Array array;
  EXPECT_FALSE(reader.read(*last, array, error));
  EXPECT_NE(error.find("it has become shorter"), std::string::npos) << error;
  SafetensorsReader again;
  EXPECT_FALSE(again.open(path, error));
  EXPECT_NE(error.find("lies outside the file"), std::string::npos) << error;
}

} // namespace
