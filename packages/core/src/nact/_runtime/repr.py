"""Formats messages and errors for logs."""

from __future__ import annotations


def short_repr(value: object) -> str:
    """`repr(value)`, cut to 200 characters. It never raises, since it is used to report faults."""
    try:
        return f"{value!r:.200}"
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def describe(msg: object) -> str:
    """The type of a message, without its content."""
    return "None" if msg is None else f"a message of type {type(msg).__qualname__}"
