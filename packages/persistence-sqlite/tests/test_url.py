from __future__ import annotations

from pathlib import Path

import pytest

from nact_persistence_sqlite import engine_from_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative.db", Path.cwd() / "relative.db"),
        ("sqlite:///folder/../relative.db", Path.cwd() / "relative.db"),
        ("sqlite:////var/lib/nact.db", Path("/var/lib/nact.db")),
        ("sqlite:///./relative.db", Path.cwd() / "relative.db"),
        ("sqlite:///a b.db", Path.cwd() / "a b.db"),
        ("sqlite:///~a.db", Path.cwd() / "~a.db"),
        ("sqlite:///./~/a.db", Path.cwd() / "~" / "a.db"),
        ("SQLITE:////a%20b%3Fc%23d%25.db", Path("/a b?c#d%.db")),
    ],
)
def test_a_url_names_a_file(url: str, path: Path) -> None:
    assert engine_from_url(url)._file.path == str(path)


def test_options_follow_a_question_mark() -> None:
    engine = engine_from_url(
        "sqlite:///x.db?synchronous=normal&timeout=0.5&page_size=7&event_table=e%20v"
        "&snapshot_table=s&prefix=p%26_&create_if_not_exists=false"
    )
    file = engine._file
    assert (file.synchronous, file.timeout, file.create, engine._page_size) == ("NORMAL", 0.5, False, 7)
    assert (file.sql.event_table, file.sql.snapshot_table) == ("p&_e v", "p&_s")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql:///x.db", "sqlite:"),
        ("sqlite://host/x.db", "'host'"),
        ("sqlite:shop.db", "sqlite:///shop.db"),
        ("sqlite:./shop.db", r"sqlite:///\./shop.db"),
        ("sqlite:/x/shop.db", "sqlite:////x/shop.db"),
        ("sqlite::memory:", "three slashes"),
        ("sqlite://:memory:", "memory://"),
        ("sqlite:", "memory://"),
        ("sqlite:///~/shop.db", "home"),
        ("sqlite:///~ann/shop.db", "home"),
        ("sqlite:///C:/shop.db", "drive"),
        ("sqlite:///c:\\shop.db", "drive"),
        ("sqlite:////", "folder"),
        ("sqlite:////var/lib/", "folder"),
        ("sqlite:///folder/..", "folder"),
        ("sqlite:///100%.db", "%25"),
        ("sqlite:///x.db#", "%23"),
        ("sqlite:///x.db ", "%20"),
        (" sqlite:///x.db", "%20"),
        ("sqlite:///x\n.db", "%0A"),
        ("sqlite:///x%00.db", "name a file"),
        ("sqlite:///x?.db", "%3F"),
        ("sqlite://x.db", "sqlite:///relative.db"),
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "MemoryPersistenceEngine"),
        ("sqlite:///x.db#1", "%23"),
        ("sqlite:///x.db?color=red", "'color'.*timeout"),
        ("sqlite:///x.db?synchronous", "name=value"),
        ("sqlite:///x.db?page_size=1&page_size=2", "twice"),
        ("sqlite:///x.db?page_size=many", "page_size.*'many'"),
        ("sqlite:///x.db?create_if_not_exists=maybe", "true or false"),
        ("sqlite:///x.db?synchronous=maybe", "synchronous.*'maybe'"),
    ],
)
def test_a_url_that_means_something_else_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        engine_from_url(url)


def test_a_refusal_holds_no_password() -> None:
    with pytest.raises(ValueError, match="'host'") as refused:
        engine_from_url("sqlite://ann:secret@host/x.db")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///x.db?password=s3cret",
        "sqlite:///x.db?s3cret",
        "sqlite:///x.db?synchronous=FULL&synchronous=s3cret",
        "sqlite:///x%.db?password=s3cret",
        "sqlite:///x.db?password=s3cret#1",
        "sqlite:///x.db?password=s3cret ",
        "sqlite:///?password=s3cret",
        "sqlite:x.db?password=s3cret",
        "sqlite://u:s3cret@h/x.db",
    ],
)
def test_no_refusal_repeats_what_may_be_a_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any words but those
        engine_from_url(url)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in str(caught.value.__cause__)
