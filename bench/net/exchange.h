#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// What one connection says, and what it must hear in return: batches of `depth` requests.
///
/// next_batch() gives the bytes to send; take() is fed every byte that comes back, in pieces of any
/// size, and says how many answers they completed. A wrong byte throws std::runtime_error.
class exchange {
public:
    exchange() = default;
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    virtual ~exchange() = default;

    /// Requires: all answers of the batch before have been taken.
    /// Returns:  bytes that stay valid until the next call.
    virtual std::string_view next_batch() = 0;

    virtual unsigned take(std::string_view bytes) = 0;
};

/// Messages of a fixed size that must come back unchanged. Each holds the number of its connection
/// and its own number in front, so an answer to another message or another client is noticed.
class echo_exchange final : public exchange {
public:
    echo_exchange(std::uint32_t connection, std::size_t size_bytes, unsigned depth);

    std::string_view next_batch() override;
    unsigned take(std::string_view bytes) override;

private:
    std::size_t size_;
    std::string batch_;
    std::size_t heard_ = 0;
    std::uint32_t sequence_ = 0;
};

/// `GET /` with keep-alive; each answer must have status 200 and the body `Hello, World!`.
class http_exchange final : public exchange {
public:
    http_exchange(const std::string& host, unsigned depth);

    std::string_view next_batch() override;
    unsigned take(std::string_view bytes) override;

private:
    unsigned depth_;
    std::string batch_;
    unsigned missing_ = 0;

    // The last answer that was read header by header. Answers mostly repeat byte for byte, and one
    // memcmp keeps the client far cheaper than any server.
    std::string model_;

    std::string incomplete_;
};

}  // namespace bench
