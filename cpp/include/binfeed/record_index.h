// Where each record lies: number of a record among all files -> file and address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "binfeed/layout.h"
#include "binfeed/mapped_file.h"

namespace binfeed {

using Files = std::vector<std::unique_ptr<MappedFile>>;

class RecordIndex {
 public:
  // Throws kData for a file that is empty, shorter than header and footer, or no whole number of records.
  RecordIndex(Layout layout, Files files);

  const Layout& layout() const { return layout_; }
  const Files& files() const { return files_; }
  std::int64_t size() const { return starts_.back(); }

  // Number of the first record of each file, and at the end the number of all records.
  const std::vector<std::int64_t>& starts() const { return starts_; }

  // The file that holds record `record`, 0 <= record < size().
  std::size_t file_of(std::int64_t record) const;

  const std::byte* address(std::size_t file, std::int64_t record) const {
    return files_[file]->bytes() + layout_.header_bytes +
           static_cast<std::size_t>(record - starts_[file]) * layout_.record_bytes;
  }

 private:
  Layout layout_;
  Files files_;
  std::vector<std::int64_t> starts_;
};

}  // namespace binfeed
