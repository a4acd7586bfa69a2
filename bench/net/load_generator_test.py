"""Shows bench_load_generator servers that misbehave: each must fail the run, the good ones must not.

    python3 load_generator_test.py build/release/bin
"""

import json
import pathlib
import socket
import subprocess
import sys
import threading

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!"


def answers_to(data, answer=GOOD):
    return answer * data.count(b"\r\n\r\n")


def from_the_ninth(spoiled, good=lambda data: data):
    """Answers eight times as it should, and then wrongly: None closes the connection."""
    return lambda data, turn: good(data) if turn < 9 else spoiled(data)


def numbered(data, turn):
    head = b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  13 \r\nX-Turn: %d\r\n\r\n" % turn
    return answers_to(data, head + b"Hello, World!")


# name, mode, answer to the n-th piece of data, one byte at a time, expected message or None
CASES = (
    ("good echo", "echo", lambda data, turn: data, False, None),
    ("echo in single bytes", "echo", lambda data, turn: data, True, None),
    ("wrong last byte", "echo", from_the_ninth(lambda d: d[:-1] + b"!"), False, "wrong bytes"),
    ("one byte too many", "echo", from_the_ninth(lambda d: d + b"!"), False, "more bytes"),
    ("the message before", "echo", lambda d, turn: b"\1\0\0\0" + d[4:], False, "wrong bytes"),
    ("early close", "echo", from_the_ninth(lambda d: None), False, "closed a connection"),
    ("silence", "echo", from_the_ninth(lambda d: b""), False, "no answer"),
    ("good http", "http", lambda data, turn: answers_to(data), False, None),
    ("http in single bytes", "http", lambda data, turn: answers_to(data), True, None),
    ("headers that differ each time", "http", numbered, False, None),
    ("status 404", "http", from_the_ninth(
        lambda d: GOOD.replace(b"200 OK", b"404 No"), answers_to), False, "expected status 200"),
    ("wrong body", "http", from_the_ninth(
        lambda d: GOOD.replace(b"World", b"world"), answers_to), False, "wrong body"),
    ("wrong length", "http", from_the_ninth(
        lambda d: GOOD.replace(b"13", b"14") + b"!", answers_to), False, "Content-Length 13"),
    ("no length", "http", from_the_ninth(
        lambda d: GOOD.replace(b"Content-Length", b"Something"), answers_to), False,
     "Content-Length 13"),
    ("two answers", "http", from_the_ninth(lambda d: GOOD + GOOD, answers_to), False,
     "more answers"),
    ("short body", "http", from_the_ninth(lambda d: GOOD[:-1], answers_to), False, "no answer"),
)


def serve(answer, in_single_bytes):
    """Returns: the port of a server that answers with `answer`, on threads of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def talk(client):
        turn = 0
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := client.recv(65536):
                turn += 1
                reply = answer(data, turn)
                if reply is None:
                    break
                pieces = [bytes([each]) for each in reply] if in_single_bytes else [reply]
                for piece in pieces:
                    client.sendall(piece)
        except OSError:
            pass  # the generator gives up on a server that misbehaves
        client.close()

    def accept():
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def generate(bin_dir, port, *flags):
    command = [bin_dir / "bench_load_generator", "--port", str(port), "--connections", "3",
               "--seconds", "0.1", "--warm-up", "0.02", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def check_answers(bin_dir):
    problems = []
    for name, mode, answer, in_single_bytes, message in CASES:
        done = generate(bin_dir, serve(answer, in_single_bytes), "--mode", mode,
                        "--depth", "4" if message is None else "1",
                        "--patience", "3" if message is None else "0.2")
        if message is None and (done.returncode != 0 or json.loads(done.stdout)["requests"] == 0):
            problems.append(f"{name}: failed: {done.stderr.strip()}")
        if message is not None and (done.returncode != 1 or message not in done.stderr):
            problems.append(f"{name}: went unnoticed, code {done.returncode}: {done.stderr.strip()}")
    return problems


def check_fixed_rate(bin_dir):
    """A server that pauses once for 50 ms delays every request that is due meanwhile."""
    pause = threading.Event()

    def slow_once(data, turn):
        if turn == 20:
            pause.wait(0.05)
        return data

    done = generate(bin_dir, serve(slow_once, False), "--connections", "1", "--rate", "1000",
                    "--warm-up", "0")
    late = json.loads(done.stdout)["latency_us"]["p90"] if done.returncode == 0 else 0
    # Half of the 100 requests are due during the pause; the last tenth waited nearly all of it.
    return [] if late > 20_000 else [f"fixed rate: p90 is {late} us: {done.stderr.strip()}"]


def check_peers(bin_dir):
    """Every peer that is built answers correctly, with two threads, and ends with code 0."""
    problems = []
    peers = (("peer_raw_epoll",), ("peer_raw_uring", "--form", "poll"),
             ("peer_raw_uring", "--form", "recv"), ("peer_asio_echo", "--mode", "shared"),
             ("peer_asio_echo", "--mode", "per-thread"), ("peer_asio_echo_uring",),
             ("peer_beast_http", "--mode", "shared"), ("peer_beast_http", "--mode", "per-thread"))
    loads = {"echo": ((), ("--size", "300000"), ("--depth", "16"), ("--mode", "churn")),
             "http": ((), ("--depth", "100"))}
    for peer in peers:
        if not (bin_dir / peer[0]).exists():
            print(f"not built, not tested: {peer[0]}")
            continue
        for service in ("echo", "http"):
            command = [bin_dir / peer[0], *peer[1:], "--threads", "2"]
            if "raw" in peer[0]:
                command += ["--service", service]
            elif ("http" in peer[0]) != (service == "http"):
                continue
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            port = server.stdout.readline().split(":")[1].split()[0]
            for load in loads[service]:
                flags = load if "--mode" in load else (*load, "--mode", service)
                done = generate(bin_dir, port, *flags, "--threads", "2",
                                "--server-pid", str(server.pid))
                if done.returncode != 0:
                    problems.append(f"{peer} {flags}: {done.stderr.strip()}")
            server.terminate()
            if server.wait(5) != 0:
                problems.append(f"{peer}: ended with code {server.returncode}")
    return problems


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    problems = check_answers(bin_dir) + check_fixed_rate(bin_dir) + check_peers(bin_dir)
    print("\n".join(problems) or "all checks passed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
