"""Reads an engine's own options from the query of a URL, and leaves the driver's options alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Option(NamedTuple):
    """An option that may stand in a URL.

    Attributes:
        convert: Returns the option's value for a text. Raises `ValueError` or `KeyError` if the text is invalid.
        expected: A description of valid texts, for errors.
    """

    convert: Callable[[str], Any]
    expected: str


BOOLEAN: Final = Option(lambda text: _BOOLEANS[text.lower()], "true or false")
COUNT: Final = Option(int, "a whole number")
NAME: Final = Option(str, "a name")
SECONDS: Final = Option(float, "a number of seconds")


def read_options(
    pairs: Iterable[tuple[str, str]], known: Mapping[str, Option], *, decode: Callable[[str], str] = unquote
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values of the known options, by name; and the other pairs, unchanged, for the driver.

    Args:
        pairs: The names and the texts of the URL's query.
        known: The engine's own options, by name.
        decode: Decodes the text of a known option.

    Raises:
        ValueError: An option is given twice, or its text is invalid. The message names the option.
    """
    options: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, text in pairs:
        if name not in known:
            others.append((name, text))
        elif name in options:
            raise ValueError(f"the URL has the option {name!r} twice")
        else:
            options[name] = _converted(name, decode(text), known[name])
    return options, others


def _converted(name: str, text: str, option: Option) -> Any:
    try:
        return option.convert(text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"the option {name} must be {option.expected}, not {text!r}") from error
