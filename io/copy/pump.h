#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <edo/base/seam/tuning.h>
#include <edo/io/stream.h>

namespace edo::detail {

/// Moves bytes from a reader to a writer until the end, one buffer at a time.
template <io::reader R, io::writer W>
class pump {
    using read_type = decltype(std::declval<R&>().read(std::declval<std::span<std::byte>>()));
    using write_type =
        decltype(std::declval<W&>().write_all(std::declval<std::span<const std::byte>>()));
    static constexpr std::size_t capacity = tuning::pick<std::size_t>(16 * 1024, 4);

public:
    pump(R& from, W& to) : from_(&from), to_(&to), buffer_(capacity) {}

    /// Returns: true at the end, or at an error.
    bool poll(context& cx) noexcept {
        while (!is_over_) {
            if (std::holds_alternative<std::monostate>(step_))
                step_.template emplace<read_type>(from_->read(std::span(buffer_)));
            if (auto* const reads = std::get_if<read_type>(&step_)) {
                if (!reads->poll(cx)) return false;
                begin_write(reads->take());
            } else {
                auto& writes = std::get<write_type>(step_);
                if (!writes.poll(cx)) return false;
                end_write(writes.take());
                if (!is_over_ && !cx.charge()) return false;
            }
        }
        return true;
    }

    void release_line() noexcept {
        if (auto* const reads = std::get_if<read_type>(&step_)) edo::release_line(*reads);
        if (auto* const writes = std::get_if<write_type>(&step_)) edo::release_line(*writes);
    }

    std::error_code error() const noexcept { return error_; }

    /// How many bytes the writer has taken, whole buffers only.
    std::uint64_t transferred() const noexcept { return transferred_; }

    W& to() noexcept { return *to_; }

private:
    void begin_write(result<std::size_t> got) noexcept {
        step_ = std::monostate{};
        if (!got || *got == 0) return end(got.error());
        filled_ = *got;
        const std::span<const std::byte> data(buffer_.data(), filled_);
        step_.template emplace<write_type>(to_->write_all(data));
    }

    void end_write(result<void> done) noexcept {
        step_ = std::monostate{};
        if (!done) return end(done.error());
        transferred_ += filled_;
    }

    void end(std::error_code error) noexcept {
        is_over_ = true;
        error_ = error;
    }

    R* from_;
    W* to_;
    std::vector<std::byte> buffer_;  // the operation below uses it
    std::size_t filled_ = 0;
    std::uint64_t transferred_ = 0;
    std::error_code error_;
    bool is_over_ = false;
    std::variant<std::monostate, read_type, write_type> step_;
};

}  // namespace edo::detail
