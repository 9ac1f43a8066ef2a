//===- SchemeTest.cpp - Schemes as text -----------------------------------===//

#include "quantmlir/Calibration/Scheme.h"

#include "gtest/gtest.h"

using namespace quantmlir::calibration;

static std::string canonical(llvm::StringRef text) {
  auto scheme = Scheme::parse(text);
  if (!scheme)
    return "error: " + llvm::toString(scheme.takeError());
  auto again = Scheme::parse(scheme->toString());
  if (!again)
    return "error again: " + llvm::toString(again.takeError());
  EXPECT_EQ(again->toString(), scheme->toString());
  return scheme->toString();
}

TEST(Scheme, WritesDefaultsOut) {
  EXPECT_EQ(canonical("int8"),
            "int8,channel,symmetric,scale=f32,method=absmax");
  EXPECT_EQ(canonical("int4,group=128,symmetric"),
            "int4,group=128,symmetric,scale=f32,method=absmax");
  EXPECT_EQ(canonical("int4, scale=bf16, mse, group=64"),
            "int4,group=64,symmetric,scale=bf16,mse=80");
  EXPECT_EQ(canonical("int3,asymmetric,tensor"),
            "int3,tensor,asymmetric,scale=f32,method=minmax");
  EXPECT_EQ(canonical("mxfp4"),
            "fp4,group=32,symmetric,scale=f8E8M0FNU,method=absmax");
  EXPECT_EQ(canonical("nf4,group=32"),
            "nf4,group=32,symmetric,scale=f32,method=absmax");
  EXPECT_EQ(canonical("fp8,block=128x64"),
            "fp8,block=128x64,symmetric,scale=f32,method=absmax");
  EXPECT_EQ(canonical("none"), "none");
}

TEST(Scheme, HasTwoSides) {
  EXPECT_EQ(canonical("int8/int8"),
            "int8,channel,symmetric,scale=f32,method=absmax/"
            "int8,token,symmetric,scale=f32,method=absmax,dynamic");
  EXPECT_EQ(canonical("int8/int8,tensor,static,kl=20,asymmetric"),
            "int8,channel,symmetric,scale=f32,method=absmax/"
            "int8,tensor,asymmetric,scale=f32,kl=20,static");
  EXPECT_EQ(canonical("int8/none"),
            "int8,channel,symmetric,scale=f32,method=absmax");
}

TEST(Scheme, SaysWhichWordIsWrong) {
  auto error = [](llvm::StringRef text) {
    auto scheme = Scheme::parse(text);
    return scheme ? "accepted: " + scheme->toString()
                  : llvm::toString(scheme.takeError());
  };
  auto expect = [&](llvm::StringRef text, llvm::StringRef part) {
    EXPECT_NE(error(text).find(part.str()), std::string::npos)
        << text.str() << ": " << error(text);
  };
  expect("", "'' is no type");
  expect("int9", "'int9' is not one of int2 to int8");
  expect("int1", "'int1' is not one of int2 to int8");
  expect("float", "'float' is no type");
  expect("int4,group=0", "'group=0' is not a positive");
  expect("int4,group=64,channel", "'channel' is a second granularity");
  expect("int4,block=3", "'block=3' is not ROWSxCOLUMNS");
  expect("int4,token", "weights have no tokens");
  expect("int8/int8,channel", "activations have no scale per channel");
  expect("int4,minmax", "say asymmetric");
  expect("nf4,asymmetric", "only integer types");
  expect("int4,percentile=0", "'percentile=0' is not in (0, 100]");
  expect("int4,percentile=nan", "is not in (0, 100]");
  expect("int4,mse=0", "'mse=0' is not a number of candidates");
  expect("int4,mse,kl", "'kl' is a second method");
  expect("int4,method=best", "'best' is no method");
  expect("int4,scale=f64", "'f64' is no type of scales");
  expect("int4,dynamic", "behind a '/'");
  expect("int8/int8,token,static", "say tensor");
  expect("none/int8", "with their weights only");
  expect("int4,fast", "'fast' is not known");
}

TEST(Scheme, OverridesGoByTheFirstPattern) {
  auto overrides = parseOverrides("*.attn.*=int8;*.mlp.{up,down}=none");
  ASSERT_TRUE(static_cast<bool>(overrides))
      << llvm::toString(overrides.takeError());
  Scheme base = llvm::cantFail(Scheme::parse("int4"));
  auto bits = [&](llvm::StringRef name) {
    Scheme scheme = chooseScheme(name, base, *overrides);
    return scheme.weights ? scheme.weights->bits : 0;
  };
  EXPECT_EQ(bits("layer.0.attn.query"), 8u);
  EXPECT_EQ(bits("layer.0.mlp.up"), 0u);
  EXPECT_EQ(bits("layer.0.mlp.gate"), 4u);
  for (llvm::StringRef bad : {"*", "=int8", "[=int8", "*=int9"}) {
    auto parsed = parseOverrides(bad);
    EXPECT_FALSE(static_cast<bool>(parsed)) << bad.str();
    llvm::consumeError(parsed.takeError());
  }
}
