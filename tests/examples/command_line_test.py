#!/usr/bin/env python3
"""What the examples say to wrong flags and impossible wishes: a message that names the value and the cure,
and an exit code that is not 0."""

import os
import shutil
import socket
import tempfile
import unittest

from example_server import example_server, program, run

SERVERS = {"echo_server": (), "http_server": (), "chat": (), "proxy": ("127.0.0.1:9", "30")}


class Flags(unittest.TestCase):
    def refuse(self, arguments, *said, code=2, **how):
        for name, before in SERVERS.items():
            with self.subTest(program=name, arguments=arguments):
                ended = run(name, *before, *arguments, **how)
                self.assertEqual(ended.returncode, code, ended)
                self.assertEqual(ended.stdout, "")
                for text in (f"{name}: ", *said):
                    self.assertIn(text, ended.stderr)

    def test_unknown_flags(self):
        for flag in ("--bogus", "-p", "8080", "--PORT", "--port=80", ""):
            self.refuse([flag], f"unknown flag '{flag}'", "--help")

    def test_a_flag_without_its_value(self):
        for flag in ("--port", "--threads", "--address", "--reactor"):
            self.refuse([flag], f"{flag} needs a value")

    def test_odd_numbers_of_threads(self):
        for value in ("0", "-1", "abc", "", "1.5", "2x", " 2", "+2", "1025", "99999999999999999999"):
            self.refuse(["--threads", value], f"--threads '{value}'", "from 1 to 1024")

    def test_odd_ports(self):
        for value in ("-1", "abc", "", "65536", "80,81", "0x50"):
            self.refuse(["--port", value], f"--port '{value}'", "from 0 to 65535")

    def test_addresses_that_are_none(self):
        for value in ("localhost", "", "300.1.1.1", "1.2.3", "127.0.0.1:80", "[::1", "::1::", "1.2.3.4 "):
            self.refuse(["--address", value], f"--address '{value}'", "IPv4 or IPv6")

    def test_unknown_reactors(self):
        for value in ("kqueue", "", "EPOLL", "uring"):
            self.refuse(["--reactor", value], f"--reactor '{value}'", "auto, io_uring or epoll")

    def test_help_names_every_flag(self):
        for name in SERVERS:
            ended = run(name, "--help")
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            for flag in ("--address", "--port", "--threads", "--reactor", "--per-core", "--log", "--help"):
                self.assertIn(flag, ended.stdout)

    def test_odd_environment_variables(self):
        for value in ("0", "abc", "-1"):
            self.refuse(["--port", "0"], "EDO_WORKERS", code=1, env={"EDO_WORKERS": value})
        self.refuse(["--port", "0"], "EDO_REACTOR", code=1, env={"EDO_REACTOR": "nonsense"})

    def test_targets_of_the_proxy(self):
        for arguments, said in (
                ([], "target ''"), (["localhost:80"], "target 'localhost:80'"),
                (["127.0.0.1"], "target '127.0.0.1'"), (["127.0.0.1:9"], "idle limit ''"),
                (["127.0.0.1:9", "0"], "idle limit '0'"), (["127.0.0.1:9", "-1"], "idle limit '-1'"),
                (["127.0.0.1:9", "abc"], "idle limit 'abc'"), (["127.0.0.1:9", "nan"], "idle limit 'nan'"),
                (["127.0.0.1:9", "--port"], "idle limit '--port'")):
            ended = run("proxy", *arguments)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), ended)
            self.assertIn(said, ended.stderr)
            self.assertIn("usage: proxy TARGET", ended.stderr)

    def test_odd_time_of_graceful_shutdown(self):
        for value in ("0", "-1", "abc", "", "nan", "1e99", "1x"):
            ended = run("graceful_shutdown", value)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), ended)
            self.assertIn(f"'{value}'", ended.stderr)


class Addresses(unittest.TestCase):
    def test_the_environment_chooses_the_reactor_unless_a_flag_does(self):
        chosen = {"EDO_REACTOR": "epoll", "EDO_WORKERS": "3"}
        with example_server("echo_server", reactor=None, environment=chosen) as server:
            self.assertEqual(server.reactor, "epoll")
        wrong = {"EDO_REACTOR": "nonsense", "EDO_WORKERS": "nonsense"}
        with example_server("echo_server", reactor="epoll", environment=wrong) as server:
            self.assertEqual(server.reactor, "epoll")

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for name, before in SERVERS.items():
                ended = run(name, *before, "--port", port)
                self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
                self.assertIn(f"cannot listen on 127.0.0.1:{port}", ended.stderr)
                self.assertIn("choose another --port", ended.stderr)

    def test_an_address_of_another_machine(self):
        ended = run("echo_server", "--address", "203.0.113.1", "--port", "0")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
        self.assertIn("cannot listen on 203.0.113.1:0", ended.stderr)
        self.assertIn("--address must be one of this machine's", ended.stderr)

    def test_a_privileged_port(self):
        port = 81
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as limit:
            self.assertGreater(int(limit.read()), port, "this machine has no privileged ports")
        how = {}
        folder = tempfile.mkdtemp()
        try:
            # Where another user can start it, too.
            os.chmod(folder, 0o755)
            copy = shutil.copy(program("echo_server"), folder)
            if os.geteuid() == 0:
                how = {"user": 65534, "group": 65534, "extra_groups": []}
            ended = run(copy, "--port", str(port), **how)
            self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
            self.assertIn(f"cannot listen on 127.0.0.1:{port}", ended.stderr)
            self.assertIn("ports below 1024 need root", ended.stderr)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main()
