"""The SQL that tells the server how long the engine waits, and what a commit has to wait for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class ServerLimits:
    """Limits that let the server end what takes too long a little before the client gives it up: its outcome is known.

    Limits that the role or the database has are kept where they are stricter. A commit waits for its disk at least.

    Attributes:
        seconds: After how long the client gives up.
    """

    seconds: float

    def for_session(self, mark: int) -> str:
        """SQL that sets the limits of a session and takes its mark. It tells whether commits wait for standbys."""
        waits = "current_setting('synchronous_standby_names') <> ''"
        return f"SELECT {waits}, pg_advisory_lock({mark}), {self._settings(local=False)}"

    def for_transaction(self, mark: int | None) -> str:
        """SQL that begins a transaction with these limits; with its mark, if it writes."""
        if mark is None:
            return "BEGIN"
        return f"BEGIN; SELECT pg_advisory_xact_lock({mark}), {self._settings(local=True)}"

    def _settings(self, *, local: bool) -> str:
        values = {
            "lock_timeout": self._at_most("lock_timeout", 0.8),
            "statement_timeout": self._at_most("statement_timeout", 0.9),
            "idle_in_transaction_session_timeout": self._at_most("idle_in_transaction_session_timeout", 1.0),
            "synchronous_commit": _unless("synchronous_commit", ("off", "local"), "on"),
            # A warning tells that a commit didn't wait for its standby.
            "client_min_messages": _unless("client_min_messages", ("error", "fatal", "panic"), "warning"),
        }
        return ", ".join(
            f"set_config('{name}', {value}, {'true' if local else 'false'})" for name, value in values.items()
        )

    def _at_most(self, name: str, share: float) -> str:
        limit = f"{max(1, int(self.seconds * share * 1000))}ms"
        current = f"current_setting('{name}')"
        return (
            f"CASE WHEN {current}::interval BETWEEN interval '1 microsecond' AND interval '{limit}' "
            f"THEN {current} ELSE '{limit}' END"
        )


def _unless(name: str, weak: tuple[str, ...], instead: str) -> str:
    current = f"current_setting('{name}')"
    refused = ", ".join(f"'{value}'" for value in weak)
    return f"CASE WHEN {current} IN ({refused}) THEN '{instead}' ELSE {current} END"
