#include "binfeed/order.h"

#include <algorithm>
#include <map>
#include <queue>
#include <string>
#include <utility>

#include "binfeed/status.h"

namespace binfeed {

void Order::check(std::int64_t position, std::int64_t count) const {
  if (position < 0 || count < 0 || count > size_ - position) {
    // Not as a range: its end may overflow.
    throw Error(ErrorKind::kIndex, std::to_string(count) + " positions from " + std::to_string(position) +
                                       " on are not all within the " + std::to_string(size_) + " samples of the order");
  }
}

void Order::append_runs(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const {
  check(position, count);
  if (count > 0) append(position, count, runs);
}

void Order::append_reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const {
  check(position, count);
  if (count > 0) reach(position, count, enough, runs);
}

namespace {

class SequentialOrder final : public Order {
 public:
  explicit SequentialOrder(std::int64_t size) : Order(size) {}

 private:
  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    runs.push_back({position, count});
  }
};

class ListedOrder final : public Order {
 public:
  explicit ListedOrder(std::vector<std::int64_t> samples)
      : Order(static_cast<std::int64_t>(samples.size())), samples_(std::move(samples)) {}

 private:
  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    const auto first = samples_.begin() + position;
    for (auto sample = first; sample != first + count; ++sample) runs.push_back({*sample, 1});
  }

  std::vector<std::int64_t> samples_;
};

// tf.data keeps `cycle_length` slots and visits them in rounds. A visit to a slot yields up to `block_length` samples
// of the slot's file. A visit that reaches the end of the file before the block is full empties the slot, and the next
// visit fills it with the next file. So a file of n samples takes n / block_length full visits and one more, which
// yields the remaining n % block_length samples (perhaps none). This determines in advance the round in which each file
// starts, and how many samples come before any round.
class InterleavedOrder final : public Order {
 public:
  InterleavedOrder(std::vector<std::int64_t> starts, std::int64_t cycle_length, std::int64_t block_length)
      : Order(starts.back()), starts_(std::move(starts)), block_length_(std::min(block_length, size() + 1)) {
    const auto files = static_cast<std::int64_t>(starts_.size()) - 1;
    slots_.resize(static_cast<std::size_t>(std::min(cycle_length, std::max<std::int64_t>(files, 1))));
    assign_slots();
  }

 private:
  struct Visits {
    std::size_t file;
    std::int64_t first_round;
  };
  // From `round` on, each round yields `per_round` samples; `given` samples come before it.
  struct Segment {
    std::int64_t round;
    std::int64_t given;
    std::int64_t per_round;
  };

  std::int64_t samples(std::size_t file) const { return starts_[file + 1] - starts_[file]; }
  std::int64_t full_visits(std::size_t file) const { return samples(file) / block_length_; }

  void assign_slots() {
    using Turn = std::pair<std::int64_t, std::size_t>;  // the round in which a slot becomes free, and the slot
    std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) turns.emplace(0, slot);

    std::map<std::int64_t, std::int64_t> changes;  // round -> change of the samples per round
    for (std::size_t file = 0; file + 1 < starts_.size(); ++file) {
      const auto [round, slot] = turns.top();
      turns.pop();
      slots_[slot].push_back({file, round});
      const std::int64_t last = round + full_visits(file);
      const std::int64_t left = samples(file) % block_length_;
      // A file without a full visit must not add one, so that no sum exceeds the number of samples.
      const std::int64_t full = last > round ? block_length_ : 0;
      changes[round] += full;
      changes[last] += left - full;
      changes[last + 1] -= left;
      turns.emplace(last + 1, slot);
    }

    Segment segment{0, 0, 0};
    for (const auto& [round, change] : changes) {
      segment.given += (round - segment.round) * segment.per_round;
      segment.per_round += change;
      segment.round = round;
      if (segment.per_round > 0) segments_.push_back(segment);
    }
  }

  void reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const override {
    const bool has_long_runs = block_length_ > enough.samples / enough.runs;
    append(position, std::min(count, has_long_runs ? enough.samples : enough.runs * block_length_), runs);
  }

  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    const auto after =
        std::upper_bound(segments_.begin(), segments_.end(), position,
                         [](std::int64_t wanted, const Segment& segment) { return wanted < segment.given; });
    const Segment& segment = *(after - 1);
    const std::int64_t rounds = (position - segment.given) / segment.per_round;
    std::int64_t skip = (position - segment.given) % segment.per_round;

    std::vector<std::size_t> next_file(slots_.size(), 0);  // per slot: index into its list of files
    for (std::int64_t round = segment.round + rounds; count > 0; ++round) {
      for (std::size_t slot = 0; slot < slots_.size() && count > 0; ++slot) {
        const Run visit = visit_in(slots_[slot], round, next_file[slot]);
        const std::int64_t skipped = std::min(skip, visit.count);
        const std::int64_t taken = std::min(count, visit.count - skipped);
        skip -= skipped;
        count -= taken;
        if (taken > 0) runs.push_back({visit.first + skipped, taken});
      }
    }
  }

  // The samples that the visit to a slot in `round` yields. The search for its file begins at `next`: rounds only
  // increase.
  Run visit_in(const std::vector<Visits>& slot, std::int64_t round, std::size_t& next) const {
    const auto after = [&](std::size_t i) { return i + 1 < slot.size() && slot[i + 1].first_round <= round; };
    if (next == 0 && after(0)) {
      const auto later =
          std::upper_bound(slot.begin(), slot.end(), round,
                           [](std::int64_t wanted, const Visits& visits) { return wanted < visits.first_round; });
      next = static_cast<std::size_t>(later - slot.begin()) - 1;
    }
    while (after(next)) ++next;
    if (next >= slot.size()) return {0, 0};
    const auto [file, first_round] = slot[next];
    const std::int64_t done = (round - first_round) * block_length_;
    return {starts_[file] + done, std::clamp<std::int64_t>(samples(file) - done, 0, block_length_)};
  }

  std::vector<std::int64_t> starts_;
  std::int64_t block_length_;
  std::vector<std::vector<Visits>> slots_;
  std::vector<Segment> segments_;
};

class ShardedOrder final : public Order {
 public:
  ShardedOrder(const OrderPointer& order, const Sharding& sharding)
      : ShardedOrder(order, sharding, full_batches(*order, sharding)) {}

 private:
  static std::int64_t full_batches(const Order& order, const Sharding& sharding) {
    return (order.size() - sharding.first) / sharding.shards / sharding.batch_size;
  }

  // Samples of each shard in the last batch.
  static std::int64_t last_batch(const Order& order, const Sharding& sharding, std::int64_t full_batches) {
    if (sharding.drops_remainder) return 0;
    const std::int64_t rest = order.size() - sharding.first - full_batches * sharding.shards * sharding.batch_size;
    return rest / sharding.shards + (sharding.pads && rest % sharding.shards > 0 ? 1 : 0);
  }

  ShardedOrder(const OrderPointer& order, const Sharding& sharding, std::int64_t full_batches)
      : Order(full_batches * sharding.batch_size + last_batch(*order, sharding, full_batches)),
        order_(order),
        sharding_(sharding),
        in_full_batches_(full_batches * sharding.batch_size) {}

  void append(std::int64_t position, std::int64_t count, std::vector<Run>& runs) const override {
    for_each_stretch(position, count,
                     [&](std::int64_t first, std::int64_t length) { order_->append_runs(first, length, runs); });
  }
  void reach(std::int64_t position, std::int64_t count, Enough enough, std::vector<Run>& runs) const override {
    for_each_stretch(position, std::min(count, enough.samples), [&](std::int64_t first, std::int64_t length) {
      order_->append_reach(first, length, enough, runs);
    });
  }

  // Calls visit(position, count) for the stretches of the whole epoch that these positions of the shard stand for.
  template <typename Visit>
  void for_each_stretch(std::int64_t position, std::int64_t count, Visit visit) const {
    if (sharding_.shards == 1) {
      visit(sharding_.first + position, count);
      return;
    }
    while (count > 0) {
      const bool is_full = position < in_full_batches_;
      const std::int64_t within = is_full ? position % sharding_.batch_size : position - in_full_batches_;
      const std::int64_t batch_size = is_full ? sharding_.batch_size : size() - in_full_batches_;
      const std::int64_t now = std::min(count, batch_size - within);
      // The batches of all shards follow each other from `turn` on.
      const std::int64_t turn = sharding_.first + (position - within) * sharding_.shards;
      visit_wrapped(turn + sharding_.shard * batch_size + within, now, visit);
      position += now;
      count -= now;
    }
  }

  // Padding wraps around to the start of the epoch.
  template <typename Visit>
  void visit_wrapped(std::int64_t position, std::int64_t count, Visit visit) const {
    while (count > 0) {
      const std::int64_t begin = position % order_->size();
      const std::int64_t now = std::min(count, order_->size() - begin);
      visit(begin, now);
      position += now;
      count -= now;
    }
  }

  OrderPointer order_;
  Sharding sharding_;
  std::int64_t in_full_batches_;  // samples
};

}  // namespace

OrderPointer sequential_order(std::int64_t size) { return std::make_shared<SequentialOrder>(size); }

OrderPointer listed_order(std::vector<std::int64_t> samples, std::int64_t size) {
  for (const std::int64_t sample : samples) {
    if (sample < 0 || sample >= size) {
      throw Error(ErrorKind::kIndex, "there is no sample " + std::to_string(sample) + ": the reader has " +
                                         std::to_string(size) + " samples, numbered from 0");
    }
  }
  return std::make_shared<ListedOrder>(std::move(samples));
}

OrderPointer interleaved_order(std::vector<std::int64_t> starts, std::int64_t cycle_length, std::int64_t block_length) {
  if (cycle_length < 1 || block_length < 1) {
    throw Error(ErrorKind::kArgument, "cycle_length and block_length must be at least 1, not " +
                                          std::to_string(cycle_length) + " and " + std::to_string(block_length));
  }
  // With one file at a time, files follow each other whatever the length of a block.
  if (cycle_length == 1) return sequential_order(starts.back());
  return std::make_shared<InterleavedOrder>(std::move(starts), cycle_length, block_length);
}

OrderPointer sharded_order(const OrderPointer& order, const Sharding& sharding) {
  if (sharding.shards < 1 || sharding.shard < 0 || sharding.shard >= sharding.shards) {
    throw Error(ErrorKind::kArgument, "there is no shard " + std::to_string(sharding.shard) + " of " +
                                          std::to_string(sharding.shards) + ": shards are numbered from 0");
  }
  order->check(sharding.first, 0);
  return std::make_shared<ShardedOrder>(order, sharding);
}

}  // namespace binfeed
