// Where each record lies: file and number of a record within it -> address.
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

  // Records of each file.
  const std::vector<std::int64_t>& counts() const { return counts_; }

  const std::byte* address(std::size_t file, std::int64_t record) const {
    return files_[file]->bytes() + layout_.header_bytes + static_cast<std::size_t>(record) * layout_.record_bytes;
  }

 private:
  Layout layout_;
  Files files_;
  std::vector<std::int64_t> counts_;
};

}  // namespace binfeed
