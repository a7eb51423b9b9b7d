"""Decides which requests and replies a proxy loses or holds, and which connections fall silent."""

from __future__ import annotations

import threading
from enum import Enum

ALL = 2**63
"""More requests or replies than there will be."""


class Fate(Enum):
    """The end of requests that are held."""

    UNDECIDED = "they are held"
    DELIVERED = "the server gets them"
    DROPPED = "the server never sees them"


class Hold:
    """Requests that are held together, from one request on. Several proxies may hold some of them.

    Args:
        first: The first request to be held, as `Tally` counts them.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.takes_more = True
        self.fate = Fate.UNDECIDED
        self._held = 0
        self._over = threading.Condition()

    @property
    def is_empty(self) -> bool:
        """True if no connection's request is held."""
        return self._held == 0

    def enter(self) -> None:
        """Notes that a connection's request is held."""
        with self._over:
            self._held += 1

    def leave(self) -> None:
        """Notes that a connection's request was delivered and answered, or dropped."""
        with self._over:
            self._held -= 1
            self._over.notify_all()

    def wait(self, seconds: float) -> bool:
        """Returns whether all connections have left within this number of seconds."""
        with self._over:
            return self._over.wait_for(lambda: self.is_empty, seconds)


class Tally:
    """Counts requests and replies, and decides which of them to lose. Several proxies may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._connections = 0
        self._silent_up_to = 0
        self._lose_requests = range(0)
        self._lose_replies = range(0)
        self._hold: Hold | None = None
        self.replies = 0
        self.lost = 0

    @property
    def armed(self) -> bool:
        """True if a request or a reply is still to be lost."""
        with self._lock:
            return self._requests + 1 < self._lose_requests.stop or self.replies + 1 < self._lose_replies.stop

    @property
    def is_holding(self) -> bool:
        """True if a request is being held."""
        hold = self._hold
        return hold is not None and not hold.is_empty

    def arm(self, *, request: int | None = None, reply: int | None = None, count: int = 1) -> None:
        """Loses `count` requests or replies, from the given one on, counted from now; none if neither is given."""
        with self._lock:
            self.lost = 0
            self._lose_requests = _from(self._requests, request, count)
            self._lose_replies = _from(self.replies, reply, count)

    def hold(self, request: int) -> None:
        """Holds the `request`-th request from now on, and all that come with it or after it."""
        with self._lock:
            self._hold = Hold(self._requests + request)

    def hold_no_others(self) -> None:
        """Holds nothing more. What is held stays held."""
        with self._lock:
            if self._hold is not None:
                self._hold.takes_more = False

    def decide(self, fate: Fate) -> Hold | None:
        """Ends `hold`. Returns the requests that were held."""
        with self._lock:
            hold, self._hold = self._hold, None
            if hold is not None:
                hold.takes_more, hold.fate = False, fate
            return hold

    def held_by(self) -> Hold | None:
        """The hold for what a client sends now, which has entered it; `None` if it is delivered."""
        with self._lock:
            hold = self._hold
            if hold is None or not hold.takes_more or self._requests < hold.first:
                return None
            hold.enter()
            return hold

    def connects(self) -> int:
        """Counts a connection, and returns its number."""
        with self._lock:
            self._connections += 1
            return self._connections

    def silence(self) -> None:
        """Silences all connections up to now."""
        with self._lock:
            self._silent_up_to = self._connections

    def silence_no_more(self) -> None:
        """Ends `silence`."""
        with self._lock:
            self._silent_up_to = 0

    def is_silent(self, connection: int) -> bool:
        """True if nothing passes on the connection of this number."""
        return connection <= self._silent_up_to

    def passes_request(self) -> bool:
        """Counts a request. Returns whether it is delivered."""
        with self._lock:
            self._requests += 1
            return self._passes(self._requests, self._lose_requests)

    def passes_reply(self) -> bool:
        """Counts a reply. Returns whether it is delivered."""
        with self._lock:
            self.replies += 1
            return self._passes(self.replies, self._lose_replies)

    def _passes(self, number: int, lose: range) -> bool:
        self.lost += number in lose
        return number not in lose


def _from(passed: int, number: int | None, count: int) -> range:
    return range(0) if number is None else range(passed + number, passed + number + count)
