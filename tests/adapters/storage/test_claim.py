"""Claims hold between processes, and end with the one that holds them."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server.adapters.storage.claim import claimed, remove_unheld
from server.adapters.storage.port import BeingWritten

HOLDER = """
import sys
from pathlib import Path
from server.adapters.storage.claim import claimed
with claimed(Path(sys.argv[1]), "k"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_key_is_claimed_once_and_others_beside_it(tmp_path: Path) -> None:
    with claimed(tmp_path, "k"), claimed(tmp_path, "other"), pytest.raises(BeingWritten), claimed(tmp_path, "k"):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path, "k"):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_claim_of_another_process_holds_until_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BeingWritten), claimed(tmp_path, "k"):
        raise AssertionError
    [file] = tmp_path.iterdir()
    assert remove_unheld(file) is False
    holder.kill()
    holder.communicate()
    with claimed(tmp_path, "k"):
        assert file.exists()
    assert list(tmp_path.iterdir()) == []


def test_of_many_threads_one_at_a_time_is_inside(tmp_path: Path) -> None:
    inside, most, done = [0], [0], [0]
    guard = threading.Lock()

    def visit() -> None:
        for _ in range(200):
            try:
                with claimed(tmp_path, "k"):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
                        done[0] += 1
            except BeingWritten:
                continue

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], inside[0]) == (1, 0)
    assert done[0] >= 1
