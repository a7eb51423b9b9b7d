"""How messages are shown in logs."""

from __future__ import annotations


def shortly(value: object) -> str:
    """`repr(value)`, cut to 200 characters. It never raises: it tells of faults, and must not add one."""
    try:
        return f"{value!r:.200}"
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def kind_of(msg: object) -> str:
    """What may be said of a message without telling what is in it."""
    return "None" if msg is None else f"a message of type {type(msg).__qualname__}"
