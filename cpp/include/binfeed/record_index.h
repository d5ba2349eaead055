// Files, and how many records each has.
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
  // Throws kData if a file is empty, shorter than header and footer, or not a whole number of records.
  RecordIndex(Layout layout, Files files);

  const Layout& layout() const { return layout_; }
  const Files& files() const { return files_; }

  // The number of records in each file.
  const std::vector<std::int64_t>& counts() const { return counts_; }

 private:
  Layout layout_;
  Files files_;
  std::vector<std::int64_t> counts_;
};

}  // namespace binfeed
