#include <edo/base/seam/thread.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <pthread.h>
#include <sched.h>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {
namespace {

struct start_record {
    void (*body)(void*) noexcept;
    void* argument;
    char name[tuning::thread_name_bytes];
};

void* begin(void* given) {
    const std::unique_ptr<start_record> record(static_cast<start_record*>(given));
    ::pthread_setname_np(::pthread_self(), record->name);  // a name that is refused hurts nobody
    record->body(record->argument);
    return nullptr;
}

int set_up(pthread_attr_t& attributes, const thread_options& options) noexcept {
    if (options.stack_bytes != 0) {
        if (const int error = ::pthread_attr_setstacksize(&attributes, options.stack_bytes);
            error != 0)
            return error;
    }
    if (options.cpu >= 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(static_cast<std::size_t>(options.cpu), &cores);
        if (const int error = ::pthread_attr_setaffinity_np(&attributes, sizeof cores, &cores);
            error != 0)
            return error;
    }
    return 0;
}

}  // namespace

thread::~thread() {
    EDO_ASSERT(!joinable_);
}

std::error_code thread::start(const thread_options& options,
                              void (*body)(void*) noexcept,
                              void* argument) noexcept {
    EDO_ASSERT(!joinable_);
    std::unique_ptr<start_record> record(new (std::nothrow) start_record{body, argument, {}});
    if (record == nullptr) return system_error_of(-ENOMEM);
    std::strncpy(record->name, options.name, sizeof record->name - 1);

    pthread_attr_t attributes;
    if (const int error = ::pthread_attr_init(&attributes); error != 0)
        return system_error_of(-error);
    int error = set_up(attributes, options);
    if (error == 0) error = -sys::pthread_create(&handle_, &attributes, &begin, record.get());
    ::pthread_attr_destroy(&attributes);
    if (error != 0) return system_error_of(-error);

    static_cast<void>(record.release());  // the thread frees it
    joinable_ = true;
    EDO_CENSUS(thread, 1);
    return {};
}

void thread::join() noexcept {
    EDO_ASSERT(joinable_);
    ::pthread_join(handle_, nullptr);
    joinable_ = false;
    EDO_CENSUS(thread, -1);
}

void thread::detach() noexcept {
    EDO_ASSERT(joinable_);
    ::pthread_detach(handle_);
    joinable_ = false;
    EDO_CENSUS(thread, -1);
}

}  // namespace edo::detail
