#include "binfeed/record_index.h"

#include <string>
#include <utility>

#include "binfeed/checked.h"

namespace binfeed {
namespace {

std::int64_t count_records(const Layout& layout, const MappedFile& file) {
  const std::uint64_t frame = checked_add(layout.header_bytes, layout.footer_bytes, "bytes of header and footer");
  const std::string size = std::to_string(file.size());
  if (file.size() == 0) throw Error::data("'" + file.path() + "' is empty", file.path(), 0);
  if (file.size() < frame) {
    throw Error::data("'" + file.path() + "' has " + size + " bytes, fewer than the " +
                          std::to_string(layout.header_bytes) + " of its header and the " +
                          std::to_string(layout.footer_bytes) + " of its footer",
                      file.path(), file.size());
  }
  const std::uint64_t body = file.size() - frame;
  if (const std::uint64_t rest = body % layout.record_bytes; rest != 0) {
    const std::string around = frame == 0 ? "" : " without header and footer";
    throw Error::data(
        "'" + file.path() + "' is not a whole number of records: " + std::to_string(body) + " bytes" + around +
            " are " + std::to_string(body / layout.record_bytes) + " records of " +
            std::to_string(layout.record_bytes) + " bytes and " + std::to_string(rest) +
            " bytes more; check the layout's size, header_bytes and footer_bytes, or whether the file was cut",
        file.path(), file.size() - layout.footer_bytes - rest);
  }
  return static_cast<std::int64_t>(body / layout.record_bytes);
}

}  // namespace

RecordIndex::RecordIndex(Layout layout, Files files) : layout_(layout), files_(std::move(files)) {
  if (layout_.record_bytes == 0) throw Error(ErrorKind::kArgument, "a record must have at least one byte");
  counts_.reserve(files_.size());
  for (const auto& file : files_) counts_.push_back(count_records(layout_, *file));
}

}  // namespace binfeed
