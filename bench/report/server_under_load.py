"""Starts one server, puts load on it, ends it."""

import json
import re
import select
import subprocess
import tempfile

LISTENING = re.compile(r"listening on \S+:(\d+) \(([^,)]*)")


class Skipped(Exception):
    """This server cannot be measured here; the text says why."""


class Failed(Exception):
    """The measurement went wrong: an error under load, a server that does not end."""


class ServerUnderLoad:
    """A running server, for `with`. Raises Skipped when the program or its reactor is missing."""

    def __init__(self, bin_dir, server, threads, pinned):
        program = bin_dir / server.command[0]
        if not program.exists():
            raise Skipped(f"{program} is not built")
        command = [str(program), *server.command[1:], "--threads", str(threads),
                   "--address", "127.0.0.1", "--port", "0"]
        if pinned:
            command = ["taskset", "-c", "0", *command]
        self._name = server.name
        # A file and not a pipe: a talkative server must not block because nobody reads.
        self._errors = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors,
                                         text=True)
        starts = select.select([self._process.stdout], [], [], 10)[0]
        line = self._process.stdout.readline() if starts else "no line within 10 s"
        found = LISTENING.search(line)
        if found is None:
            _, errors = self._stop()
            # Only a refused io_uring is the machine's doing.
            reason = Skipped if server.reactor == "io_uring" and "ring" in errors else Failed
            raise reason(f"{server.command[0]} does not start: {(errors or line).strip()}")
        if not found[2].startswith(server.reactor):
            self._stop()
            raise Skipped(f"{server.command[0]} runs on {found[2]} instead of {server.reactor}")
        self._port = found[1]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        code, errors = self._stop()
        if kind is None and code != 0:
            raise Failed(f"{self._name} ended with code {code}: {errors.strip()[-300:]}")

    def measure(self, generator, service, flags):
        """Returns: the load generator's JSON object."""
        command = [str(generator), "--port", self._port, "--server-pid", str(self._process.pid)]
        if "--mode" not in flags:
            command += ["--mode", service]
        done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Failed(f"{self._name}: {' '.join(done.stderr.split())}")
        return json.loads(done.stdout)

    def _stop(self):
        """Returns: exit code and what the server wrote to its error output."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise Failed(f"{self._name} did not end within 5 s after SIGTERM") from None
        finally:
            self._process.stdout.close()
            self._errors.seek(0)
            errors = self._errors.read()
            self._errors.close()
        return self._process.returncode, errors
