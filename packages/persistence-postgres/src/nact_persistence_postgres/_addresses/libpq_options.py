"""Sorts the options of libpq's URLs: those for asyncpg, those for the engine, those without effect, those to refuse.

asyncpg sends every option that it doesn't know to the server, as a setting, and the server refuses the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Pairs = list[tuple[str, str]]

_BY_ASYNCPG = frozenset(
    [
        "host",
        "port",
        "dbname",
        "database",
        "user",
        "password",
        "passfile",
        "service",
        "sslmode",
        "sslnegotiation",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "options",
        "application_name",
    ]
)
_BY_THE_ENGINE = frozenset({"connect_timeout", "load_balance_hosts"})

_SERVER_SETTINGS = frozenset(
    [
        "search_path",
        "role",
        "timezone",
        "datestyle",
        "intervalstyle",
        "lock_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_timeout",
        "synchronous_commit",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
        "default_tablespace",
        "temp_tablespaces",
        "work_mem",
        "maintenance_work_mem",
        "temp_buffers",
        "statement_mem",
        "jit",
        "row_security",
        "plan_cache_mode",
        "extra_float_digits",
        "log_min_duration_statement",
        "log_statement",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
    ]
)
"""Settings of the server that a URL may have here, though not with libpq; so may those of extensions, with a dot."""

_HARMLESS: dict[str, frozenset[str]] = {
    # The engine gives up a statement that isn't answered, so it notices a dead connection without TCP's help.
    **dict.fromkeys(("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"), frozenset()),
    "tcp_user_timeout": frozenset(),
    "sslcompression": frozenset(),
    "max_protocol_version": frozenset(),
    "channel_binding": frozenset({"disable", "prefer"}),
    "client_encoding": frozenset({"utf8", "utf-8", "unicode", "auto"}),
    "gssdelegation": frozenset({"0"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "min_protocol_version": frozenset({"3.0"}),
    "replication": frozenset({"false", "off", "no", "0"}),
    "requiressl": frozenset({"0"}),
    "sslcertmode": frozenset({"allow"}),
    "sslsni": frozenset({"1"}),
}
"""Options that are left out since they change nothing: with any value, or with these values only."""

_REFUSED: dict[str, str] = {
    "channel_binding": "asyncpg has no channel binding",
    "client_encoding": "the engine speaks UTF-8 with the server, whatever the encoding of the database",
    "gssdelegation": "asyncpg delegates no credentials",
    "gssencmode": "asyncpg encrypts by TLS only; see sslmode",
    "hostaddr": "asyncpg can't part a host's name from its address; write the address in place of the host",
    "min_protocol_version": "asyncpg speaks version 3.0 of the protocol",
    "oauth_client_id": "asyncpg has no OAuth",
    "oauth_client_secret": "asyncpg has no OAuth",
    "oauth_issuer": "asyncpg has no OAuth",
    "oauth_scope": "asyncpg has no OAuth",
    "replication": "the engine needs an ordinary connection",
    "require_auth": "asyncpg can't be told which authentication to insist on",
    "requirepeer": "asyncpg can't check who runs the server",
    "requiressl": "write sslmode=require",
    "scram_client_key": "asyncpg needs the password",
    "scram_server_key": "asyncpg needs the password",
    "servicefile": "name the file in the environment, as PGSERVICEFILE",
    "ssl": "write sslmode=require, or another mode",
    "sslcertmode": "asyncpg sends a certificate where sslcert names one",
    "sslcrldir": "name one file as sslcrl, or pass an SSLContext as ssl=",
    "sslkeylogfile": "name the file in the environment, as SSLKEYLOGFILE",
    "sslsni": "asyncpg always tells the host's name; pass an SSLContext as ssl=",
}
"""Options that asyncpg can't fulfil. Most are about security, so leaving them out would break a promise."""

_VALUES: dict[str, frozenset[str]] = {
    "gsslib": frozenset({"gssapi", "sspi"}),
    "load_balance_hosts": frozenset({"disable", "random"}),
    "sslmode": frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}),
    "sslnegotiation": frozenset({"postgres", "direct"}),
    "target_session_attrs": frozenset({"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}),
}


_LAST_PORT = 65_535


def _is_whole_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


def _are_ports(text: str) -> bool:
    return all(port == "" or (_is_whole_number(port) and 0 < int(port) <= _LAST_PORT) for port in text.split(","))


_CHECKS: dict[str, tuple[Callable[[str], bool], str]] = {
    "connect_timeout": (_is_whole_number, "a whole number of seconds"),
    "port": (_are_ports, "numbers from 1 to 65535"),
    **dict.fromkeys(
        ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        (_is_whole_number, "a whole number"),
    ),
}


def checked_options(pairs: Iterable[tuple[str, str]], *, shows_names: bool) -> Pairs:
    """The options that have an effect here, of those that libpq documents.

    Args:
        pairs: Names and values, decoded.
        shows_names: Whether errors may repeat an unknown name: it is no part of a password.

    Raises:
        ValueError: An option is unknown, or asyncpg can't fulfil it.
    """
    given = [("sslmode", "require") if pair == ("ssl", "true") else pair for pair in pairs]
    kept = [pair for pair in given if _matters(*pair, shows_names=shows_names)]
    has_name = any(name == "application_name" for name, _ in kept)
    fallbacks = [value for name, value in given if name == "fallback_application_name"]
    return kept if has_name or not fallbacks else [*kept, ("application_name", fallbacks[-1])]


def _matters(name: str, value: str, *, shows_names: bool) -> bool:
    if name in _CHECKS and not _CHECKS[name][0](value):
        raise ValueError(f"the URL's option {name} must be {_CHECKS[name][1]}")
    if name in _VALUES and value not in _VALUES[name]:
        raise ValueError(f"the URL's option {name} must be one of {', '.join(sorted(_VALUES[name]))}")
    if name == "sslrootcert" and value == "system":
        raise ValueError("asyncpg doesn't know sslrootcert=system: pass ssl=ssl.create_default_context()")
    if name == "fallback_application_name" or (name, value) == ("sslnegotiation", "postgres"):
        return False
    if name in _HARMLESS and (not _HARMLESS[name] or value.lower() in _HARMLESS[name]):
        return False
    if name in _REFUSED:
        raise ValueError(f"the URL's option {name} can't be kept: {_REFUSED[name]}")
    if name in _BY_ASYNCPG or name in _BY_THE_ENGINE or name.lower() in _SERVER_SETTINGS or "." in name:
        return True
    what = f"the option {name!r}" if shows_names else "an option"
    raise ValueError(
        f"the URL has {what} that is neither libpq's nor this engine's; a setting of the server is written "
        "options=-c%20name%3Dvalue, an argument of the engine's is given beside the URL or to engine_from_url"
    )
