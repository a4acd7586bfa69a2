"""What a reader must know about the machine and the build to judge a figure."""

import os
import platform
import re
import subprocess
from pathlib import Path


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.partition("\n")[0].strip()


def _cpu_model():
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _cache(build_dir):
    """The CMake cache as a dictionary; empty when there is none."""
    path = build_dir / "CMakeCache.txt"
    if not path.exists():
        return {}
    return dict(re.findall(r"^([A-Za-z0-9_]+):[A-Z]+=(.*)$", path.read_text(), re.MULTILINE))


def _defined(header, macro):
    for folder in ("/usr/include", "/usr/local/include"):
        path = Path(folder) / header
        if path.exists():
            found = re.search(rf'#\s*define\s+{macro}\s+"?([^"\s]+)', path.read_text())
            if found:
                return found[1]
    return "not found"


def _peer_versions():
    """Of those that are installed."""
    tokio = sorted(Path("/usr/share/cargo/registry").glob("tokio-[0-9]*"))
    versions = {
        "Tokio": tokio[-1].name.removeprefix("tokio-") if tokio else "",
        "rustc": _first_line("rustc", "--version"),
        "Go": _first_line("go", "version"),
        "oneTBB": ".".join(_defined("oneapi/tbb/version.h", f"TBB_VERSION_{part}")
                           for part in ("MAJOR", "MINOR"))
                  if Path("/usr/include/oneapi/tbb/version.h").exists() else "",
    }
    return {label: version for label, version in versions.items() if version}


def describe(build_dir, root):
    """Returns: label -> text, in the order in which it is printed."""
    cache = _cache(build_dir)
    kind = cache.get("CMAKE_BUILD_TYPE", "")
    flags = " ".join((cache.get("CMAKE_CXX_FLAGS", ""),
                      cache.get(f"CMAKE_CXX_FLAGS_{kind.upper()}", ""))).strip()
    compiler = cache.get("CMAKE_CXX_COMPILER", "c++")
    return {
        "machine": f"{_cpu_model()}, {os.cpu_count()} CPUs",
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": _first_line(compiler, "--version") or "not found",
        "build": f"{kind or 'unknown type'}, flags: {flags or 'none recorded'}",
        "Boost": _defined("boost/version.hpp", "BOOST_LIB_VERSION").replace("_", "."),
        "liburing": ".".join((_defined("liburing/io_uring_version.h", "IO_URING_VERSION_MAJOR"),
                              _defined("liburing/io_uring_version.h", "IO_URING_VERSION_MINOR")))
                    if Path("/usr/include/liburing/io_uring_version.h").exists()
                    else _first_line("pkg-config", "--modversion", "liburing") or "not found",
        **_peer_versions(),
        "revision": _first_line("git", "-C", str(root), "describe", "--always", "--dirty")
                    or "no git",
        "load average before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
    }
