#pragma once

namespace bench {

// Each registers the cases of the file that is named after it.
void add_spawn();
void add_remote_spawn();
void add_fork_join();
void add_yield();
void add_pingpong();
void add_wake();
void add_select();
void add_frame();
void add_timer();
void add_sleeping();
void add_channel();
void add_mutex();
void add_blocking();
void add_shutdown();

}  // namespace bench
