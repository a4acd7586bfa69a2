"""What is measured: the servers, the rows of the report, and the figures to reach."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """One program under load. `family` groups the forms of one contestant."""

    name: str
    family: str
    reactor: str
    command: tuple
    quick: bool = True


@dataclass(frozen=True)
class Row:
    """One kind of load; `load` are flags of the load generator."""

    key: str
    title: str
    service: str
    connections: int
    load: tuple = ()
    quick: bool = False
    full_only: bool = False


@dataclass(frozen=True)
class Curve:
    """Latency at fixed rates, one SVG each."""

    key: str
    title: str
    service: str
    connections: int
    rates: tuple
    quick_rates: tuple


@dataclass(frozen=True)
class Goal:
    """A ratio of one metric, ours to theirs, that must be at most or at least `bound`.

    `ours` and `theirs` are families; of each the better form counts. With `same_reactor` each
    reactor of ours is compared with the same one of theirs. Where the bound is 1, `tie` is how far
    beyond it two figures still count as equal.
    """

    rows: tuple
    metric: str
    ours: str
    theirs: str
    bound: float
    at_most: bool
    same_reactor: bool = False
    best_of_ours: bool = False
    tie: float = 0.0


@dataclass(frozen=True)
class MicroGoal:
    """The highest ratio of time, ours to Asio's, for the cases whose name matches `pattern`."""

    pattern: str
    bound: float


@dataclass(frozen=True)
class CounterGoal:
    """The highest value of ours for the counters whose `case counter` matches `pattern`."""

    pattern: str
    bound: float


@dataclass(frozen=True)
class Peer:
    """Another runtime that bench_micro's cases are put to."""

    name: str
    program: str
    package: str


@dataclass(frozen=True)
class PeerGoal:
    """The highest ratios of time, ours to theirs: to `rival`, and to whoever is best."""

    rival: str
    one_worker: float
    more_workers: float
    to_best: float


def edo(program, reactor):
    return Server(f"Edo {reactor}", "edo", reactor, (program, "--reactor", reactor))


ECHO_SERVERS = (
    edo("echo_server", "io_uring"),
    edo("echo_server", "epoll"),
    Server("Edo io_uring, per core", "edo per core", "io_uring",
           ("echo_server", "--reactor", "io_uring", "--per-core"), quick=False),
    Server("Edo epoll, per core", "edo per core", "epoll",
           ("echo_server", "--reactor", "epoll", "--per-core"), quick=False),
    Server("Asio per-thread", "asio", "epoll", ("peer_asio_echo", "--mode", "per-thread")),
    Server("Asio shared", "asio", "epoll", ("peer_asio_echo", "--mode", "shared"), quick=False),
    Server("Asio per-thread, its io_uring", "asio on io_uring", "io_uring",
           ("peer_asio_echo_uring", "--mode", "per-thread"), quick=False),
    Server("raw epoll", "raw", "epoll", ("peer_raw_epoll",)),
    Server("raw io_uring, poll", "raw", "io_uring", ("peer_raw_uring", "--form", "poll")),
    Server("raw io_uring, recv", "raw", "io_uring", ("peer_raw_uring", "--form", "recv")),
)

HTTP_SERVERS = (
    edo("http_server", "io_uring"),
    edo("http_server", "epoll"),
    Server("Beast per-thread", "beast", "epoll", ("peer_beast_http", "--mode", "per-thread")),
    Server("Beast shared", "beast", "epoll", ("peer_beast_http", "--mode", "shared"), quick=False),
    Server("raw epoll, no parser", "raw", "epoll", ("peer_raw_epoll", "--service", "http")),
    Server("raw io_uring poll, no parser", "raw", "io_uring",
           ("peer_raw_uring", "--service", "http", "--form", "poll"), quick=False),
    Server("raw io_uring recv, no parser", "raw", "io_uring",
           ("peer_raw_uring", "--service", "http", "--form", "recv"), quick=False),
)


def mixed(name, family, *flags):
    return Server(f"Edo, {name}", family, "io_uring",
                  ("mixed_server", "--reactor", "io_uring", *flags))


MIXED_SERVERS = (
    mixed("2 batch tasks beside it", "edo", "--busy", "2"),
    mixed("the same without priority", "no priority", "--busy", "2", "--priority", "latency"),
    mixed("nothing beside it", "unloaded"),
)


def metrics(reactor):
    return (Server(f"Edo {reactor}", "edo", reactor, ("echo_server", "--reactor", reactor)),
            Server(f"Edo {reactor}, without metrics", "uncounted", reactor,
                   ("echo_server_uncounted", "--reactor", reactor)))


METRICS_SERVERS = (*metrics("io_uring"), *metrics("epoll"))

SERVERS = {"echo": ECHO_SERVERS, "http": HTTP_SERVERS, "mixed": MIXED_SERVERS,
           "metrics": METRICS_SERVERS}

ROWS = (
    Row("echo_1", "echo 64 B, 1 connection", "echo", 1, quick=True),
    Row("echo_64", "echo 64 B, 64 connections", "echo", 64, quick=True),
    Row("echo_1000", "echo 64 B, 1000 connections", "echo", 1000, quick=True),
    Row("echo_16k", "echo 16 KiB, 32 connections", "echo", 32, ("--size", "16384"),
        full_only=True),
    Row("echo_pipelined", "echo 64 B, 16 in flight, 64 connections", "echo", 64,
        ("--depth", "16"), full_only=True),
    Row("churn", "connect, one echo, close; 32 at once", "echo", 32, ("--mode", "churn"),
        full_only=True),
    Row("http_64", "HTTP hello, keep-alive, 64 connections", "http", 64, quick=True),
    Row("http_pipelined", "HTTP hello, pipelined 16, 64 connections", "http", 64,
        ("--depth", "16"), quick=True),
    Row("mixed_64", "echo 64 B beside tasks that compute 100 µs at a time, 64 connections", "mixed",
        64, ("--mode", "echo")),
    Row("metrics_64", "echo 64 B, 64 connections, with and without metrics", "metrics", 64,
        ("--mode", "echo"), full_only=True),
    Row("mixed_64_rate", "the same at 5,000 requests/s", "mixed", 64,
        ("--mode", "echo", "--rate", "5000")),
)

CURVES = (
    Curve("echo", "echo 64 B, 64 connections, one server thread", "echo", 64,
          (5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 140_000),
          (10_000, 40_000, 80_000)),
    Curve("http", "HTTP hello, 64 connections, one server thread", "http", 64,
          (5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 120_000), ()),
)

_ECHO = ("echo_1", "echo_64", "echo_1000")

GOALS = (
    Goal(_ECHO, "cpu_us", "edo", "raw", 1.05, at_most=True, same_reactor=True),
    Goal(_ECHO, "cpu_us", "edo", "asio", 1.0, at_most=True),
    Goal(_ECHO, "rate", "edo", "asio", 1.0, at_most=False, tie=0.1),
    Goal(_ECHO, "p99_us", "edo", "asio", 1.0, at_most=True, tie=0.1),
    Goal(("echo_1",), "rate", "edo", "asio", 2.0, at_most=False, best_of_ours=True),
    Goal(("http_64",), "rate", "edo", "beast", 1.2, at_most=False),
    Goal(("http_64",), "cpu_us", "edo", "beast", 0.75, at_most=True),
    Goal(("http_pipelined",), "rate", "edo", "beast", 8.0, at_most=False),
    Goal(("metrics_64",), "cpu_us", "edo", "uncounted", 1.02, at_most=True, same_reactor=True),
    Goal(("mixed_64", "mixed_64_rate"), "p99_us", "edo", "unloaded", 3.0, at_most=True),
)

# The first match counts.
MICRO_GOALS = (
    MicroGoal(r"^timer_arm_cancel", 1 / 8),
    MicroGoal(r"^(spawn|chained_spawn|yield|ping_pong)", 1 / 4),
)

COUNTER_GOALS = (
    CounterGoal(r"sleeping_task.* bytes_per_task", 400),
    CounterGoal(r"sleep_1ms.* late_p50_us", 120),
)

PEERS = (
    Peer("tokio", "peer_tokio", "librust-tokio-dev and cargo"),
    Peer("go", "peer_go", "golang-go"),
    Peer("tbb", "peer_tbb", "libtbb-dev"),
)

PEER_GOAL = PeerGoal("tokio", one_worker=1 / 1.5, more_workers=1 / 1.25, to_best=1.0)

# What Edo is to reach on the machine of the first measurements, in ns, with one worker and with two.
# Machines differ and drift, so these are shown and not judged.
PEER_FIGURES = {
    "spawn_10k": (32, 32),
    "spawn_from_outside": (100, 100),
    "yield": (20, 20),
    "ping_pong_pair": (200, 300),
    "chained_spawn": (55, 55),
    "spawn_join": (110, 110),
    "two_in_turn": (80, 80),
    "mpsc_1_to_1": (25, 40),
    "mpsc_4_to_1": (25, 35),
    "mutex_uncontended": (6,),
    "mutex_contended": (31, 31),
    "select_two_ready": (25,),
    "timer_arm_drop": (60,),
    "fork_join_fib": (98, 66),
}
