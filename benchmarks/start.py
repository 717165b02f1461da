"""How long the server takes to start on a warm DATA_DIR, and how much memory it holds then.

    python benchmarks/start.py [--starts 5]

Ready is the first good answer of /health/ready, from the moment at which the process is spawned; its own Postgres
starts too. Memory is the Python process alone. Targets: ready in less than 2 s, less than 200 MB.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

PAUSE_SECONDS = 0.005  # between two questions
PATIENCE_SECONDS = 120.0
IMPORTS = "import server.cli, time; print(time.process_time())"


class Start(NamedTuple):
    """Seconds until ready, processor seconds of the Python process until then, and its resident megabytes after."""

    ready: float
    processor: float
    resident: float
    private: float


def start(data_dir: str) -> Start:
    """Start a server, look at it, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "DATA_DIR": data_dir, "PORT": str(port), "LOG_LEVEL": "WARNING"}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "server", "serve"], env=environment, stdout=subprocess.DEVNULL)
    try:
        while not answered(f"http://127.0.0.1:{port}/health/ready"):
            assert process.poll() is None, "the server ended"
            assert time.perf_counter() - begun < PATIENCE_SECONDS, "the server does not answer"
            time.sleep(PAUSE_SECONDS)
        ready = time.perf_counter() - begun
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        return Start(
            ready=ready,
            processor=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
            resident=int(status["VmRSS"].split()[0]) * 1024 / 1e6,
            private=int(status["RssAnon"].split()[0]) * 1024 / 1e6,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def answered(address: str) -> bool:
    """Whether the server says that it is ready."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
            return answer.status == 200
    except (ConnectionError, urllib.error.URLError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        cold = start(data_dir)
        warm = [start(data_dir) for _ in range(given.starts)]
    imports = subprocess.run([sys.executable, "-c", IMPORTS], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{os.cpu_count()} cores, median of {given.starts} warm starts; imports alone: {float(imports):.2f} cpu s")
    print(f"{'':16}{'ready s':>9}{'cpu s':>8}{'resident MB':>13}{'of it private':>15}")
    rows = {
        "empty DATA_DIR": cold,
        "warm, median": Start(*map(statistics.median, zip(*warm, strict=True))),
        "warm, best": Start(*map(min, zip(*warm, strict=True))),
    }
    for name, row in rows.items():
        print(f"{name:16}{row.ready:9.2f}{row.processor:8.2f}{row.resident:13.0f}{row.private:15.0f}")
    print("targets: ready < 2 s, resident < 200 MB")


if __name__ == "__main__":
    main()
