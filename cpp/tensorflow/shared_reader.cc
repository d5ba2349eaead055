#include "shared_reader.h"

#include <mutex>
#include <unordered_map>
#include <utility>

#include "binfeed/instruction_set.h"
#include "binfeed/process_mutex.h"
#include "binfeed/status.h"

namespace binfeed::tensorflow {
namespace {

RecordIndex open(const ReadPlan& plan) {
  Files files;
  files.reserve(plan.files.size());
  for (const FileSpec& file : plan.files) files.push_back(std::make_unique<MappedFile>(file.path, file.identity));
  return RecordIndex(plan.layout, std::move(files));
}

// Never destroyed: kernels may be, after all static objects were.
struct Shared {
  ProcessMutex mutex;
  std::unordered_map<std::string, std::weak_ptr<const SharedReader>> readers;
};

Shared& shared() {
  static auto& all = *new Shared;
  return all;
}

const AtLoad shared_at_load([] { shared(); });

}  // namespace

SharedReader::SharedReader(ReadPlan plan)
    : plan_(std::move(plan)),
      reader_(open(plan_), plan_.window, plan_.program, default_instruction_set()),
      schedule_(plan_.schedule, kernels_of(default_instruction_set())) {
  if (schedule_.size() != reader_.samples().size()) {
    throw Error(ErrorKind::kArgument, "the plan's order is of " + std::to_string(schedule_.size()) +
                                          " samples, but its files have " + std::to_string(reader_.samples().size()));
  }
  reader_.advise(schedule_.access_pattern());
}

std::shared_ptr<const SharedReader> SharedReader::get(const std::string& plan) {
  ProcessMutex& mutex = shared().mutex;
  auto& readers = shared().readers;
  const auto find = [&]() -> std::shared_ptr<const SharedReader> {
    const auto known = readers.find(plan);
    return known == readers.end() ? nullptr : known->second.lock();
  };
  {
    const std::lock_guard lock(mutex);
    if (auto known = find()) return known;
  }
  // Not under the lock, which must be held alone.
  auto reader = std::make_shared<const SharedReader>(read_plan(plan));
  const std::lock_guard lock(mutex);
  if (auto known = find()) return known;  // another thread was faster
  std::erase_if(readers, [](const auto& entry) { return entry.second.expired(); });
  readers[plan] = reader;
  return reader;
}

}  // namespace binfeed::tensorflow
