// Decodes records from any addresses, one after the other, into the rows of outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "binfeed/decode_plan.h"
#include "binfeed/decoder.h"

namespace binfeed {

class RecordDecoder {
 public:
  RecordDecoder(const DecodePlan& plan, std::vector<std::byte*> outputs);

  // Small records that lie alone or in short runs are first copied side by side, because loops are fast on many records
  // at equal distances. They must not move or change until flush().
  // `before` is the number of records of the file before the first one; it only matters if the plan looks back.
  void add(const std::byte* records, std::size_t stride, std::int64_t count, std::size_t before = 0);

  // The same for one record. Only if is_small().
  void add_small(const std::byte* record) {
    scattered_.push_back(record + plan_.used_begin());
    if (scattered_.size() == plan_.block_records()) flush();
  }
  bool is_small() const { return used_bytes_ <= kSmallRecord && plan_.history() == 0; }

  // Decodes the records that are pending. After that, outputs() are the addresses of the next row; a caller that fills
  // rows itself must advance them.
  void flush();
  std::vector<std::byte*>& outputs() { return outputs_; }

 private:
  static constexpr std::size_t kSmallRecord = 1024;

  void bring_together();
  void prefetch(const std::byte* record) const;
  void decode_rows(const std::byte* records, std::size_t stride, std::int64_t count, std::size_t before = 0);
  void decode_run(const Rows& rows, std::size_t count);

  const DecodePlan& plan_;
  std::vector<std::byte*> outputs_;
  std::size_t used_bytes_;  // per record
  std::vector<const std::byte*> scattered_;
  std::vector<std::byte> together_;
};

}  // namespace binfeed
