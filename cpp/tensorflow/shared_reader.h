// A reader with its schedule, shared by all kernels that were made from the same plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "binfeed/read_plan.h"
#include "binfeed/reader.h"
#include "binfeed/schedule.h"

namespace binfeed::tensorflow {

class SharedReader {
 public:
  // The reader of `plan`, which is opened unless a kernel already has it open. Its files are unmapped when the last
  // kernel releases it.
  static std::shared_ptr<const SharedReader> get(const std::string& plan);

  explicit SharedReader(ReadPlan plan);

  const Reader& reader() const { return reader_; }
  const Schedule& schedule() const { return schedule_; }
  const ReadPlan& plan() const { return plan_; }

 private:
  ReadPlan plan_;
  Reader reader_;
  Schedule schedule_;
};

}  // namespace binfeed::tensorflow
