// TensorFlow knows the ops of a library that register while it is loaded.
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
