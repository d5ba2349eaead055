// TensorFlow makes those ops of a library available that are registered while it is loaded.
#include "ops.h"

namespace binfeed::tensorflow {
namespace {

const struct Library {
  Library() {
    register_read_op();
    register_count_ops();
    register_decode_op();
  }
} library;

}  // namespace
}  // namespace binfeed::tensorflow
