// Files, where their records lie, and how they are decoded, in one object: positions of an order -> outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "binfeed/decode_plan.h"
#include "binfeed/order.h"
#include "binfeed/record_index.h"

namespace binfeed {

class Reader {
 public:
  Reader(RecordIndex index, DecodePlan plan);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const RecordIndex& index() const { return index_; }
  const DecodePlan& plan() const { return plan_; }

  // Decodes the samples at positions [position, position + count) of `order` into the rows of `outputs`. Safe from
  // many threads.
  void read(const Order& order, std::int64_t position, std::int64_t count,
            std::span<std::byte* const> outputs) const;

 private:
  RecordIndex index_;
  DecodePlan plan_;
};

}  // namespace binfeed
