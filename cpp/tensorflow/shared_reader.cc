#include "shared_reader.h"

#include <unordered_map>
#include <utility>

#include "binfeed/instruction_set.h"

namespace binfeed::tensorflow {
namespace {

RecordIndex open(const ReadPlan& plan) {
  Files files;
  files.reserve(plan.files.size());
  for (const FileSpec& file : plan.files) files.push_back(std::make_unique<MappedFile>(file.path, file.size));
  return RecordIndex(plan.layout, std::move(files));
}

}  // namespace

SharedReader::SharedReader(const ReadPlan& plan)
    : reader_(open(plan), plan.window, plan.outputs, default_instruction_set()),
      arrays_(plan.arrays),
      schedule_(plan.schedule, reader_.samples().starts(), kernels_of(default_instruction_set())) {
  reader_.expect(schedule_.access_pattern());
}

std::shared_ptr<const SharedReader> SharedReader::get(const std::string& plan) {
  static std::mutex mutex;
  // Never destroyed: kernels may be, after all static objects were.
  static auto& readers = *new std::unordered_map<std::string, std::weak_ptr<const SharedReader>>;
  const std::lock_guard lock(mutex);
  std::erase_if(readers, [](const auto& entry) { return entry.second.expired(); });
  auto& known = readers[plan];
  std::shared_ptr<const SharedReader> reader = known.lock();
  if (reader == nullptr) {
    try {
      reader = std::make_shared<const SharedReader>(read_plan(plan));
    } catch (...) {
      readers.erase(plan);
      throw;
    }
    known = reader;
  }
  return reader;
}

}  // namespace binfeed::tensorflow
