#include <edo/net/socket_addr.h>

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>

namespace edo::testing {
namespace {

using net::socket_addr;

class socket_addr_text : public ::testing::TestWithParam<const char*> {};

TEST_P(socket_addr_text, is_read_and_written_alike) {
    EXPECT_EQ(socket_addr::parse(GetParam()).value().to_string(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(good,
                         socket_addr_text,
                         ::testing::Values("127.0.0.1:7000",
                                           "0.0.0.0:0",
                                           "255.255.255.255:65535",
                                           "[::]:80",
                                           "[::1]:1",
                                           "[2001:db8::8:800:200c:417a]:443",
                                           "[fe80::1%2]:22",
                                           "[::ffff:1.2.3.4]:5"));

class socket_addr_nonsense : public ::testing::TestWithParam<std::string> {};

TEST_P(socket_addr_nonsense, is_refused) {
    EXPECT_EQ(socket_addr::parse(GetParam()).error(), make_error_code(errc::invalid_address));
}

INSTANTIATE_TEST_SUITE_P(
    bad,
    socket_addr_nonsense,
    ::testing::Values("",
                      ":",
                      "127.0.0.1",
                      "127.0.0.1:",
                      ":80",
                      "127.0.0.1:65536",
                      "127.0.0.1:-1",
                      "127.0.0.1:+1",
                      "127.0.0.1:080",
                      "127.0.0.1:8 0",
                      " 127.0.0.1:80",
                      "127.0.0.1:80 ",
                      "127.1:80",
                      "0x7f000001:80",
                      "127.0.0.01:80",
                      "256.0.0.1:80",
                      "localhost:80",
                      "::1:80",
                      "::1",
                      "[::1]",
                      "[::1]80",
                      "[::1:80",
                      "::1]:80",
                      "[127.0.0.1]:80",
                      "[::1%]:80",
                      "[::1%eth0]:80",
                      "[::1%4294967296]:80",
                      "[1:2:3:4:5:6:7:8:9]:80",
                      std::string("127.0.0.1\0:80", 13),
                      std::string("127.0.0.1:80\0", 13),
                      "11111111111111111111111111111111111111111111111111111111111111:80"));

TEST(socket_addr, knows_its_parts) {
    const socket_addr addr = socket_addr::parse("[fe80::1%7]:99").value();

    EXPECT_TRUE(addr.is_v6());
    EXPECT_FALSE(addr.is_v4());
    EXPECT_EQ(addr.port(), 99);
    EXPECT_EQ(addr.scope(), 7u);
    EXPECT_EQ(addr.bytes()[0], 0xfe);
    EXPECT_EQ(addr.ip_string(), "fe80::1%7");
    EXPECT_EQ(addr.with_port(5).to_string(), "[fe80::1%7]:5");
}

TEST(socket_addr, is_a_value) {
    const socket_addr a = socket_addr::loopback_v4(1);

    EXPECT_EQ(a, socket_addr::parse("127.0.0.1:1").value());
    EXPECT_NE(a, a.with_port(2));
    EXPECT_LT(a, a.with_port(2));
    EXPECT_NE(socket_addr::any_v4(0), socket_addr::any_v6(0));
    EXPECT_TRUE(a.is_loopback());
    EXPECT_TRUE(socket_addr::loopback_v6(1).is_loopback());
    EXPECT_FALSE(socket_addr::any_v6(1).is_loopback());
}

TEST(socket_addr, reads_an_address_without_a_port) {
    EXPECT_EQ(socket_addr::parse_ip("10.0.0.1", 8).value().to_string(), "10.0.0.1:8");
    EXPECT_EQ(socket_addr::parse_ip("::1", 8).value().to_string(), "[::1]:8");
    EXPECT_EQ(socket_addr::parse_ip("[::1]", 8).value().to_string(), "[::1]:8");
    EXPECT_EQ(socket_addr::parse_ip("10.0.0.1:8", 8).error(),
              make_error_code(errc::invalid_address));
}

}  // namespace
}  // namespace edo::testing
