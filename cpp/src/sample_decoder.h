// Decodes successive samples into the rows of outputs, in a way that lets the loops see many records at equal
// distances.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "binfeed/decode_plan.h"
#include "binfeed/order.h"
#include "binfeed/record_decoder.h"
#include "binfeed/sample_index.h"

namespace binfeed {

class SampleDecoder {
 public:
  // Decodes `size` records of each sample, from its record `first` on.
  SampleDecoder(const RecordIndex& records, const SampleIndex& samples, std::int64_t first, std::int64_t size,
                const DecodePlan& plan, std::vector<std::byte*> outputs);

  // Throws kIndex for samples that do not exist.
  void add(std::span<const Run> runs);

  // Must be called after adding samples, before files may be unmapped. Throws if a file that was read has lost bytes.
  // More samples may be added afterwards.
  void finish();

 private:
  void add(Run run);
  void enter(std::int64_t sample);
  // The first record to read of a sample in the current stretch.
  const std::byte* address(std::int64_t sample) const { return base_ + stretch_.offset_of(sample); }
  // The number of records of its file before a record.
  std::size_t before(const std::byte* record) const;
  void add_samples(const std::byte* first_record, std::int64_t count);
  void add_overlapping(const std::byte* first_record, std::int64_t count);

  // Of all outputs together.
  std::size_t row_bytes() const;
  bool overlaps(std::int64_t count) const;
  // Rows of the lattice on which all records of `count` successive samples lie.
  std::int64_t lattice_rows(std::int64_t count) const;
  void copy_sample(std::int64_t first_row);

  void prefetch_sample(std::int64_t sample) const;
  void check_files() const;

  // Adds up the rows of each sample that was decoded since the last time, in outputs that are cumulative.
  void add_up();

  const RecordIndex& records_;
  const SampleIndex& samples_;
  const DecodePlan& plan_;
  RecordDecoder rows_;

  std::size_t first_bytes_;  // from the first record of a sample to the first one that is read
  std::int64_t size_;
  std::size_t step_bytes_;    // from one record of a sample to the next
  std::size_t stride_bytes_;  // from one sample to the next
  std::int64_t lattice_;      // records from one row of the lattice to the next
  std::int64_t lattice_step_;
  std::int64_t lattice_stride_;

  // The stretch of samples that was entered last.
  SampleIndex::Stretch stretch_;
  const std::byte* base_ = nullptr;
  const std::byte* first_of_file_ = nullptr;  // the first record
  // The files that were read since the last finish(), each with the byte that shows whether it was cut.
  struct Touched {
    std::size_t file;
    MappedFile::Witness witness;
  };
  std::vector<Touched> touched_;
  std::vector<bool> is_touched_;  // by file
  std::vector<std::byte*> decoded_up_to_;           // in each output, when samples were last finished
  std::vector<std::vector<std::byte>> decoded_;  // rows of overlapping samples, per output
};

}  // namespace binfeed
