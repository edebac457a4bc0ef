"""Signals as a flag, and only inside the block."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from hanlin.train.signals import Signals


def test_the_first_signal_is_only_noted() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.caught == signal.SIGTERM


def test_the_second_one_acts() -> None:
    with Signals() as signals, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.caught == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_earlier_handlers_come_back() -> None:
    before = [signal.getsignal(signum) for signum in Signals.WATCHED]
    with Signals():
        assert [signal.getsignal(signum) for signum in Signals.WATCHED] != before
    assert [signal.getsignal(signum) for signum in Signals.WATCHED] == before


def test_outside_the_main_thread_nothing_is_caught() -> None:
    seen: list[int | None] = []

    def inside() -> None:
        with Signals() as signals:
            seen.append(signals.caught)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [None]
