#pragma once

/// Declares the names that a user's own headers mention, and nothing else; cheap to include.

namespace edo {

class blocking_pool;
class context;
class runtime;
class current_thread_runtime;
class runtime_metrics;
class task_group;
class waker;
template <class T>
class result;
template <class T>
class task;
template <class T>
class join_handle;

namespace net {
class socket_addr;
class tcp_listener;
class tcp_stream;
}  // namespace net

}  // namespace edo
