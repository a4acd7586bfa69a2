#include <edo/io/wait/io_wait.h>

#include <edo/base/seam/sys.h>

namespace edo::detail {

std::error_code error_of(long answer) noexcept {
    if (answer <= answer_of(errc{})) return make_error_code(static_cast<errc>(-4096 - answer));
    return system_error_of(answer);
}

void io_wait::postpone(context& cx) noexcept {
    if (record_ == nullptr || is_waiting_) return;
    while (!record_->wait(*this, cx.target(), record_->look())) {
    }
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
