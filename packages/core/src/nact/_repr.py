"""How messages are shown in logs."""

from __future__ import annotations


def shortly(value: object) -> str:
    """`repr(value)`, cut to 200 characters. It never raises: it tells of faults, and must not add one."""
    try:
        return f"{value!r:.200}"
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
