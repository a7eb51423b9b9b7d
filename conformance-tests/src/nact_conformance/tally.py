"""Which requests and replies a proxy loses or holds."""

from __future__ import annotations

import threading


class Tally:
    """Counts requests and replies, and tells which of them are to be lost. Several proxies may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._lose_request: int | None = None
        self._lose_reply: int | None = None
        self._hold_from: int | None = None
        self.replies = 0
        self.is_holding = False

    @property
    def armed(self) -> bool:
        """Whether a request or a reply is still to be lost."""
        return (self._lose_request, self._lose_reply) != (None, None)

    def arm(self, *, request: int | None = None, reply: int | None = None) -> None:
        """So many requests, or replies, from now on, one is lost; if neither is given, none."""
        with self._lock:
            self._lose_request = None if request is None else self._requests + request
            self._lose_reply = None if reply is None else self.replies + reply

    def hold(self, request: int) -> None:
        """The request that comes so many from now on is held, and all that come with it or after it."""
        with self._lock:
            self._hold_from = self._requests + request

    def hold_no_more(self) -> None:
        """Ends `hold`."""
        with self._lock:
            self._hold_from, self.is_holding = None, False

    def holds(self) -> bool:
        """Whether what a client sends is to be held now."""
        with self._lock:
            held = self._hold_from is not None and self._requests >= self._hold_from
            self.is_holding = self.is_holding or held
            return held

    def passes_request(self) -> bool:
        """Counts a request. Returns whether it is delivered."""
        with self._lock:
            self._requests += 1
            if self._requests != self._lose_request:
                return True
            self._lose_request = None
            return False

    def passes_reply(self) -> bool:
        """Counts a reply. Returns whether it is delivered."""
        with self._lock:
            self.replies += 1
            if self.replies != self._lose_reply:
                return True
            self._lose_reply = None
            return False
