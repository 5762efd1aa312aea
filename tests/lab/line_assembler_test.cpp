// SPDX-License-Identifier: Apache-2.0
#include "lab/line_assembler.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

struct LineAssembler : testing::Test {
  std::vector<std::string> lines;
  lab::line_assembler assembler{[this](pid_t sender, int stream, std::string_view line) {
    lines.push_back(std::to_string(sender) + "/" + std::to_string(stream) + " " + std::string(line));
  }};
};

TEST_F(LineAssembler, LinesOfTwoSendersStayWhole) {
  assembler.append(1, 1, "Thread 0: ");
  assembler.append(2, 1, "Thread 1: ");
  assembler.append(1, 1, "starting\nThread 0: do");
  assembler.append(2, 1, "starting\n");
  assembler.append(1, 1, "ne\n");
  EXPECT_EQ(lines,
            (std::vector<std::string>{"1/1 Thread 0: starting", "2/1 Thread 1: starting", "1/1 Thread 0: done"}));
}

TEST_F(LineAssembler, StreamsOfOneSenderStayApart) {
  assembler.append(1, 1, "out");
  assembler.append(1, 2, "err\n");
  assembler.append(1, 1, "put\n");
  EXPECT_EQ(lines, (std::vector<std::string>{"1/2 err", "1/1 output"}));
}

TEST_F(LineAssembler, SeveralLinesInOnePieceAndEmptyOnes) {
  assembler.append(7, 2, "a\n\nb\r\n");
  EXPECT_EQ(lines, (std::vector<std::string>{"7/2 a", "7/2 ", "7/2 b"}));
}

TEST_F(LineAssembler, AnUnfinishedLineComesWithTheFlushAndOnce) {
  assembler.append(3, 1, "no line break");
  EXPECT_TRUE(lines.empty());
  assembler.flush();
  assembler.flush();
  EXPECT_EQ(lines, std::vector<std::string>{"3/1 no line break"});
}

TEST_F(LineAssembler, ALineWithoutEndDoesNotFillTheMemory) {
  const std::string piece(1 << 16, 'x');
  for (int i = 0; i < 40; ++i) assembler.append(1, 1, piece);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].size(), lab::line_assembler::longest_line + std::string("1/1 ").size());
}

}  // namespace
