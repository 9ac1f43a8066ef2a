//===- ModuleSourceTest.cpp - Text and bytecode of modules ----------------===//

#include "quantmlir/Support/ModuleSource.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quantmlir;

namespace {

/// `text` after endLastLine, which keeps its name.
std::string endLastLineOf(StringRef text) {
  std::unique_ptr<llvm::MemoryBuffer> ended =
      endLastLine(llvm::MemoryBuffer::getMemBufferCopy(text, "name"));
  EXPECT_EQ(ended->getBufferIdentifier(), "name");
  return ended->getBuffer().str();
}

TEST(ModuleSource, EndsTheLastLine) {
  EXPECT_EQ(endLastLineOf("module {}"), "module {}\n");
  EXPECT_EQ(endLastLineOf("module {}\n"), "module {}\n");
  EXPECT_EQ(endLastLineOf("\"cut off"), "\"cut off\n");
  EXPECT_EQ(endLastLineOf(""), "\n");
}

TEST(ModuleSource, LeavesBytecode) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  ASSERT_TRUE(succeeded(writeBytecodeToFile(*module, stream)));
  ASSERT_FALSE(StringRef(bytes).ends_with("\n"));
  EXPECT_EQ(endLastLineOf(bytes), bytes);
}

TEST(ModuleSource, SaysWhatCannotBeRead) {
  std::string message;
  EXPECT_EQ(openModuleFile("/nonexistent/x.mlir", &message), nullptr);
  EXPECT_NE(message.find("/nonexistent/x.mlir"), std::string::npos) << message;
}

} // namespace
