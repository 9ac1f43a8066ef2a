//===- SupportTest.cpp - Text read, text written, and fields of attributes
//-===//

#include "quantmlir/Support/AttrParsing.h"
#include "quantmlir/Support/ModuleSource.h"
#include "quantmlir/Support/OutputFile.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quantmlir;

namespace {

//===----------------------------------------------------------------------===//
// AttrParsing.h
//===----------------------------------------------------------------------===//

enum class Color { Red, Blue };

std::optional<Color> symbolizeColor(StringRef keyword) {
  if (keyword == "red")
    return Color::Red;
  if (keyword == "blue")
    return Color::Blue;
  return std::nullopt;
}

/// `#support<count = [1, 2], color = red, on = true>`, whose fields come out as
/// one string in this order, each of them only if it was given.
class SupportDialect : public Dialect {
public:
  explicit SupportDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<SupportDialect>()) {
  }
  static StringRef getDialectNamespace() { return "support"; }

  Attribute parseAttribute(DialectAsmParser &parser, Type) const override {
    std::string count, color, on;
    if (failed(parseFields(parser, "test", {"count", "color", "on"},
                           [&](StringRef key) -> ParseResult {
                             if (key == "count") {
                               SmallVector<int64_t> values;
                               if (parseIntegers(parser, values))
                                 return failure();
                               for (int64_t value : values)
                                 count += std::to_string(value) + ";";
                               return success();
                             }
                             if (key == "color") {
                               Color value;
                               if (parseEnum(parser, value, "color",
                                             symbolizeColor))
                                 return failure();
                               color = value == Color::Red ? "red" : "blue";
                               return success();
                             }
                             bool value;
                             if (parseBoolean(parser, value))
                               return failure();
                             on = value ? "on" : "off";
                             return success();
                           })))
      return {};
    return parser.getBuilder().getStringAttr(count + color + on);
  }
};

class AttrParsing : public ::testing::Test {
protected:
  AttrParsing() { context.loadDialect<SupportDialect>(); }

  /// What the fields of `text` say, or else the first error.
  std::string parse(StringRef text) {
    std::string error;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (error.empty())
        error = diagnostic.str();
    });
    Attribute attribute =
        parseAttribute(("#support<" + text + ">").str(), &context);
    if (!attribute)
      return error;
    EXPECT_EQ(error, "");
    return cast<StringAttr>(attribute).str();
  }

  MLIRContext context;
};

TEST_F(AttrParsing, FieldsComeInAnyOrder) {
  EXPECT_EQ(parse("count = [1, -2, 9223372036854775807], color = blue"),
            "1;-2;9223372036854775807;blue");
  EXPECT_EQ(parse("on = false, color = red, count = []"), "redoff");
  EXPECT_EQ(parse("on = true"), "on");
}

TEST_F(AttrParsing, ErrorsNameTheField) {
  EXPECT_EQ(parse("size = 1"),
            "unknown test field 'size', expected one of: count, color, on");
  EXPECT_EQ(parse("color = red, color = red"), "field 'color' is given twice");
  EXPECT_EQ(parse("color = green"), "unknown color 'green'");
  EXPECT_EQ(parse("on = maybe"), "expected true or false, got maybe");
  EXPECT_EQ(parse("on true"), "expected '='");
}

TEST_F(AttrParsing, ErrorsOfIntegers) {
  EXPECT_EQ(parse("count = [9223372036854775808]"), "integer value too large");
  EXPECT_EQ(parse("count = [1.5]"), "expected integer value");
  EXPECT_EQ(parse("count = 1"), "expected '['");
}

//===----------------------------------------------------------------------===//
// ModuleSource.h
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// OutputFile.h
//===----------------------------------------------------------------------===//

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
