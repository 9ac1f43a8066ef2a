//===- AttrParsingTest.cpp - Fields of attributes -------------------------===//

#include "quantmlir/Support/AttrParsing.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quantmlir;

namespace {

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

} // namespace
