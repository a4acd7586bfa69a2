#include <sys/socket.h>

#include "socket.h"
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/resource.h>
#include <system_error>

namespace bench {

namespace {

const sockaddr* as_sockaddr(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

void set_option(int socket, int level, int option) {
    const int on = 1;
    if (::setsockopt(socket, level, option, &on, sizeof on) != 0) throw_last_error("setsockopt");
}

descriptor open_socket(int flags) {
    descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
    if (socket.get() < 0) throw_last_error("socket");
    return socket;
}

bool is_loopback(const sockaddr_in& address) {
    return ntohl(address.sin_addr.s_addr) >> 24 == 127;
}

}  // namespace

void throw_last_error(const std::string& what) {
    throw std::system_error{errno, std::system_category(), what};
}

sockaddr_in to_sockaddr(const std::string& address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    if (::inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1)
        throw std::invalid_argument{"bad address '" + address +
                                    "'; expected IPv4, as in 127.0.0.1"};
    return result;
}

descriptor listen_on(const std::string& address, std::uint16_t port) {
    const sockaddr_in local = to_sockaddr(address, port);
    descriptor listener = open_socket(0);
    set_option(listener.get(), SOL_SOCKET, SO_REUSEADDR);
    if (::bind(listener.get(), as_sockaddr(local), sizeof local) != 0 ||
        ::listen(listener.get(), 1024) != 0)
        throw_last_error("cannot listen on " + address + ":" + std::to_string(port));
    return listener;
}

std::uint16_t local_port(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw_last_error("getsockname");
    return ntohs(address.sin_port);
}

descriptor connect_to(const sockaddr_in& server) {
    descriptor socket = open_socket(0);
    if (::connect(socket.get(), as_sockaddr(server), sizeof server) != 0)
        throw_last_error("cannot connect to port " + std::to_string(ntohs(server.sin_port)));
    disable_nagle(socket.get());
    make_non_blocking(socket.get());
    return socket;
}

descriptor begin_connect(const sockaddr_in& server, std::uint64_t turn) {
    descriptor socket = open_socket(SOCK_NONBLOCK);
    disable_nagle(socket.get());
    if (is_loopback(server)) {
        set_option(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
        sockaddr_in local{};
        local.sin_family = AF_INET;
        local.sin_addr.s_addr = htonl(0x7f000101U + static_cast<std::uint32_t>(turn % 250));
        if (::bind(socket.get(), as_sockaddr(local), sizeof local) != 0) throw_last_error("bind");
    }
    if (::connect(socket.get(), as_sockaddr(server), sizeof server) != 0 && errno != EINPROGRESS)
        throw_last_error("cannot connect to port " + std::to_string(ntohs(server.sin_port)));
    return socket;
}

void disable_nagle(int socket) {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY);
}

void make_non_blocking(int socket) {
    if (::fcntl(socket, F_SETFL, O_NONBLOCK) != 0) throw_last_error("fcntl");
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_last_error("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_last_error("setrlimit");
}

}  // namespace bench
