//===- OutputFileTest.cpp - Files written whole ---------------------------===//

#include "quantmlir/Support/OutputFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace quantmlir;

namespace {

TEST(OutputFile, ReplacesAFile) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("support", "txt", path));
  llvm::FileRemover remover(path);
  for (StringRef text : {"a longer text\n", "short", ""}) {
    EXPECT_EQ(llvm::toString(writeOutputFile(path, text)), "");
    auto written = llvm::MemoryBuffer::getFile(path);
    ASSERT_TRUE(written);
    EXPECT_EQ((*written)->getBuffer(), text);
  }
}

TEST(OutputFile, SaysWhatCannotBeWritten) {
  EXPECT_EQ(llvm::toString(writeOutputFile("/nonexistent/x", "text")),
            "cannot write '/nonexistent/x': No such file or directory");
}

// More than a stream's buffer holds, so that it is written, and fails, early.
TEST(OutputFile, SurvivesAFullDisk) {
  if (!llvm::sys::fs::exists("/dev/full"))
    GTEST_SKIP() << "no /dev/full";
  for (size_t size : {1, 1 << 20})
    EXPECT_EQ(
        llvm::toString(writeOutputFile("/dev/full", std::string(size, 'x'))),
        "cannot write '/dev/full': No space left on device");
}

} // namespace
