#!/usr/bin/env python3
"""The echo server, the chat room and the proxy, with real clients."""

import signal
import socket
import threading
import time
import unittest

from example_server import PATIENCE, SLOWNESS, example_server, receive, receive_all, reset
from example_server import usable_reactor

REACTOR = usable_reactor()


class EchoServer(unittest.TestCase):
    def test_sends_back_what_it_receives(self):
        with example_server("echo_server", reactor=REACTOR) as server:
            with server.connect() as client:
                for size in (1, 2, 4096, 16384, 16385):
                    client.sendall(b"x" * size)
                    self.assertEqual(receive(client, size), b"x" * size)
            server.wait_until_idle()

    def test_a_megabyte_and_a_half_close(self):
        data = bytes(range(256)) * 4096
        with example_server("echo_server", reactor=REACTOR) as server, server.connect() as client:
            def send():
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            self.assertEqual(receive_all(client), data)
            sender.join()

    def test_many_clients_at_once(self):
        with example_server("echo_server", reactor=REACTOR) as server:
            clients = [server.connect() for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(b"%03d" % number)
            for number, client in enumerate(clients):
                self.assertEqual(receive(client, 3), b"%03d" % number)
                client.close()
            server.wait_until_idle()

    def test_many_clients_of_a_server_with_a_listener_on_each_worker(self):
        with example_server("echo_server", "--per-core", reactor=REACTOR) as server:
            clients = [server.connect() for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(b"%03d" % number)
            for number, client in enumerate(clients):
                self.assertEqual(receive(client, 3), b"%03d" % number)
                client.close()
            server.wait_until_idle()

    def test_an_idle_server_does_nothing_at_all(self):
        with example_server("echo_server", reactor=REACTOR) as server:
            clients = [server.connect() for _ in range(20)]
            for _ in range(20):
                for client in clients:
                    client.sendall(b"busy")
                for client in clients:
                    self.assertEqual(receive(client, 4), b"busy")
            # The spins and looks that follow work must come to an end; then, with all connections
            # open, no worker may run for so much as one system call.
            server.wait_until_asleep()
            before = server.time_on_processor()
            time.sleep(1)
            self.assertEqual(server.time_on_processor(), before)
            for client in clients:
                client.sendall(b"wake")
                self.assertEqual(receive(client, 4), b"wake")
                client.close()
            self.assertNotEqual(server.time_on_processor(), before)

    def test_resets_and_ends_do_not_disturb_others(self):
        with example_server("echo_server", reactor=REACTOR) as server, server.connect() as witness:
            base = server.idle_descriptors
            for size in range(0, 40):
                breaker = server.connect()
                breaker.sendall(b"y" * size)
                if size % 2:
                    reset(breaker)
                else:
                    breaker.close()
                witness.sendall(b"still here")
                self.assertEqual(receive(witness, 10), b"still here")
            server.idle_descriptors = base + 1  # the witness
            server.wait_until_idle()

    def test_a_client_that_does_not_read_holds_up_nobody(self):
        with example_server("echo_server", reactor=REACTOR, threads=1) as server:
            with server.connect() as greedy, server.connect() as witness:
                greedy.setblocking(False)
                stuck = 0
                while stuck < 20:  # until its own sending is stuck as well
                    try:
                        greedy.send(b"z" * 65536)
                        stuck = 0
                    except BlockingIOError:
                        stuck += 1
                        time.sleep(0.005)
                witness.sendall(b"quick")
                self.assertEqual(receive(witness, 5), b"quick")

    def test_interrupt_is_a_clean_end_too(self):
        with example_server("echo_server", reactor=REACTOR) as server, server.connect() as client:
            client.sendall(b"a")
            self.assertEqual(receive(client, 1), b"a")
            server.signal(signal.SIGINT)
            self.assertEqual(receive_all(client), b"")
            server.wait()


class Chat(unittest.TestCase):
    def enter(self, server, name):
        client = server.connect()
        lines = client.makefile("rb")
        self.assertEqual(lines.readline(), b"* your name, please\n")
        client.sendall(name + b"\n")
        self.assertEqual(lines.readline(), b"* " + name + b" is here\n")
        return client, lines

    def test_everybody_hears_what_is_said(self):
        with example_server("chat", reactor=REACTOR) as server:
            ann, ann_hears = self.enter(server, b"ann")
            bob, bob_hears = self.enter(server, b"bob")
            self.assertEqual(ann_hears.readline(), b"* bob is here\n")
            bob.sendall(b"hel")
            bob.sendall(b"lo\x1b[2J\r\nsecond\n")  # control characters are taken out
            self.assertEqual(ann_hears.readline(), b"bob: hello[2J\n")
            self.assertEqual(ann_hears.readline(), b"bob: second\n")
            ann.sendall(b"welcome\n")
            self.assertEqual(bob_hears.readline(), b"ann: welcome\n")
            bob.shutdown(socket.SHUT_WR)
            self.assertEqual(bob_hears.read(), b"")
            self.assertEqual(ann_hears.readline(), b"* bob has left\n")
            reset(ann)

    def test_a_name_belongs_to_one_guest_until_it_leaves(self):
        with example_server("chat", reactor=REACTOR) as server:
            first, _ = self.enter(server, b"eve")
            second = server.connect()
            hears = second.makefile("rb")
            self.assertEqual(hears.readline(), b"* your name, please\n")
            for refused in (b"eve\n", b"\n"):
                second.sendall(refused)
                self.assertEqual(hears.readline(), b"* your name, please\n")
            first.close()
            _.close()
            limit = time.monotonic() + PATIENCE
            answer = b""
            while answer != b"* eve is here\n":
                self.assertLess(time.monotonic(), limit)
                second.sendall(b"eve\n")
                answer = hears.readline()

    def test_a_line_without_end_is_refused(self):
        with example_server("chat", reactor=REACTOR) as server:
            endless, _ = self.enter(server, b"endless")
            witness, witness_hears = self.enter(server, b"witness")
            try:
                endless.sendall(b"w" * 100_000)
            except OSError:
                pass  # cut while it was sending
            self.assertEqual(witness_hears.readline(), b"* endless has left\n")
            witness.close()

    def test_who_reads_too_slowly_is_told_what_was_missed(self):
        with example_server("chat", reactor=REACTOR) as server:
            talker, _ = self.enter(server, b"talker")
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", server.port))
            slow.sendall(b"slow\n")
            self.assertEqual(_.readline(), b"* slow is here\n")
            line = b"t" * 400 + b"\n"
            for _ in range(40):
                talker.sendall(line * 500)
            talker.sendall(b"the last words\n")
            hears = slow.makefile("rb")
            missed = False
            for heard in hears:
                missed = missed or (heard.startswith(b"* you missed ") and b" lines\n" in heard)
                if heard == b"talker: the last words\n":
                    break
            self.assertTrue(missed, "a guest with a full socket heard every line")

    def test_guests_are_told_when_the_room_closes(self):
        with example_server("chat", reactor=REACTOR) as server:
            _, hears = self.enter(server, b"guest")
            server.signal()
            self.assertEqual(hears.read(), b"* the room closes\n")
            server.wait()


class Proxy(unittest.TestCase):
    def test_passes_a_megabyte_and_each_end_by_itself(self):
        data = bytes(range(256)) * 4096
        with example_server("echo_server", reactor=REACTOR) as target:
            with example_server("proxy", f"127.0.0.1:{target.port}", "60", reactor=REACTOR) as proxy:
                client = proxy.connect()

                def send():
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                sender = threading.Thread(target=send)
                sender.start()
                self.assertEqual(receive_all(client), data)
                sender.join()
                client.close()
                proxy.wait_until_idle()
                target.wait_until_idle()

    def test_half_close_leaves_the_other_direction_open(self):
        with socket.create_server(("127.0.0.1", 0)) as target:
            address = "127.0.0.1:%d" % target.getsockname()[1]
            with example_server("proxy", address, "60", reactor=REACTOR) as proxy:
                client = proxy.connect()
                server, _ = target.accept()
                server.settimeout(PATIENCE)
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(server), b"question")  # the end has come through
                for piece in (b"one ", b"two ", b"three"):
                    server.sendall(piece)
                    self.assertEqual(receive(client, len(piece)), piece)
                server.close()
                self.assertEqual(receive_all(client), b"")
                client.close()
                proxy.wait_until_idle()

    def test_cuts_what_is_idle_but_nothing_that_moves(self):
        limit = 0.4 * SLOWNESS
        with example_server("echo_server", reactor=REACTOR) as target:
            with example_server("proxy", f"127.0.0.1:{target.port}", str(limit),
                                reactor=REACTOR) as proxy:
                client = proxy.connect()
                begin = time.monotonic()
                while time.monotonic() - begin < 2 * limit:
                    client.sendall(b"tick")
                    self.assertEqual(receive(client, 4), b"tick")
                    time.sleep(limit / 10)
                begin = time.monotonic()
                self.assertEqual(receive_all(client), b"")
                self.assertGreater(time.monotonic() - begin, limit * 0.8)
                client.close()
                proxy.wait_until_idle()

    def test_a_target_that_refuses_ends_the_connection_and_nothing_else(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            address = "127.0.0.1:%d" % unused.getsockname()[1]
        with example_server("proxy", address, "60", reactor=REACTOR) as proxy:
            for _ in range(3):
                with proxy.connect() as client:
                    self.assertEqual(receive_all(client), b"")
            proxy.wait_until_idle()

    def test_ends_with_connections_open(self):
        with example_server("echo_server", reactor=REACTOR) as target:
            with example_server("proxy", f"127.0.0.1:{target.port}", "60", reactor=REACTOR) as proxy:
                client = proxy.connect()
                client.sendall(b"a")
                self.assertEqual(receive(client, 1), b"a")
                proxy.signal()
                self.assertEqual(receive_all(client), b"")
                proxy.wait()


if __name__ == "__main__":
    unittest.main()
