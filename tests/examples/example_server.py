"""Runs the example programs for the tests of this folder: start, listen, end.

The tests get from CTest, through the environment:
  EDO_BIN                 the folder of the programs (by default that of the release preset)
  EDO_REACTOR_UNDER_TEST  io_uring or epoll (by default auto)
  EDO_SLOWNESS            how many times longer things may take than in a release build
"""

import os
import re
import signal
import socket
import subprocess
import time

BIN = os.environ.get("EDO_BIN") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin")
SLOWNESS = float(os.environ.get("EDO_SLOWNESS", "1"))
PATIENCE = 10 * SLOWNESS  # for what should take no time at all


def program(name):
    return os.path.join(BIN, name)


def run(name, *arguments, limit=PATIENCE, **how):
    """Runs a program to its end."""
    return subprocess.run([program(name), *arguments], capture_output=True, text=True,
                          timeout=limit, check=False, **how)


def without_reports(errors):
    """Without the lines that say that a poll took long, which is so under a sanitizer."""
    return re.sub(r"^edo: worker \d+ of .* has been in one poll for .*\n", "", errors, flags=re.M)


def usable_reactor():
    """The reactor to test. One that this machine refuses must say why; then `auto` is tested, which has
    to choose the other one."""
    wanted = os.environ.get("EDO_REACTOR_UNDER_TEST", "") or "auto"
    if wanted == "auto":
        return wanted
    probe = subprocess.Popen([program("echo_server"), "--port", "0", "--reactor", wanted],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if probe.stdout.readline().startswith("listening on "):
        probe.send_signal(signal.SIGTERM)
        probe.communicate(timeout=PATIENCE)
        return wanted
    _, why = probe.communicate(timeout=PATIENCE)
    assert probe.returncode == 1 and "cannot start the runtime: " in why, (probe.returncode, why)
    with example_server("echo_server", reactor="auto") as other:
        assert other.reactor not in (wanted, "auto"), other.reactor
    return "auto"


class example_server:
    """A running server on a free port. Leaving the `with` ends it by SIGTERM and insists on exit code 0
    and on silence."""

    def __init__(self, name, *before_flags, reactor, threads=2, environment=None):
        flags = [*before_flags, "--port", "0", "--threads", str(threads)]
        if reactor:
            flags += ["--reactor", reactor]
        self.process = subprocess.Popen([program(name), *flags], text=True, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        found = re.fullmatch(
            r"listening on 127\.0\.0\.1:(\d+) \((io_uring|epoll), (\d+) workers\)\n", line)
        if not found:
            self.process.kill()
            raise AssertionError(f"{name} said {line!r} and {self.process.communicate()[1]!r}")
        self.port = int(found[1])
        self.reactor = found[2]
        assert int(found[3]) == threads and reactor in (None, "auto", self.reactor), line
        self.idle_descriptors = self.descriptors()

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            self.process.kill()
            self.process.communicate()
        elif self.process.returncode is None:
            self.end()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def descriptors(self):
        """How many sockets are open. On a slow machine a worker may have been taken for blocked; then
        there are descriptors of a spare one, too."""
        count = 0
        folder = f"/proc/{self.process.pid}/fd"
        for number in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{number}").startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def wait_until_idle(self):
        """Fails unless all descriptors of clients are closed again."""
        limit = time.monotonic() + PATIENCE
        while self.descriptors() > self.idle_descriptors:
            assert time.monotonic() < limit, (
                f"{self.descriptors()} descriptors are open, {self.idle_descriptors} were at first")
            time.sleep(0.01)

    def time_on_processor(self):
        """Per worker, the nanoseconds it has run so far: a thread that makes a call has run."""
        ran = {}
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            folder = f"/proc/{self.process.pid}/task/{task}"
            with open(f"{folder}/comm", encoding="ascii") as name:
                # A sanitizer has threads of its own, which do things now and then.
                if not name.read().startswith("edo"):
                    continue
            with open(f"{folder}/schedstat", encoding="ascii") as stat:
                ran[task] = int(stat.read().split()[0])
        assert ran, "no thread is called edo..."
        return ran

    def wait_until_asleep(self):
        limit = time.monotonic() + PATIENCE
        last = self.time_on_processor()
        while True:
            time.sleep(0.1)
            now = self.time_on_processor()
            if now == last:
                return
            assert time.monotonic() < limit, f"still running after a while: {last}, {now}"
            last = now

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """Insists on a clean end after a signal."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert (self.process.returncode, out, without_reports(err)) == (0, "", ""), (
            self.process.returncode, out, err)

    def end(self):
        self.signal()
        self.wait()


def receive(client, count):
    """Exactly `count` bytes, or fewer at the end."""
    data = b""
    while len(data) < count:
        more = client.recv(min(count - len(data), 65536))
        if not more:
            break
        data += more
    return data


def receive_all(client):
    return receive(client, 1 << 40)


def reset(client):
    """Closes with a reset instead of an orderly end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
