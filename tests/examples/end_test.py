#!/usr/bin/env python3
"""SIGTERM: a server ends within a second, whatever its clients do, and no answer is cut."""

import select
import selectors
import time
import unittest

from example_server import PATIENCE, SLOWNESS, example_server, receive, receive_all, usable_reactor
from http_answer import answer

REACTOR = usable_reactor()
HELLO = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Echo(unittest.TestCase):
    def test_ends_within_a_second_under_load_and_cuts_no_answer(self):
        size = 1000
        with example_server("echo_server", reactor=REACTOR) as server:
            selector = selectors.DefaultSelector()
            missing = {}
            for _ in range(32):
                client = server.connect()
                selector.register(client, selectors.EVENT_READ)
                missing[client] = size
                client.sendall(b"m" * size)
            answers = 0
            asked_at = None
            ended_at = None
            while missing:
                if asked_at is None and answers > 2000:
                    server.signal()
                    asked_at = time.monotonic()
                events = selector.select(PATIENCE)
                self.assertTrue(events, "nothing happens any more")
                for key, _ in events:
                    client = key.fileobj
                    try:
                        received = client.recv(missing[client])
                    except ConnectionResetError:
                        received = b""
                    if not received:
                        self.assertIsNotNone(asked_at, "a connection ended too early")
                        self.assertEqual(missing[client], size, "an answer was cut")
                        selector.unregister(client)
                        client.close()
                        del missing[client]
                        continue
                    missing[client] -= len(received)
                    if missing[client] != 0:
                        continue
                    answers += 1
                    missing[client] = size
                    try:
                        client.sendall(b"m" * size)
                    except OSError:
                        pass  # the next recv() tells
            server.wait()
            ended_at = time.monotonic()
            self.assertLess(ended_at - asked_at, 1.0 * SLOWNESS)


class Http(unittest.TestCase):
    def test_idle_and_silent_clients_do_not_hold_it_up(self):
        with example_server("http_server", reactor=REACTOR) as server:
            silent = [server.connect() for _ in range(3)]
            kept_alive = server.connect()
            kept_alive.sendall(HELLO)
            self.assertTrue(receive(kept_alive, 1))
            begin = time.monotonic()
            server.end()
            self.assertLess(time.monotonic() - begin, 1.0 * SLOWNESS)
            for client in silent:
                self.assertEqual(receive_all(client), b"")

    def test_a_request_that_has_begun_is_answered(self):
        with example_server("http_server", reactor=REACTOR) as server, server.connect() as client:
            client.sendall(HELLO + HELLO[:10])
            first = b""
            while not answer(first).is_whole:
                first += client.recv(65536)
            server.signal()
            self.wait_until_refused(server)
            client.sendall(HELLO[10:])
            found = answer(receive_all(client))
            self.assertEqual((found.code, found.fields[b"connection"]), (200, b"close"))
            server.wait()

    def test_requests_that_are_not_answered_any_more_cut_no_answer(self):
        with example_server("http_server", reactor=REACTOR) as server, server.connect() as client:
            client.sendall(HELLO)
            usual = b""
            while not answer(usual).is_whole:
                usual += client.recv(65536)
            client.setblocking(False)
            # Until the server has to wait for the client to read, and does not read itself.
            while select.select([], [client], [], 0.5 * SLOWNESS)[1]:
                client.send(HELLO * 100)
            client.settimeout(PATIENCE)
            server.signal()
            self.wait_until_refused(server)
            before, start, end = receive_all(client).rpartition(b"HTTP/1.1 ")
            self.assertEqual(before, usual * (len(before) // len(usual)))
            last = answer(start + end)
            self.assertTrue(last.is_whole)
            self.assertEqual((last.code, last.fields[b"connection"]), (200, b"close"))
            self.assertEqual(last.rest, b"")
            server.wait()

    def wait_until_refused(self, server):
        limit = time.monotonic() + PATIENCE
        while True:  # until it does not listen any more
            self.assertLess(time.monotonic(), limit)
            try:
                server.connect().close()
            except OSError:
                break

    def test_ends_within_a_second_under_load_and_cuts_no_answer(self):
        depth = 8
        with example_server("http_server", reactor=REACTOR) as server:
            selector = selectors.DefaultSelector()
            unparsed = {}
            expected = {}
            for _ in range(32):
                client = server.connect()
                selector.register(client, selectors.EVENT_READ)
                unparsed[client] = b""
                expected[client] = depth
                client.sendall(HELLO * depth)
            answered = 0
            asked_at = None
            while unparsed:
                if asked_at is None and answered > 4000:
                    server.signal()
                    asked_at = time.monotonic()
                events = selector.select(PATIENCE)
                self.assertTrue(events, "nothing happens any more")
                for key, _ in events:
                    client = key.fileobj
                    try:
                        received = client.recv(65536)
                    except ConnectionResetError:
                        received = b""
                    if not received:
                        self.assertIsNotNone(asked_at, "a connection ended too early")
                        self.assertEqual(unparsed[client], b"", "an answer was cut")
                        selector.unregister(client)
                        client.close()
                        del unparsed[client]
                        continue
                    data = unparsed[client] + received
                    while data and (one := answer(data)).is_whole:
                        self.assertEqual((one.code, one.content), (200, b"Hello, World!"))
                        data = one.rest
                        answered += 1
                        expected[client] -= 1
                    unparsed[client] = data
                    if expected[client] == 0:
                        expected[client] = depth
                        try:
                            client.sendall(HELLO * depth)
                        except OSError:
                            pass  # the next recv() tells
            server.wait()
            self.assertLess(time.monotonic() - asked_at, 1.0 * SLOWNESS)


if __name__ == "__main__":
    unittest.main()
