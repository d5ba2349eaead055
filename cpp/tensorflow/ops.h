// Each op registers itself and its kernel; library.cc calls these when the library is loaded.
#pragma once

namespace binfeed::tensorflow {

void register_read_op();
void register_count_ops();
void register_decode_op();

}  // namespace binfeed::tensorflow
