#!/usr/bin/env python3
"""The examples that are no servers run to their end and show what they promise; the echo program of the
README echoes."""

import os
import re
import signal
import socket
import subprocess
import time
import unittest

from example_server import PATIENCE, SLOWNESS, program, receive, run, without_reports

LIMIT = 3 * SLOWNESS


class Failures(unittest.TestCase):
    def cured(self, name, *shown):
        """Exit code 0 means that the program has measured the failure and the cure."""
        begin = time.monotonic()
        ended = run(name)
        self.assertLess(time.monotonic() - begin, LIMIT)
        self.assertEqual((ended.returncode, without_reports(ended.stderr)), (0, ""), ended)
        self.assertTrue(ended.stdout.endswith("the cure works\n"), ended.stdout)
        for pattern in shown:
            self.assertRegex(ended.stdout, pattern)

    def test_blocking_call(self):
        self.cured("failure_blocking_call",
                   r'the monitor says: worker 0 of "edo" .*blocking_call\.cpp.*edo::spawn_blocking',
                   r"broken, .*worst tick +\d+\.\d\d ms late",
                   r"the same with a monitor: +worst tick +\d+\.\d\d ms late",
                   r"cured, .*worst tick +\d+\.\d\d ms late")

    def test_forgotten_tasks(self):
        self.cured("failure_forgotten_tasks", r"broken, .*1000 requests leave 1000 tasks",
                   r"detached, spawned at .*forgotten_tasks\.cpp:\d+", r"sleep at ",
                   r"cured, .*1000 requests leave 0 tasks")

    def test_exhausted_pool(self):
        self.cured("failure_exhausted_pool", r"broken, .*worst quick call +\d+\.\d\d ms",
                   r"cured, .*worst quick call +\d+\.\d\d ms")

    def test_wrong_ordering(self):
        self.cured("failure_wrong_ordering", r"broken, relaxed +wrong in 0 of 6 .* in 6 of 24 ",
                   r"cured, both +wrong in 0 of 6 .* in 0 of +6 ", r"wrong \d+ times in 200000")


class Others(unittest.TestCase):
    def test_metrics_aggregator(self):
        ended = run("metrics_aggregator")
        self.assertEqual((ended.returncode, without_reports(ended.stderr)), (0, ""), ended)
        self.assertEqual(len(re.findall(r" +\d+ ns per update, +\d+ KiB", ended.stdout)), 2)
        self.assertIn("both have counted every update", ended.stdout)

    def check_shutdown(self, text):
        self.assertEqual(len(re.findall(r"worker [123]: asked to stop, finished \d+ pieces", text)), 3)
        self.assertIn("2 tasks are late", text)
        self.assertRegex(text, r"sleep at .*graceful_shutdown\.cpp:\d+")
        self.assertRegex(text, r"blocking call at .*graceful_shutdown\.cpp:\d+")
        self.assertIn("deaf task: dropped", text)
        self.assertRegex(text, r"after the deadline: 0 tasks, 1 blocking calls and 0 workers")

    def test_graceful_shutdown_by_itself(self):
        ended = run("graceful_shutdown", "0.2")
        self.assertEqual((ended.returncode, without_reports(ended.stderr)), (0, ""), ended)
        self.check_shutdown(ended.stdout)

    def start_service(self):
        """A service whose tasks have begun."""
        service = subprocess.Popen([program("graceful_shutdown"), "60"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status = f"/proc/{service.pid}/task"
        limit = time.monotonic() + PATIENCE
        while len(os.listdir(status)) < 2:  # until it has workers, so the signals are blocked
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        time.sleep(0.1 * SLOWNESS)
        return service

    def check_end(self, service):
        out, err = service.communicate(timeout=PATIENCE)
        self.assertEqual((service.returncode, without_reports(err)), (0, ""))
        self.check_shutdown(out)

    def test_graceful_shutdown_by_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            service = self.start_service()
            service.send_signal(number)
            self.check_end(service)

    def is_pending(self, service, number):
        with open(f"/proc/{service.pid}/status", encoding="ascii") as status:
            pending = re.search(r"^ShdPnd:\s+([0-9a-f]+)", status.read(), re.MULTILINE).group(1)
        return int(pending, 16) >> (number - 1) & 1 == 1

    def test_graceful_shutdown_by_a_second_signal(self):
        """It has its own limits: a second signal while it ends makes it neither faster nor worse."""
        service = self.start_service()
        service.send_signal(signal.SIGTERM)
        limit = time.monotonic() + PATIENCE
        while self.is_pending(service, signal.SIGTERM):  # until it has heard the first
            self.assertLess(time.monotonic(), limit)
        service.send_signal(signal.SIGTERM)
        self.check_end(service)

    def test_echo_of_the_readme(self):
        server = subprocess.Popen([program("example_echo")], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            limit = time.monotonic() + PATIENCE
            while server.poll() is None:
                try:
                    client = socket.create_connection(("127.0.0.1", 7000), timeout=PATIENCE)
                except ConnectionRefusedError:
                    self.assertLess(time.monotonic(), limit)
                    time.sleep(0.01)
                    continue
                with client:
                    client.sendall(b"hello")
                    self.assertEqual(receive(client, 5), b"hello")
                return
            # Its port is fixed. If that is taken, it has to say so.
            self.assertEqual(server.returncode, 1)
            self.assertIn("error: Address already in use", server.stderr.read())
        finally:
            server.kill()
            server.communicate()


if __name__ == "__main__":
    unittest.main()
