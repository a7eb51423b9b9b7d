"""An engine's own options in the query of a URL."""

import pytest

from nact.persistence.building.url_options import BOOLEAN, COUNT, NAME, SECONDS, read_options

KNOWN = {"prefix": NAME, "page_size": COUNT, "timeout": SECONDS, "create_if_not_exists": BOOLEAN}


def test_known_options_are_converted_and_the_others_stay_as_they_are() -> None:
    pairs = [("sslmode", "a%20b"), ("prefix", "a%20b"), ("page_size", "7"), ("timeout", "1.5")]
    assert read_options(pairs, KNOWN) == ({"prefix": "a b", "page_size": 7, "timeout": 1.5}, [("sslmode", "a%20b")])


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False)]
)
def test_truth_has_these_spellings(text: str, *, value: bool) -> None:
    assert read_options([("create_if_not_exists", text)], KNOWN)[0] == {"create_if_not_exists": value}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("page_size", "many", "the option page_size must be a whole number, not 'many'"),
        ("timeout", "", "the option timeout must be a number of seconds, not ''"),
        ("create_if_not_exists", "yes", "the option create_if_not_exists must be true or false, not 'yes'"),
    ],
)
def test_an_invalid_text_is_refused_and_the_option_named(name: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_options([(name, text)], KNOWN)


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="the URL has the option 'prefix' twice"):
        read_options([("prefix", "a"), ("prefix", "a")], KNOWN)
