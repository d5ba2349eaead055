// Mutates plans by their structure: plans with random bytes changed are rarely plans at all.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "binfeed/read_plan.h"
#include "binfeed/status.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t count, std::size_t most);

namespace {

using binfeed::ReadPlan;
using Random = std::minstd_rand;

std::size_t below(Random& random, std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

// A number that is likely to go wrong: near zero, the ends or the middle of the range, a power of two, or the old
// number.
template <typename Number>
Number other_than(Number number, Random& random) {
  using Limits = std::numeric_limits<Number>;
  if constexpr (std::is_floating_point_v<Number>) {
    const Number numbers[] = {0, -number, 1 / number, Limits::infinity(), Limits::quiet_NaN(), Limits::max()};
    return numbers[below(random, std::size(numbers))];
  } else {
    const auto near = static_cast<Number>(below(random, 5)) - 2;
    const auto twice = static_cast<Number>(static_cast<std::uint64_t>(number) * 2);
    const auto power = static_cast<Number>(std::uint64_t{1} << below(random, 63));
    const Number numbers[] = {0, 1, number, twice, power, Limits::max() / 2, Limits::max(), Limits::min()};
    return static_cast<Number>(static_cast<std::uint64_t>(numbers[below(random, std::size(numbers))]) +
                               static_cast<std::uint64_t>(near));
  }
}

// All changes that can be made to a plan.
class Changes {
 public:
  explicit Changes(Random& random) : random_(random) {}

  void add(ReadPlan& plan) {
    items(plan.files, [&](auto& file) { numbers(file.identity.size); });
    numbers(plan.layout.record_bytes, plan.layout.header_bytes, plan.layout.footer_bytes);
    numbers(plan.window.size, plan.window.stride, plan.window.dilation, plan.window.target_offset,
            plan.window.target_size, plan.window.history);
    items(plan.program.steps, [&](auto& step) {
      items(step.inputs, [&](auto& input) { numbers(input); });
      changes_.push_back([this, &step] { step.operation = any_operation(); });
      std::visit([&](auto& operation) { add(operation); }, step.operation);
    });
    items(plan.program.outputs, [&](auto& output) {
      choice(output.type, binfeed::kElementTypes);
      choice(output.is_target, 2);
      choice(output.is_cumulative, 2);
      items(output.values, [&](auto& value) { numbers(value); });
    });
    items(plan.arrays, [&](auto& array) {
      numbers(array.item_bytes);
      choice(array.is_string, 2);
      items(array.shape, [&](auto& side) { numbers(side); });
    });
    auto& schedule = plan.schedule;
    numbers(schedule.cycle_length, schedule.block_length, schedule.seed, schedule.block_samples, schedule.group_blocks,
            schedule.batch_size, schedule.shard, schedule.shards, schedule.first_epoch, schedule.first_position,
            schedule.epochs);
    items(schedule.starts, [&](auto& start) { numbers(start); });
    choice(schedule.shuffle, binfeed::kShuffles);
    choice(schedule.drops_remainder, 2);
    choice(schedule.pads, 2);
  }

  void apply_one() { changes_[below(random_, changes_.size())](); }

 private:
  void add(binfeed::Load& load) {
    choice(load.type, binfeed::kElementTypes);
    choice(load.packing.packing, binfeed::kPackings);
    choice(load.is_swapped, 2);
    numbers(load.source, load.packing.bits, load.packing.elements, load.offset, load.elements);
    items(load.offsets, [&](auto& offset) { numbers(offset); });
  }
  void add(binfeed::Cast& cast) { choice(cast.type, binfeed::kElementTypes); }
  void add(binfeed::Constant& constant) {
    choice(constant.type, binfeed::kElementTypes);
    items(constant.words, [&](auto& word) { numbers(word); });
  }
  void add(binfeed::Map& map) { choice(map.function, binfeed::kFunctions); }
  void add(binfeed::Combine& combine) { choice(combine.combination, binfeed::kCombinations); }
  void add(binfeed::Choose&) {}
  void add(binfeed::Lag& lag) { numbers(lag.records); }
  void add(binfeed::FillFirst& fill_first) { numbers(fill_first.records, fill_first.replacement); }
  void add(binfeed::Clip& clip) { numbers(clip.low, clip.high); }
  void add(binfeed::Fill& fill) { numbers(fill.missing, fill.replacement); }
  void add(binfeed::IsMissing& is_missing) { numbers(is_missing.missing); }
  void add(binfeed::Coalesce& coalesce) {
    items(coalesce.replacement, [&](auto& word) { numbers(word); });
  }
  void add(binfeed::Bits& bits) {
    numbers(bits.start, bits.width);
    choice(bits.is_signed, 2);
  }
  void add(binfeed::Codes& codes) {
    numbers(codes.key_bytes, codes.otherwise);
    items(codes.keys, [&](auto& key) { numbers(key); });
    items(codes.codes, [&](auto& code) { numbers(code); });
  }
  void add(binfeed::Hash& hash) {
    numbers(hash.text_bytes, hash.bins);
    items(hash.salt, [&](auto& word) { numbers(word); });
  }
  void add(binfeed::Cross& cross) { numbers(cross.bins); }
  void add(binfeed::OneHot& one_hot) { numbers(one_hot.depth); }
  void add(binfeed::MultiHot& multi_hot) { numbers(multi_hot.group, multi_hot.depth); }
  void add(binfeed::Bucketize& bucketize) {
    items(bucketize.edges, [&](auto& edge) { numbers(edge); });
  }

  binfeed::Operation any_operation() {
    return any_operation(std::make_index_sequence<std::variant_size_v<binfeed::Operation>>{});
  }
  template <std::size_t... Alternatives>
  binfeed::Operation any_operation(std::index_sequence<Alternatives...>) {
    const binfeed::Operation all[] = {binfeed::Operation(std::in_place_index<Alternatives>)...};
    return all[below(random_, std::size(all))];
  }

  template <typename... Numbers>
  void numbers(Numbers&... them) {
    (changes_.push_back([this, &them] { them = other_than(them, random_); }), ...);
  }

  template <typename Choice>
  void choice(Choice& chosen, std::size_t choices) {
    changes_.push_back([this, &chosen, choices] { chosen = static_cast<Choice>(below(random_, choices)); });
  }

  // Inserts an item, erases one, swaps two; and the changes of each item.
  template <typename Item, typename AddItem>
  void items(std::vector<Item>& them, AddItem add_item) {
    const auto at = [&random = random_, &them](std::size_t count) {
      return them.begin() + static_cast<std::ptrdiff_t>(below(random, count));
    };
    changes_.push_back([&them, at] {
      Item item = them.empty() ? Item{} : *at(them.size());
      them.insert(at(them.size() + 1), std::move(item));
    });
    if (them.empty()) return;
    changes_.push_back([&them, at] { them.erase(at(them.size())); });
    changes_.push_back([&them, at] { std::iter_swap(at(them.size()), at(them.size())); });
    for (Item& item : them) add_item(item);
  }

  Random& random_;
  std::vector<std::function<void()>> changes_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t count, std::size_t most,
                                               unsigned int seed) {
  Random random(seed);
  ReadPlan plan;
  try {
    plan = binfeed::read_plan({reinterpret_cast<const char*>(bytes), count});
  } catch (const binfeed::Error&) {
    return LLVMFuzzerMutate(bytes, count, most);
  }
  constexpr std::size_t kMaxChanges = 3;
  if (below(random, 8) == 0) return LLVMFuzzerMutate(bytes, count, most);
  for (std::size_t left = 1 + below(random, kMaxChanges); left > 0; --left) {
    Changes changes(random);
    changes.add(plan);
    changes.apply_one();
  }
  const std::string changed = binfeed::to_bytes(plan);
  if (changed.size() > most) return LLVMFuzzerMutate(bytes, count, most);
  std::memcpy(bytes, changed.data(), changed.size());
  return changed.size();
}
