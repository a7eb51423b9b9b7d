"""The subjects: actors of pykka, each of which is a thread."""

from __future__ import annotations

import threading
from typing import Any

import pykka

from benchmarks.load import ACTORS, AT_ONCE, MESSAGE
from benchmarks.measuring import Stopwatch
from benchmarks.model import Run


class _Count(pykka.ThreadingActor):
    def __init__(self, left: int, done: threading.Semaphore) -> None:
        super().__init__()
        self._left = left
        self._done = done

    def on_receive(self, _message: Any) -> None:
        self._left -= 1
        if not self._left:
            self._done.release()


class _CountEach(pykka.ThreadingActor):
    def __init__(self, done: threading.Semaphore) -> None:
        super().__init__()
        self._done = done

    def on_receive(self, _message: Any) -> None:
        self._done.release()


class _Return(pykka.ThreadingActor):
    def __init__(self, left: int, done: threading.Semaphore) -> None:
        super().__init__()
        self._left = left
        self._done = done

    def on_receive(self, message: Any) -> None:
        self._left -= 1
        if self._left >= 0:
            message["sender"].tell({**message, "sender": self.actor_ref})
        else:
            self._done.release()


class _Answer(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


def one_way(run: Run) -> float:
    """Messages to one actor."""
    done = threading.Semaphore(0)
    actor = _Count.start(run.n, done)
    with Stopwatch() as watch:
        for _ in range(run.n):
            actor.tell(MESSAGE)
        done.acquire()
    pykka.ActorRegistry.stop_all()
    return run.n / watch.seconds


def ping_pong(run: Run) -> float:
    """One message, to and fro between two actors."""
    done = threading.Semaphore(0)
    left, right = _Return.start(run.n // 2, done), _Return.start(run.n // 2, done)
    with Stopwatch() as watch:
        left.tell({**MESSAGE, "sender": right})
        done.acquire()
    pykka.ActorRegistry.stop_all()
    return run.n / watch.seconds


def fan_out(run: Run) -> float:
    """One message to each of many actors, until all have handled it, again and again."""
    rounds = max(1, run.n // ACTORS)
    done = threading.Semaphore(0)
    actors = [_CountEach.start(done) for _ in range(ACTORS)]
    with Stopwatch() as watch:
        for _ in range(rounds):
            for actor in actors:
                actor.tell(MESSAGE)
            for _ in actors:
                done.acquire()
    pykka.ActorRegistry.stop_all()
    return rounds * ACTORS / watch.seconds


def query_one(run: Run) -> float:
    """One question at a time."""
    actor = _Answer.start()
    with Stopwatch() as watch:
        for _ in range(run.n):
            actor.ask(MESSAGE, timeout=5)
    pykka.ActorRegistry.stop_all()
    return run.n / watch.seconds


def query_at_once(run: Run) -> float:
    """Many questions, then all answers."""
    rounds = max(1, run.n // AT_ONCE)
    actor = _Answer.start()
    with Stopwatch() as watch:
        for _ in range(rounds):
            pykka.get_all([actor.ask(MESSAGE, block=False) for _ in range(AT_ONCE)], timeout=5)
    pykka.ActorRegistry.stop_all()
    return rounds * AT_ONCE / watch.seconds
