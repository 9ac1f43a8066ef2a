//===- AttrParsing.h - Shared pieces of attribute syntax ------------------===//
//
// Lists, enums and `key = value` fields as all our attributes write them.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SUPPORT_ATTRPARSING_H
#define QUANTMLIR_SUPPORT_ATTRPARSING_H

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"

#include <optional>

namespace quantmlir {

/// Parses `[1, 2, ...]`.
inline mlir::ParseResult parseIntegers(mlir::AsmParser &parser,
                                       llvm::SmallVectorImpl<int64_t> &values) {
  return parser.parseCommaSeparatedList(
      mlir::AsmParser::Delimiter::Square,
      [&] { return parser.parseInteger(values.emplace_back()); });
}

inline void printIntegers(mlir::AsmPrinter &printer,
                          llvm::ArrayRef<int64_t> values) {
  printer << '[';
  llvm::interleaveComma(values, printer);
  printer << ']';
}

/// Parses `true` or `false`.
inline mlir::ParseResult parseBoolean(mlir::AsmParser &parser, bool &value) {
  llvm::StringRef keyword;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return mlir::failure();
  if (keyword != "true" && keyword != "false")
    return parser.emitError(loc) << "expected true or false, got " << keyword;
  value = keyword == "true";
  return mlir::success();
}

/// Parses a keyword that names a case of an enum.
template <typename Enum>
inline mlir::ParseResult
parseEnum(mlir::AsmParser &parser, Enum &value, llvm::StringRef what,
          std::optional<Enum> (*symbolize)(llvm::StringRef)) {
  llvm::StringRef keyword;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return mlir::failure();
  std::optional<Enum> parsed = symbolize(keyword);
  if (!parsed)
    return parser.emitError(loc)
           << "unknown " << what << " '" << keyword << "'";
  value = *parsed;
  return mlir::success();
}

/// Parses `key = value` pairs, each key one of `keys` and at most once, up to
/// what follows the last pair.
inline mlir::ParseResult
parseFields(mlir::AsmParser &parser, llvm::StringRef what,
            llvm::ArrayRef<llvm::StringRef> keys,
            llvm::function_ref<mlir::ParseResult(llvm::StringRef)> parseValue) {
  llvm::SmallBitVector seen(keys.size());
  return parser.parseCommaSeparatedList([&]() -> mlir::ParseResult {
    llvm::StringRef key;
    llvm::SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&key))
      return mlir::failure();
    const auto *it = llvm::find(keys, key);
    if (it == keys.end()) {
      mlir::InFlightDiagnostic diag = parser.emitError(loc)
                                      << "unknown " << what << " field '" << key
                                      << "', expected one of: ";
      llvm::interleaveComma(keys, diag);
      return diag;
    }
    if (seen.test(it - keys.begin()))
      return parser.emitError(loc) << "field '" << key << "' is given twice";
    seen.set(it - keys.begin());
    if (parser.parseEqual())
      return mlir::failure();
    return parseValue(key);
  });
}

} // namespace quantmlir

#endif // QUANTMLIR_SUPPORT_ATTRPARSING_H
