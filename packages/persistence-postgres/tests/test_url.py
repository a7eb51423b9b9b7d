from __future__ import annotations

from typing import Any

import pytest

from nact.persistence import DurabilityLevel, engine_from_url
from nact_persistence_postgres import PostgresPersistenceEngine


def test_both_schemes_find_the_engine() -> None:
    for scheme in ("postgres", "postgresql"):
        assert isinstance(engine_from_url(f"{scheme}://localhost/db"), PostgresPersistenceEngine)


def test_options_of_the_engine_and_of_libpq_are_told_apart() -> None:
    engine = engine_from_url(
        "postgresql://a:1,b:2/db?schema=my%20own&sslmode=require&page_size=7&target_session_attrs=primary"
    )
    assert isinstance(engine, PostgresPersistenceEngine)
    assert (engine._settings.schema, engine._settings.page_size) == ("my own", 7)
    dsn = engine._life._make_session().pool._dsn
    assert dsn is not None
    assert dsn.text == "postgresql://a:1,b:2/db?sslmode=require&target_session_attrs=primary"


def test_a_url_has_the_names_that_all_engines_share() -> None:
    engine = engine_from_url("postgresql://h/db?timeout=3&retry_for=1.5&prefix=my_&create_if_not_exists=false")
    assert isinstance(engine, PostgresPersistenceEngine)
    settings = engine._settings
    assert (settings.timeout, settings.retry_for, settings.create) == (3.0, 1.5, False)
    assert (settings.event_table, settings.snapshot_table) == ("my_event_journal", "my_snapshot_store")


def test_it_tells_what_the_server_waits_for() -> None:
    engine = engine_from_url("postgresql://h/db")
    assert isinstance(engine, DurabilityLevel)
    assert engine.durability == "synchronous_commit=on"
    pooled = engine_from_url("postgresql://h/db?statement_cache_size=100")
    assert isinstance(pooled, DurabilityLevel)
    assert pooled.durability == "synchronous_commit=on; over a pooler, as the role has it"


@pytest.mark.parametrize("options", ["page_size=0", "page_size=x", "schema=a&schema=b", "create_if_not_exists=maybe"])
def test_an_option_that_cannot_be_is_refused(options: str) -> None:
    with pytest.raises(ValueError, match=r"page_size|schema|create_if_not_exists"):
        engine_from_url(f"postgresql://localhost/db?{options}")


@pytest.mark.parametrize(
    "options",
    [
        {"event_table": ""},
        {"event_table": "x" * 64},
        {"prefix": "x" * 60},
        {"schema": "a\0"},
        {"snapshot_table": "event_journal"},
    ],
)
def test_a_name_that_postgres_would_cut_short_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name"):
        PostgresPersistenceEngine("postgresql://localhost/db", **options)


@pytest.mark.parametrize(
    ("option", "folded"),
    [("schema", "Contacts"), ("event_table", "eventJournal"), ("snapshot_table", "É_Store"), ("prefix", "App_")],
)
def test_capitals_that_javascript_folds_are_refused(option: str, folded: str) -> None:
    made = folded + ("event_journal" if option == "prefix" else "")
    with pytest.raises(ValueError, match="nact for JavaScript") as refused:
        engine_from_url(f"postgresql://localhost/db?{option}={folded}")
    assert f"'{made}'" in str(refused.value)
    assert f"'\"{made}\"'" in str(refused.value)


def test_a_name_in_double_quotes_may_have_capitals() -> None:
    engine = PostgresPersistenceEngine("postgresql://localhost/db", schema='"My ""own"""', event_table='"Events"')
    assert (engine._settings.schema, engine._settings.event_table) == ('My "own"', "Events")


@pytest.mark.parametrize("name", ['"', '""', '"Events', 'Events"', 'app_"Events"', '"Ev"ents"'])
def test_a_name_quoted_in_part_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="quoted as a whole"):
        PostgresPersistenceEngine("postgresql://localhost/db", event_table=name)


def test_a_name_that_only_quotes_allow_may_have_capitals() -> None:
    engine = PostgresPersistenceEngine("postgresql://localhost/db", schema="My own", event_table="É")
    assert (engine._settings.schema, engine._settings.event_table) == ("My own", "É")


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("host=localhost", "must begin with postgresql://"),
        ("postgresql://one:5432,two:x/db", "names a host 'two:x'"),
        ("postgresql://one:70000/db", "names a host 'one:70000'"),
        ("postgresql://me:1/hush@host/db", "%2F or %23"),
        ("postgresql://me:1#hush@host/db", "%2F or %23"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once(dsn: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        PostgresPersistenceEngine(dsn)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "dsn", ["postgresql://", "postgres:///db?host=/run", "postgresql://me:p%2Fw@[::1]:1,%2Frun/db"]
)
def test_a_url_that_libpq_takes_is_taken(dsn: str) -> None:
    assert "p%2Fw" not in repr(PostgresPersistenceEngine(dsn))


@pytest.mark.parametrize("source", [None, b"postgresql://localhost/db", object()], ids=["None", "bytes", "object"])
def test_what_is_neither_a_url_nor_a_pool_is_refused(source: Any) -> None:
    with pytest.raises(TypeError, match="a URL or a pool of asyncpg"):
        PostgresPersistenceEngine(source)


@pytest.mark.parametrize(
    "options",
    [
        "sslmode=prefer&channel_binding=prefer",
        "connect_timeout=5&application_name=shop",
        "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5&tcp_user_timeout=5000",
        "gssencmode=disable&client_encoding=utf8&fallback_application_name=x",
        "load_balance_hosts=random&krbsrvname=postgres&sslnegotiation=postgres&requiressl=0&sslcompression=0",
        "options=-c%20search_path%3Dpublic&search_path=public&my.setting=1",
        "ssl=true",
    ],
)
def test_an_option_of_libpq_is_done_or_left_out(options: str) -> None:
    engine = engine_from_url(f"postgresql://localhost/db?{options}")
    assert isinstance(engine, PostgresPersistenceEngine)
    dsn = engine._life._make_session().pool._dsn
    assert dsn is not None
    unknown = ("channel_binding", "connect_timeout", "keepalives", "tcp_user", "gssenc", "fallback", "load_", "ssl=")
    assert not [name for name in unknown if name in dsn.text.replace("application_name=x", "")]


@pytest.mark.parametrize(
    "option",
    [
        "channel_binding=require",
        "gssencmode=require",
        "hostaddr=127.0.0.1",
        "sslmode=no-verify",
        "sslrootcert=system",
        "require_auth=scram-sha-256",
        "client_encoding=latin1",
        "connect_timeout=soon",
        "target_session_attrs=best",
        "port=x",
        "min_size=1",
        "pgbouncer=true",
        "statement_timeout=5",
        "reconnect_timeout=5",
        "table_prefix=my_",
    ],
)
def test_an_option_that_asyncpg_cannot_keep_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option.partition("=")[0]):
        PostgresPersistenceEngine(f"postgresql://localhost/db?{option}")


@pytest.mark.parametrize("place", ["hu?sh", "hu/sh", "hu#sh", "hu@sh", "hu[sh", "hu[sh]", "1?hu=sh", "1?sh"])
def test_no_piece_of_a_password_is_told(place: str) -> None:
    with pytest.raises(ValueError, match="URL") as refused:
        PostgresPersistenceEngine(f"postgresql://me:{place}@host/db")
    assert "hu" not in str(refused.value)
    assert "sh" not in str(refused.value).replace("shop", "")
    assert refused.value.__cause__ is None


def test_hosts_each_have_the_connect_timeout() -> None:
    engine = PostgresPersistenceEngine("postgresql://a,b/db?connect_timeout=7")
    assert engine._life._make_session().pool._connect_timeout() == 14
