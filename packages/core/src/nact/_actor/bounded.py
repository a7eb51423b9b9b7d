"""Actors whose mailbox has a limit: a full one refuses messages."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nact._actor.cell import Cell
from nact._actor.replies import PassedOnReply, Reply
from nact._actor.stateless import Stateless
from nact.errors import MailboxFullError

if TYPE_CHECKING:
    from nact._actor.family import Family
    from nact._actor.journaling import Journaling
    from nact._actor.options import Options
    from nact.references import ActorRef

SECONDS_BETWEEN_LINES: Final = 10
"""The shortest time between two log lines about one actor's full mailbox."""

logger = logging.getLogger("nact.dead_letters")


class BoundedCell(Cell):
    """The inside of an actor with a `mailbox_limit`. A class of its own, so that it costs other actors nothing."""

    __slots__ = ("_refusals", "limit")

    def __init__(
        self, name: str, parent: Family, f: Callable[..., Any], options: Options, journal: Journaling | None = None
    ) -> None:
        super().__init__(name, parent, f, options, journal)
        self.limit = options.mailbox_limit or self.runtime.mailbox_limit or sys.maxsize
        self._refusals: _Refusals | None = None

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        mailbox = self.mailbox
        load = len(mailbox) if mailbox is not None else 0
        if type(self.f) is Stateless:
            load += self.f.in_flight
        if load < self.limit:
            super().receive(msg, sender)
        else:
            self._refuse(sender)

    def _refuse(self, sender: ActorRef[Any]) -> None:
        if isinstance(sender, Reply | PassedOnReply) and sender.refused(MailboxFullError(self.ref.path, self.limit)):
            return
        self.runtime.message_refused()
        if self._refusals is None:
            self._refusals = _Refusals(self)
        self._refusals.add()


class _Refusals:
    """Logs refused messages: the first one at once, then their number from time to time."""

    __slots__ = ("_cell", "_is_quiet", "_number")

    def __init__(self, cell: BoundedCell) -> None:
        self._cell = cell
        self._number = 0
        self._is_quiet = False

    def add(self) -> None:
        """Counts one more, and logs it unless a line was logged just before."""
        self._number += 1
        if not self._is_quiet:
            self._log()

    def expire(self) -> None:
        """Logs the messages refused since the last line, if there are any."""
        self._is_quiet = False
        if self._number:
            self._log()

    def _log(self) -> None:
        cell, number, self._number = self._cell, self._number, 0
        self._is_quiet = True
        _ = cell.runtime.timers.add(SECONDS_BETWEEN_LINES, self)
        logger.warning(
            "%s has a full mailbox (mailbox_limit=%d); dropped %d message%s since the last such line",
            cell.ref.path, cell.limit, number, "" if number == 1 else "s",
            extra={"nact_actor": cell.ref.path, "nact_dropped": number},
        )  # fmt: skip
