// SPDX-License-Identifier: Apache-2.0
#include "lab/claim.hpp"

#include <gtest/gtest.h>

#include "tests/lab/sample_record.hpp"

namespace {

TEST(Claim, IsReadWhicheverWayItIsWritten) {
  for (const char* text : {"processes < 0.6*threads", "processes<0.6*threads", "0.6 * threads > processes",
                           "0.5*processes < 0.3*threads", "threads > 1.6666666666666667*processes"}) {
    const auto read = lab::parse_claim(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->a, "processes") << text;
    EXPECT_EQ(read->b, "threads") << text;
    EXPECT_NEAR(read->factor, 0.6, 1e-12) << text;
    EXPECT_EQ(read->text, text);
  }
  EXPECT_EQ(lab::parse_claim("async < threads")->factor, 1);
}

TEST(Claim, AnythingElseIsNone) {
  for (const char* text :
       {"", "threads", "threads <", "< threads", "a = b", "a <= b", "a << b", "x*a < b", "-1*a < b", "0*a < b",
        "inf*a < b", "a b < c", "a < 2 b", "a < b < c", "a < a", "1e300*a < 1e-300*b", "1e-300*a < 1e300*b"})
    EXPECT_FALSE(lab::parse_claim(text)) << text;
}

/// In the sample threads takes half as long as serial, within a percent.
lab::judgement judged(const char* text) { return lab::judge(*lab::parse_claim(text), lab::analyse(sample_record())); }

TEST(Claim, IsShownWhereTheWholeIntervalIs) {
  EXPECT_TRUE(judged("threads < 0.6*serial").shown);
  EXPECT_TRUE(judged("serial > 1.9*threads").shown);
  EXPECT_EQ(judged("threads < 0.6*serial").said.text,
            "threads < 0.6*serial: threads takes 0.50 times as long as serial (0.50 to 0.50)");
}

TEST(Claim, IsNotShownWhereItIsFalseOrOpen) {
  EXPECT_FALSE(judged("threads < 0.4*serial").shown);
  EXPECT_EQ(judged("threads < 0.4*serial").said.text,
            "threads < 0.4*serial is false: threads takes 0.50 times as long as serial (0.50 to 0.50)");
  EXPECT_FALSE(judged("serial < async").shown);
  EXPECT_TRUE(judged("serial < async").open);
  EXPECT_FALSE(judged("threads < 0.4*serial").open);
  EXPECT_EQ(
      judged("serial < async").said.text,
      "serial < async is not shown: serial takes 1.00 times as long as async (1.00 to 1.00); more rounds may show "
      "it");
}

TEST(Claim, OneRoundShowsNothing) {
  lab::record short_one = sample_record();
  short_one.order.resize(1);
  std::erase_if(short_one.runs, [](const lab::run_record& run) { return run.round > 1; });
  const auto found = lab::judge(*lab::parse_claim("threads < 0.9*serial"), lab::analyse(short_one));
  EXPECT_FALSE(found.shown);
  EXPECT_NE(found.said.text.find("is not shown: threads takes 0.50 times as long as serial, in one round"),
            std::string::npos)
      << found.said.text;
}

TEST(Claim, CannotBeJudgedOfAModelThatWasNotMeasured) {
  EXPECT_FALSE(judged("processes < threads").shown);
  EXPECT_EQ(judged("processes < threads").said.text,
            "processes < threads cannot be judged: processes was not measured");
}

}  // namespace
