from __future__ import annotations

import os
import threading

import pytest

from edge.quiet import silent_stderr


def test_silence_of_several_threads_ends_with_the_last(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Barrier(3), threading.Event()

    def silenced(stays: bool) -> None:
        with silent_stderr():
            inside.wait()
            if stays:
                leave.wait()

    threads = [threading.Thread(target=silenced, args=(stays,)) for stays in (False, True)]
    for thread in threads:
        thread.start()
    inside.wait()
    threads[0].join()
    os.write(2, b"swallowed")
    leave.set()
    threads[1].join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
