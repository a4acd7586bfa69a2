#pragma once

#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#if __has_include(<version>)
#include <version>
#endif
#if defined(__cpp_lib_expected)
#include <expected>
#endif

#include <edo/base/error.h>

namespace edo {

template <class T>
class result;

namespace detail {

template <class T>
inline constexpr bool is_result_v = false;
template <class T>
inline constexpr bool is_result_v<result<T>> = true;

/// result<result<T>> is never useful: a result in a result becomes one.
template <class T>
struct flattened {
    using type = result<T>;
};

template <class T>
struct flattened<result<T>> {
    using type = result<T>;
};
template <class T>
using flattened_t = typename flattened<std::remove_cv_t<T>>::type;

/// Enumerations that name an error: edo::errc and the like, and std::errc.
template <class E>
concept error_enum = std::is_error_code_enum_v<E> || std::is_same_v<E, std::errc>;

[[noreturn]] void throw_system_error(std::error_code code);
[[noreturn]] void fail_on_missing_value(std::error_code code) noexcept;

}  // namespace detail

/// A `T`, or the `std::error_code` that says why there is none.
///
///     edo::result<std::size_t> n = co_await stream.read(buffer);
///     if (!n) co_return n.error();
///     use(*n);
///
/// An error enumeration, std::errc included, converts to a result and compares with one:
/// `co_return std::errc::message_size;`, `if (n == edo::errc::closed)`. What matters of a
/// result<T> only as success or failure converts explicitly: `result<void>(n)`.
///
/// Looking at `*r` of an error is a programming error and aborts; `value()` throws instead. An
/// error code without an error (value 0) cannot be stored and aborts too.
/// Thread-safe: as T.
template <class T>
class [[nodiscard]] result {
    static_assert(!std::is_reference_v<T>, "a result holds a value; use a pointer for a reference");

public:
    using value_type = T;
    using error_type = std::error_code;

    result() noexcept(std::is_nothrow_default_constructible_v<T>)
        requires std::default_initializable<T>
        : has_value_(true) {
        ::new (&value_) T();
    }

    template <class U = T>
        requires(std::is_constructible_v<T, U> && !detail::is_result_v<std::remove_cvref_t<U>> &&
                 !std::is_same_v<std::remove_cvref_t<U>, std::error_code> &&
                 !detail::error_enum<std::remove_cvref_t<U>>)
    explicit(!std::is_convertible_v<U, T>)
        result(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>)
        : has_value_(true) {
        ::new (&value_) T(std::forward<U>(value));
    }

    /// Requires: `code` is an error.
    result(std::error_code code) noexcept : error_(code), has_value_(false) {  // NOLINT: implicit
        if (!code) detail::fail_on_missing_value(code);
    }

    template <detail::error_enum E>
    result(E code) noexcept : result(make_error_code(code)) {}  // NOLINT: implicit

    result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
        : has_value_(other.has_value_) {
        if (has_value_) {
            ::new (&value_) T(std::move(other.value_));
        } else {
            ::new (&error_) std::error_code(other.error_);
        }
    }

    result(const result& other)
        requires std::copy_constructible<T>
        : has_value_(other.has_value_) {
        if (has_value_) {
            ::new (&value_) T(other.value_);
        } else {
            ::new (&error_) std::error_code(other.error_);
        }
    }

    /// Strong guarantee only if moving a T does not throw.
    result& operator=(result other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        destroy();
        has_value_ = other.has_value_;
        if (has_value_) {
            ::new (&value_) T(std::move(other.value_));
        } else {
            ::new (&error_) std::error_code(other.error_);
        }
        return *this;
    }

    ~result() { destroy(); }

    bool has_value() const noexcept { return has_value_; }

    explicit operator bool() const noexcept { return has_value_; }

    /// The error; an empty code when there is a value.
    std::error_code error() const noexcept { return has_value_ ? std::error_code{} : error_; }

    /// Requires: has_value().
    T& operator*() & noexcept { return checked(); }

    const T& operator*() const& noexcept { return const_cast<result*>(this)->checked(); }

    T&& operator*() && noexcept { return std::move(checked()); }

    T* operator->() noexcept { return &checked(); }

    const T* operator->() const noexcept { return &const_cast<result*>(this)->checked(); }

    /// The value. Throws std::system_error when there is none: for tests and small tools.
    T& value() & {
        if (!has_value_) detail::throw_system_error(error_);
        return value_;
    }

    const T& value() const& {
        if (!has_value_) detail::throw_system_error(error_);
        return value_;
    }

    T&& value() && {
        if (!has_value_) detail::throw_system_error(error_);
        return std::move(value_);
    }

    template <class U>
    T value_or(U&& otherwise) const& {
        return has_value_ ? value_ : static_cast<T>(std::forward<U>(otherwise));
    }

    template <class U>
    T value_or(U&& otherwise) && {
        return has_value_ ? std::move(value_) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// Calls `next` with the value; it returns a result itself. An error passes through.
    template <class F>
    auto and_then(F&& next) && -> std::remove_cvref_t<std::invoke_result_t<F, T&&>> {
        if (!has_value_) return error_;
        return std::forward<F>(next)(std::move(value_));
    }

    /// Replaces the value by what `change` makes of it. An error passes through.
    template <class F>
    auto transform(F&& change) && -> result<std::remove_cv_t<std::invoke_result_t<F, T&&>>> {
        using U = std::remove_cv_t<std::invoke_result_t<F, T&&>>;
        if (!has_value_) return error_;
        if constexpr (std::is_void_v<U>) {
            std::forward<F>(change)(std::move(value_));
            return {};
        } else {
            return result<U>(std::forward<F>(change)(std::move(value_)));
        }
    }

    /// Calls `mend` with the error; it returns a result of the same kind. A value passes through.
    template <class F>
    result or_else(F&& mend) && {
        if (has_value_) return std::move(*this);
        return std::forward<F>(mend)(error_);
    }

    friend bool operator==(const result& a, const result& b)
        requires std::equality_comparable<T>
    {
        if (a.has_value_ != b.has_value_) return false;
        return a.has_value_ ? a.value_ == b.value_ : a.error_ == b.error_;
    }

    friend bool operator==(const result& a, const std::error_code& code) noexcept {
        return !a.has_value_ && a.error_ == code;
    }

    /// With std::errc: whether the error means the same, whoever reports it.
    template <detail::error_enum E>
    friend bool operator==(const result& a, E code) noexcept {
        return !a.has_value_ && a.error_ == code;
    }

#if defined(__cpp_lib_expected)
    result(std::expected<T, std::error_code> other)  // NOLINT: implicit
        : has_value_(other.has_value()) {
        if (has_value_) {
            ::new (&value_) T(std::move(*other));
        } else {
            ::new (&error_) std::error_code(other.error());
        }
    }

    operator std::expected<T, std::error_code>() && {
        if (has_value_) return std::move(value_);
        return std::unexpected(error_);
    }
#endif

private:
    T& checked() noexcept {
        if (!has_value_) [[unlikely]]
            detail::fail_on_missing_value(error_);
        return value_;
    }

    void destroy() noexcept {
        if (has_value_) value_.~T();
    }

    union {
        T value_;
        std::error_code error_;
    };

    bool has_value_;
};

/// Success, or the `std::error_code` that says what went wrong.
template <>
class [[nodiscard]] result<void> {
public:
    using value_type = void;
    using error_type = std::error_code;

    result() noexcept {}  // user-provided: safe as a temporary next to co_await on g++ 12

    /// Requires: `code` is an error.
    result(std::error_code code) noexcept  // NOLINT: implicit
        : error_(code.value()), category_(&code.category()) {
        if (!code) detail::fail_on_missing_value(code);
    }

    template <detail::error_enum E>
    result(E code) noexcept : result(make_error_code(code)) {}  // NOLINT: implicit

    /// Success or failure of another result; its value is left out.
    template <class T>
    explicit result(const result<T>& other) noexcept {
        if (!other) *this = other.error();
    }

    bool has_value() const noexcept { return error_ == 0; }

    explicit operator bool() const noexcept { return has_value(); }

    /// The error; an empty code when there is none.
    std::error_code error() const noexcept {
        return has_value() ? std::error_code{} : std::error_code(error_, *category_);
    }

    void operator*() const noexcept {
        if (!has_value()) [[unlikely]]
            detail::fail_on_missing_value(error());
    }

    /// Throws std::system_error if this is an error.
    void value() const {
        if (!has_value()) detail::throw_system_error(error());
    }

    template <class F>
    auto and_then(F&& next) const -> std::remove_cvref_t<std::invoke_result_t<F>> {
        if (!has_value()) return error();
        return std::forward<F>(next)();
    }

    template <class F>
    auto transform(F&& change) const -> result<std::remove_cv_t<std::invoke_result_t<F>>> {
        using U = std::remove_cv_t<std::invoke_result_t<F>>;
        if (!has_value()) return error();
        if constexpr (std::is_void_v<U>) {
            std::forward<F>(change)();
            return {};
        } else {
            return result<U>(std::forward<F>(change)());
        }
    }

    template <class F>
    result or_else(F&& mend) const {
        if (has_value()) return {};
        return std::forward<F>(mend)(error());
    }

    friend bool operator==(const result& a, const result& b) noexcept {
        return a.error_ == b.error_ && a.category_ == b.category_;
    }

    friend bool operator==(const result& a, const std::error_code& code) noexcept {
        return !a.has_value() && a.error() == code;
    }

    template <detail::error_enum E>
    friend bool operator==(const result& a, E code) noexcept {
        return !a.has_value() && a.error() == code;
    }

#if defined(__cpp_lib_expected)
    result(const std::expected<void, std::error_code>& other) {  // NOLINT: implicit
        if (!other) *this = other.error();
    }

    operator std::expected<void, std::error_code>() const {
        if (has_value()) return {};
        return std::unexpected(error());
    }
#endif

private:
    // Apart: an empty std::error_code asks libstdc++ for a category, by a call that costs more than
    // all else that is done here.
    int error_ = 0;
    const std::error_category* category_ = nullptr;  // null without an error
};

}  // namespace edo
