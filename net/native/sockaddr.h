#pragma once

#include <cstring>

#include <edo/base/seam/sys.h>
#include <edo/net/socket_addr.h>

namespace edo::detail {

/// A net::socket_addr as the kernel takes and gives it.
class native_addr {
public:
    native_addr() noexcept { std::memset(&storage_, 0, sizeof storage_); }

    explicit native_addr(const net::socket_addr& addr) noexcept : native_addr() {
        if (addr.is_v4()) {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_port = htons(addr.port());
            std::memcpy(&v4.sin_addr, addr.bytes().data(), sizeof v4.sin_addr);
            put(v4);
        } else {
            sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(addr.port());
            v6.sin6_scope_id = addr.scope();
            std::memcpy(&v6.sin6_addr, addr.bytes().data(), sizeof v6.sin6_addr);
            put(v6);
        }
    }

    sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }

    const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }

    socklen_t size() const noexcept { return size_; }

    /// Where the kernel writes the size; holds the capacity before.
    socklen_t* size_to_fill() noexcept {
        size_ = sizeof storage_;
        return &size_;
    }

    int family() const noexcept { return storage_.ss_family; }

    /// 0.0.0.0:0 for other families.
    net::socket_addr to_addr() const noexcept {
        if (family() == AF_INET) {
            sockaddr_in v4;
            std::memcpy(&v4, &storage_, sizeof v4);
            std::array<std::uint8_t, 4> bytes;
            std::memcpy(bytes.data(), &v4.sin_addr, sizeof bytes);
            return net::socket_addr::v4(bytes, ntohs(v4.sin_port));
        }
        if (family() == AF_INET6) {
            sockaddr_in6 v6;
            std::memcpy(&v6, &storage_, sizeof v6);
            std::array<std::uint8_t, 16> bytes;
            std::memcpy(bytes.data(), &v6.sin6_addr, sizeof bytes);
            return net::socket_addr::v6(bytes, ntohs(v6.sin6_port), v6.sin6_scope_id);
        }
        return {};
    }

private:
    template <class T>
    void put(const T& addr) noexcept {
        std::memcpy(&storage_, &addr, sizeof addr);
        size_ = sizeof addr;
    }

    sockaddr_storage storage_;
    socklen_t size_ = 0;
};

}  // namespace edo::detail
