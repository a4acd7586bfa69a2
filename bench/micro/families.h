#pragma once

namespace bench {

// Each registers the cases of the file that is named after it.
void add_spawn();
void add_yield();
void add_pingpong();
void add_select();
void add_frame();
void add_timer();
void add_sleeping();

}  // namespace bench
