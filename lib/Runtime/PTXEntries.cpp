//===- PTXEntries.cpp - Kernels and parameters found in PTX ---------------===//

#include "PTXEntries.h"

#include <algorithm>
#include <cctype>
#include <optional>

using namespace quantmlir::runtime;

namespace {
/// Splits PTX into words (identifiers, directives, numbers) and single
/// punctuation characters, leaving out blanks and comments.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  /// The next token; empty at the end.
  std::string_view next() {
    skipBlanks();
    if (position == text.size())
      return {};
    size_t start = position;
    if (text[position] == '"') {
      ++position;
      while (position < text.size() && text[position] != '"')
        ++position;
      position = std::min(position + 1, text.size());
      return text.substr(start, position - start);
    }
    if (!isWord(text[position])) {
      ++position;
      return text.substr(start, 1);
    }
    while (position < text.size() && isWord(text[position]))
      ++position;
    return text.substr(start, position - start);
  }

private:
  static bool isWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '$' || c == '%' || c == '.';
  }

  void skipBlanks() {
    while (position < text.size()) {
      if (std::isspace(static_cast<unsigned char>(text[position]))) {
        ++position;
      } else if (text.compare(position, 2, "//") == 0) {
        position = std::min(text.find('\n', position), text.size());
      } else if (text.compare(position, 2, "/*") == 0) {
        size_t end = text.find("*/", position + 2);
        position = end == std::string_view::npos ? text.size() : end + 2;
      } else {
        return;
      }
    }
  }

  std::string_view text;
  size_t position = 0;
};
} // namespace

/// Bytes of a fundamental type such as `.u64`; 0 if it is none.
static uint64_t getTypeBytes(std::string_view type) {
  if (type.size() < 3 || type[0] != '.' ||
      std::string_view("bsuf").find(type[1]) == std::string_view::npos)
    return 0;
  std::string_view bits = type.substr(2);
  if (bits == "8")
    return 1;
  if (bits == "16")
    return 2;
  if (bits == "32")
    return 4;
  if (bits == "64")
    return 8;
  return bits == "128" ? 16 : 0;
}

static std::optional<uint64_t> parseNumber(std::string_view word) {
  if (word.empty() || word.size() > 9 ||
      !std::all_of(word.begin(), word.end(), [](char c) {
        return std::isdigit(static_cast<unsigned char>(c));
      }))
    return std::nullopt;
  uint64_t value = 0;
  for (char c : word)
    value = value * 10 + (c - '0');
  return value;
}

/// Reads `.param .u64 .ptr .align 1 name` and `.param .align 64 .b8 name[128]`
/// up to the closing parenthesis. Returns false on anything else.
static bool scanParameters(Lexer &lexer,
                           std::vector<PTXModule::Parameter> &parameters) {
  std::string_view token = lexer.next();
  while (token != ")") {
    if (token != ".param")
      return false;
    PTXModule::Parameter parameter;
    bool isPointer = false;
    for (token = lexer.next(); token != "," && token != ")";
         token = lexer.next()) {
      if (token.empty())
        return false;
      if (token == ".ptr") {
        // What follows describes the memory pointed to, not the parameter.
        isPointer = true;
      } else if (token == ".align") {
        std::optional<uint64_t> alignment = parseNumber(lexer.next());
        if (!alignment)
          return false;
        if (!isPointer)
          parameter.alignment = *alignment;
      } else if (token == "[") {
        std::optional<uint64_t> count = parseNumber(lexer.next());
        if (!count || lexer.next() != "]")
          return false;
        parameter.bytes *= *count;
      } else if (uint64_t bytes = getTypeBytes(token)) {
        parameter.bytes = bytes;
        parameter.alignment = std::max(parameter.alignment, bytes);
      }
    }
    if (parameter.bytes == 0)
      return false;
    parameters.push_back(parameter);
    if (token == ",")
      token = lexer.next();
  }
  return true;
}

Status quantmlir::runtime::scanPTX(std::string_view text, PTXModule &module) {
  // A driver that takes the text as a C string would stop here.
  if (text.find('\0') < text.size() - 1)
    return malformed("contains a zero byte: not PTX");
  if (!text.empty() && text.back() == '\0')
    text.remove_suffix(1);
  Lexer lexer(text);
  bool hasVersion = false;
  uint64_t depth = 0;
  for (std::string_view token = lexer.next(); !token.empty();
       token = lexer.next()) {
    if (token == "{") {
      ++depth;
    } else if (token == "}") {
      if (depth == 0)
        return malformed("unbalanced '}': damaged PTX");
      --depth;
    } else if (depth != 0) {
      continue;
    } else if (token == ".version") {
      hasVersion = true;
    } else if (token == ".target") {
      if (module.target.empty())
        module.target = std::string(lexer.next());
    } else if (token == ".entry") {
      std::string name(lexer.next());
      std::vector<PTXModule::Parameter> parameters;
      if (lexer.next() != "(" || !scanParameters(lexer, parameters))
        return malformed("cannot read the parameters of kernel '", name, "'");
      if (!module.entries.emplace(name, std::move(parameters)).second)
        return malformed("two kernels named '", name, "'");
    }
  }
  if (!hasVersion || module.target.empty())
    return malformed("no .version or .target directive: not PTX");
  if (depth != 0)
    return malformed("ends in the middle of a function: truncated PTX");
  return Status();
}
