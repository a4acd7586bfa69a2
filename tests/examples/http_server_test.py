#!/usr/bin/env python3
"""The HTTP server over real sockets. The parser has tests of its own; here is what the bytes do on their
way: pieces, pipelines, half-closes, resets, the end of the server."""

import select
import socket
import threading
import time
import unittest

from example_server import PATIENCE, example_server, receive_all, reset, usable_reactor
from http_answer import answer, answers

REACTOR = usable_reactor()
HELLO = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class over_a_socket(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = example_server("http_server", reactor=REACTOR)

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def tearDown(self):
        self.server.wait_until_idle()

    def talk(self, request):
        """Sends, ends its side, and returns everything that comes back until the server closes."""
        with self.server.connect() as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return receive_all(client)

    def read_answer(self, client, is_for_head=False):
        data = b""
        while not answer(data, is_for_head).is_whole:
            more = client.recv(65536)
            self.assertTrue(more, f"ended after {data!r}")
            data += more
        found = answer(data, is_for_head)
        self.assertEqual(found.rest, b"")
        return found


class Answers(over_a_socket):
    def check_hello(self, found):
        self.assertEqual((found.version, found.code), (b"HTTP/1.1", 200))
        self.assertEqual(found.content, b"Hello, World!")
        self.assertEqual(found.fields[b"content-length"], b"13")
        self.assertTrue(found.fields[b"content-type"].startswith(b"text/plain"))

    def test_get(self):
        with self.server.connect() as client:
            client.sendall(HELLO)
            self.check_hello(self.read_answer(client))

    def test_keep_alive_until_the_client_closes(self):
        with self.server.connect() as client:
            for _ in range(20):
                client.sendall(HELLO)
                self.check_hello(self.read_answer(client))

    def test_close_is_honoured(self):
        with self.server.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            found = answer(receive_all(client))  # the server ends the connection by itself
            self.check_hello(found)
            self.assertEqual(found.fields[b"connection"], b"close")

    def test_http_1_0_closes_and_needs_no_host(self):
        with self.server.connect() as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.check_hello(answer(receive_all(client)))

    def test_head_has_the_length_and_no_content(self):
        with self.server.connect() as client:
            client.sendall(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            found = self.read_answer(client, is_for_head=True)
            self.assertEqual((found.code, found.fields[b"content-length"]), (200, b"13"))
            client.sendall(HELLO)  # and nothing of it is left in the connection
            self.check_hello(self.read_answer(client))

    def test_unknown_path_is_404(self):
        with self.server.connect() as client:
            client.sendall(b"GET /missing HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO)
            self.assertEqual(self.read_codes(client, 2), [404, 200])

    def test_other_methods_are_405_and_say_what_is_allowed(self):
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"BREW"):
            with self.server.connect() as client:
                client.sendall(method + b" / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
                found = self.read_answer(client)
                self.assertEqual(found.code, 405, method)
                self.assertEqual(found.fields[b"allow"], b"GET, HEAD")

    def test_content_is_passed_over(self):
        chunked = (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nTrailer: t\r\n\r\n")
        counted = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(HELLO) + HELLO
        with self.server.connect() as client:
            client.sendall(chunked + counted + HELLO)
            self.assertEqual(self.read_codes(client, 3), [405, 405, 200])

    def test_large_content_is_passed_over(self):
        size = 1_000_000
        with self.server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
            client.sendall(b"c" * size)
            client.sendall(HELLO)
            self.assertEqual(self.read_codes(client, 2), [405, 200])

    def test_continue_is_sent_first(self):
        with self.server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                           b"Content-Length: 4\r\n\r\n")
            self.assertEqual(self.read_answer(client).code, 100)
            client.sendall(b"body")
            self.assertEqual(self.read_answer(client).code, 405)

    def test_sixteen_in_one_write_come_back_in_order(self):
        paths = [b"/" if i % 3 == 0 else b"/%d" % i for i in range(16)]
        with self.server.connect() as client:
            client.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % path for path in paths))
            wanted = [200 if path == b"/" else 404 for path in paths]
            self.assertEqual(self.read_codes(client, 16), wanted)

    def test_two_thousand_pipelined(self):
        with self.server.connect() as client:
            def send():
                client.sendall(HELLO * 2_000)
                client.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            found = answers(receive_all(client))
            sender.join()
            self.assertEqual([one.code for one in found], [200] * 2_000)

    def test_byte_by_byte(self):
        with self.server.connect() as client:
            for _ in range(2):
                for i in range(len(HELLO)):
                    client.sendall(HELLO[i:i + 1])
                self.check_hello(self.read_answer(client))

    def test_half_close_still_gets_its_answers(self):
        self.assertEqual([one.code for one in answers(self.talk(HELLO * 3))], [200] * 3)

    def read_codes(self, client, count):
        data = b""
        codes = []
        while len(codes) < count:
            more = client.recv(65536)
            self.assertTrue(more, f"ended after {codes}")
            data += more
            while (one := answer(data)).is_whole and data:
                codes.append(one.code)
                data = one.rest
        self.assertEqual(data, b"")
        return codes


class Refusals(over_a_socket):
    # What is wrong, the request, the code of the answer.
    BAD = [
        ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("an odd Host", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("a space before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("folding", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400),
        ("a bare CR", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400),
        ("a bare LF", b"GET / HTTP/1.1\nHost: h\n\n", 400),
        ("a NUL", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 400),
        ("both lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("two lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                        b"Content-Length: 4\r\n\r\nabc", 400),
        ("a signed length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("a negative length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", 400),
        ("a length that overflows", b"POST / HTTP/1.1\r\nHost: h\r\n"
                                    b"Content-Length: 99999999999999999999\r\n\r\nabc", 400),
        ("an odd chunk size", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                              b"0x5\r\nhello\r\n0\r\n\r\n", 400),
        ("no version", b"GET /\r\n\r\n", 400),
        ("no request", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        ("version 2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    ]

    def check_refused(self, data, code):
        found = answers(data)
        self.assertEqual(found[-1].code, code, data)
        self.assertEqual(found[-1].fields[b"connection"], b"close")
        return found

    def test_at_once(self):
        for what, request, code in self.BAD:
            with self.subTest(what), self.server.connect() as client:
                client.sendall(request)
                found = self.check_refused(receive_all(client), code)  # it closes by itself
                self.assertEqual(len(found), 1)

    def test_byte_by_byte_is_the_same(self):
        for what, request, code in self.BAD:
            with self.subTest(what), self.server.connect() as client:
                try:
                    for i in range(len(request)):
                        client.sendall(request[i:i + 1])
                except OSError:
                    pass  # refused before the last byte
                found = self.check_refused(receive_all(client), code)
                self.assertEqual(len(found), 1)

    def test_what_came_before_is_answered(self):
        with self.server.connect() as client:
            client.sendall(HELLO * 2 + b"nonsense\r\n\r\n" + HELLO)
            found = self.check_refused(receive_all(client), 400)
            self.assertEqual([one.code for one in found], [200, 200, 400])

    def test_long_request_line_is_414(self):
        with self.server.connect() as client:
            client.sendall(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            self.check_refused(receive_all(client), 414)

    def test_many_fields_are_431(self):
        fields = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(1000))
        with self.server.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n")
            self.check_refused(receive_all(client), 431)

    def test_huge_content_is_413_before_it_is_read(self):
        with self.server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
            self.check_refused(receive_all(client), 413)

    def test_a_long_field_is_431(self):
        with self.server.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 100_000 + b"\r\n\r\n")
            self.check_refused(receive_all(client), 431)

    def test_the_end_within_a_request_is_no_answer(self):
        for size in range(1, len(HELLO)):
            self.assertEqual(self.talk(HELLO[:size]), b"", HELLO[:size])

    def test_a_reset_after_each_byte_disturbs_nobody(self):
        request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        with self.server.connect() as witness:
            for size in range(len(request) + 1):
                breaker = self.server.connect()
                breaker.sendall(request[:size])
                reset(breaker)
            witness.sendall(HELLO)
            self.assertEqual(self.read_answer(witness).code, 200)


class Limits(over_a_socket):
    REQUEST_LIMIT = 10  # the server's, in seconds

    def connect_for_long(self):
        client = self.server.connect()
        client.settimeout(self.REQUEST_LIMIT + PATIENCE)
        return client

    def test_a_request_that_does_not_end_is_408(self):
        with self.connect_for_long() as silent, self.connect_for_long() as slow:
            begin = time.monotonic()
            silent.sendall(HELLO + HELLO[:10])
            slow.sendall(HELLO + HELLO[:-2])
            self.assertEqual(answer(silent.recv(65536)).code, 200)
            self.assertEqual(answer(slow.recv(65536)).code, 200)
            while not select.select([slow], [], [], 0.5)[0]:  # something comes all the time
                self.assertLess(time.monotonic() - begin, self.REQUEST_LIMIT + PATIENCE)
                slow.sendall(b"X: y\r\n")
            for client in (silent, slow):
                found = answers(receive_all(client))
                self.assertEqual([one.code for one in found], [408])
                self.assertEqual(found[0].fields[b"connection"], b"close")
            self.assertGreater(time.monotonic() - begin, self.REQUEST_LIMIT - 0.1)

    def test_each_request_has_the_whole_time(self):
        with self.connect_for_long() as client:
            begin = time.monotonic()
            client.sendall(HELLO[:10])
            while time.monotonic() - begin < self.REQUEST_LIMIT + 1:
                # Each piece ends one request and begins another.
                client.sendall(HELLO[10:] + HELLO[:10])
                self.assertEqual(answer(client.recv(65536)).code, 200)
                time.sleep(0.5)


if __name__ == "__main__":
    unittest.main()
