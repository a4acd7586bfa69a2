#include <edo/io/wait/io_wait.h>

#include <edo/base/check.h>
#include <edo/base/seam/sys.h>

namespace edo::detail {

std::error_code error_of(long answer) noexcept {
    if (answer <= answer_of(errc{})) return make_error_code(static_cast<errc>(-4096 - answer));
    return system_error_of(answer);
}

io_wait::io_wait(io_wait&& other) noexcept : io_waiter(other.what_), record_(other.record_) {
    EDO_CHECK(!other.is_waiting_,
              "an operation was moved after its first poll: it has told others where it lives; "
              "keep it in "
              "place until it is done");
}

long io_wait::wait(context& cx, readiness_view seen) noexcept {
    if (seen.is_orphaned()) {
        end_wait();
        return answer_of(errc::runtime_shutdown);
    }
    if (!record_->wait(*this, cx.target(), seen)) return 0;
    if (const std::error_code refused = record_->attach(cx)) {
        end_wait();
        return refused.category() == std::system_category() ? -static_cast<long>(refused.value())
                                                            : answer_of(errc(refused.value()));
    }
    return pending;
}

}  // namespace edo::detail
