#pragma once

#include <string_view>

namespace bench {

// Each registers the cases of the file that is named after it.
void add_spawn();
void add_yield();
void add_pingpong();
void add_select();
void add_frame();
void add_timer();
/// `program` is the path of this program, which runs itself for this case.
void add_sleeping(std::string_view program);

/// The work of that second process: lets 1,000,000 tasks sleep and prints the bytes resident per task and
/// the seconds it took.
/// Returns: the exit code.
int sleep_and_print(std::string_view side);

}  // namespace bench
