#include <edo/base/error.h>

#include <string>

#include <edo/base/storage/undying.h>

namespace edo {
namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "edo"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::timed_out:
                return "timed out";
            case errc::cancelled:
                return "cancelled";
            case errc::closed:
                return "closed";
            case errc::unexpected_eof:
                return "unexpected end of stream";
            case errc::write_zero:
                return "nothing could be written";
            case errc::runtime_shutdown:
                return "the runtime is shutting down or gone";
            case errc::would_block:
                return "would have to wait";
            case errc::queue_full:
                return "queue full";
            case errc::lagged:
                return "too slow: messages were lost";
            case errc::invalid_address:
                return "not a socket address";
            case errc::not_connected:
                return "no open socket";
            case errc::foreign_runtime:
                return "belongs to another runtime";
        }
        return "unknown edo error " + std::to_string(code);
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::timed_out:
                return std::errc::timed_out;
            case errc::cancelled:
                return std::errc::operation_canceled;
            case errc::would_block:
                return std::errc::operation_would_block;
            case errc::not_connected:
                return std::errc::not_connected;
            case errc::invalid_address:
                return std::errc::invalid_argument;
            default:
                return {code, *this};
        }
    }
};

}  // namespace

const std::error_category& edo_category() noexcept {
    return detail::undying<category>();
}

}  // namespace edo
