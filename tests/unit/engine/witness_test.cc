#include "engine/witness.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/engine/store.h"

namespace rift::engine {
namespace {

class WitnessTest : public Store {
 protected:
  std::string path() const { return (root_ / "witness").string(); }
  std::uint64_t read() const { return MUST(Witness::read(path())).value().batch; }
  static Testimony batch(std::uint64_t number) {
    return Testimony{.batch = number, .manifest = {.number = 1, .bytes = 2, .hash = 3}};
  }
};

TEST_F(WitnessTest, IsAbsentThenSaysZeroThenWhatWasWritten) {
  EXPECT_FALSE(MUST(Witness::read(path())).has_value());
  auto witness = MUST(Witness::open(path()));
  EXPECT_EQ(read(), 0u);
  for (const std::uint64_t number : {3u, 9u, 27u}) {
    MUST(witness->write(batch(number)));
    EXPECT_EQ(MUST(Witness::read(path())), batch(number));
  }
}

TEST_F(WitnessTest, GoesOnAfterARestart) {
  {
    auto before = MUST(Witness::open(path()));
    MUST(before->write(batch(5)));
  }
  auto witness = MUST(Witness::open(path()));
  EXPECT_EQ(read(), 5u);
  MUST(witness->write(batch(6)));
  MUST(witness->write(batch(7)));
  EXPECT_EQ(read(), 7u);
}

TEST_F(WitnessTest, FallsBackToTheOtherSlotWhenAWriteWasTorn) {
  auto witness = MUST(Witness::open(path()));
  MUST(witness->write(batch(5)));  // second slot
  MUST(witness->write(batch(6)));  // first slot
  flip_byte(path(), 9);
  EXPECT_EQ(read(), 5u);
}

TEST_F(WitnessTest, IsCorruptWhenNeitherSlotCanBeRead) {
  auto witness = MUST(Witness::open(path()));
  MUST(witness->write(batch(5)));
  flip_byte(path(), 9);
  flip_byte(path(), 512 + 9);
  EXPECT_EQ(Witness::read(path()).error().code, Code::corruption);
  EXPECT_EQ(Witness::open(path()).error().code, Code::corruption);
}

}  // namespace
}  // namespace rift::engine
