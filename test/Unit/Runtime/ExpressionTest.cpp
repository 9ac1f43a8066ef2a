//===- ExpressionTest.cpp - Integer functions of the dimensions -----------===//

#include "quantmlir/Runtime/Runtime.h"

#include "gtest/gtest.h"

namespace {

struct Evaluation {
  QuantmlirRtStatus status;
  int64_t value;
  std::string message;
};

/// Evaluates with d0 = 100 and n = -7.
Evaluation evaluate(const std::string &json) {
  const char *names[] = {"d0", "n"};
  int64_t values[] = {100, -7};
  int64_t result = 0;
  QuantmlirRtStatus status =
      quantmlirRtEvaluateExpression(json.c_str(), names, values, 2, &result);
  return {status, result,
          status == QUANTMLIR_RT_SUCCESS ? ""
                                         : quantmlirRtGetLastErrorMessage()};
}

TEST(Expression, Values) {
  const std::pair<const char *, int64_t> cases[] = {
      {"42", 42},
      {"-9223372036854775808", INT64_MIN},
      {R"("d0")", 100},
      {R"(["add","d0",1])", 101},
      {R"(["sub",1,"d0"])", -99},
      {R"(["mul","d0","n"])", -700},
      {R"(["floordiv","n",2])", -4},
      {R"(["ceildiv","n",2])", -3},
      {R"(["mod","n",2])", 1},
      {R"(["floordiv",7,2])", 3},
      {R"(["ceildiv",7,2])", 4},
      {R"(["mod",7,2])", 1},
      {R"(["ceildiv",8,2])", 4},
      {R"(["floordiv",-9223372036854775808,1])", INT64_MIN},
      {R"(["min","d0","n"])", -7},
      {R"(["max","d0","n"])", 100},
      {R"(["eq","d0",100])", 1},
      {R"(["ne","d0",100])", 0},
      {R"(["lt","n","d0"])", 1},
      {R"(["le",100,"d0"])", 1},
      {R"(["gt","n","d0"])", 0},
      {R"(["ge","d0",101])", 0},
      {R"(["and","d0",0])", 0},
      {R"(["and","d0",-1])", 1},
      {R"(["or",0,0])", 0},
      {R"(["or",0,5])", 1},
      {R"(["not",0])", 1},
      {R"(["not","d0"])", 0},
      {R"(["mul",["ceildiv","d0",64],["add",["not",1],3]])", 6}};
  for (const auto &[json, expected] : cases) {
    Evaluation got = evaluate(json);
    EXPECT_EQ(got.status, QUANTMLIR_RT_SUCCESS) << json << got.message;
    EXPECT_EQ(got.value, expected) << json;
  }
}

TEST(Expression, Refusals) {
  const std::pair<const char *, const char *> cases[] = {
      {R"(["add",9223372036854775807,1])", "overflows 64 bits"},
      {R"(["sub",-9223372036854775808,1])", "overflows 64 bits"},
      {R"(["mul",4611686018427387904,2])", "overflows 64 bits"},
      {R"(["floordiv",1,0])", "not positive"},
      {R"(["ceildiv",1,-1])", "not positive"},
      {R"(["mod",1,"n"])", "not positive"},
      {R"(9223372036854775808)", "does not fit in 64 bits"},
      {R"(1.5)", "expected an integer"},
      {R"("d9")", "unknown dimension 'd9'"},
      {R"(["pow",2,3])", "unknown operator 'pow'"},
      {R"(["add",1])", "'add' takes 2 operand(s), got 1"},
      {R"(["not",1,2])", "'not' takes 1 operand(s), got 2"},
      {R"([])", "expected an integer, a dimension's name"},
      {R"([1,2,3])", "expected an integer, a dimension's name"},
      {R"({"add":1})", "expected an integer, a dimension's name"},
      {R"(null)", "expected an integer, a dimension's name"},
      {R"(["add",1,)", "not valid JSON"},
      {R"(["add",1,["add",["mod"],2]])", "[2][1]: 'mod' takes 2"}};
  for (const auto &[json, message] : cases) {
    Evaluation got = evaluate(json);
    EXPECT_NE(got.status, QUANTMLIR_RT_SUCCESS) << json;
    EXPECT_NE(got.message.find(message), std::string::npos)
        << json << " gave: " << got.message;
  }
}

TEST(Expression, DepthAndSizeAreBounded) {
  // 31 operators around a leaf are the deepest tree; both leanings evaluate.
  std::string left = "1", right = "1";
  for (int i = 0; i < 31; ++i) {
    left = "[\"add\"," + left + ",1]";
    right = "[\"add\",1," + right + "]";
  }
  EXPECT_EQ(evaluate(left).value, 32);
  EXPECT_EQ(evaluate(right).value, 32);
  EXPECT_NE(evaluate("[\"add\"," + left + ",1]").message.find("deeper than 32"),
            std::string::npos);
  std::string wide = "1";
  for (int i = 0; i < 9; ++i)
    wide = "[\"add\"," + wide + "," + wide + "]";
  EXPECT_NE(evaluate(wide).message.find("more than 512 parts"),
            std::string::npos);
  // Far beyond any depth at which recursion would be safe.
  EXPECT_NE(evaluate(std::string(1000000, '[')).message.find("nested deeper"),
            std::string::npos);
}

} // namespace
