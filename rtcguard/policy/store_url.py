"""`ledger.store`: the connection URI of a PostgreSQL database, as its client library reads it.

    postgresql://[USER[:PASSWORD]@][HOST[:PORT],…]/DATABASE[?NAME=VALUE&…]

(PostgreSQL's documentation, section "Connection URIs" of libpq.) What is said of a wrong one has
nothing of the URI but the names of its parameters: it may hold a password.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from rtcguard.errors import ParseError
from rtcguard.policy.yaml_reader import close

EXAMPLE: Final = "postgresql://rtcguard@db.example.org/rtcguard?sslmode=verify-full"
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What libpq knows, but for those that are its own affair (client_encoding, replication).
PARAMETERS: Final = (
    *("host", "hostaddr", "port", "user", "password", "dbname", "passfile", "service"),
    *("application_name", "fallback_application_name", "options", "connect_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    *("tcp_user_timeout", "target_session_attrs", "load_balance_hosts"),
    *("channel_binding", "require_auth", "requirepeer", "scram_client_key", "scram_server_key"),
    *("ssl", "sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslpassword"),
    *("sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "sslkeylogfile"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("min_protocol_version", "max_protocol_version"),
    *("gssencmode", "gssdelegation", "gsslib", "krbsrvname"),
    *("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
)
_NUMBERS: Final = frozenset(
    name for name in PARAMETERS if name.startswith(("keepalives", "tcp_user", "connect_timeout"))
)
_NAME: Final = re.compile("[a-z_]+")
_URI: Final = re.compile(
    r"postgres(?:ql)?://(?:([^@/?]*)@)?([^/?@]*)(?:/([^/?]*))?(?:\?(.*))?", re.ASCII
)
_HOST: Final = re.compile(
    r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.%-]*)(?::([1-9][0-9]{0,4}))?", re.ASCII
)
# A socket in the file system, or this machine by its network.
_NEAR: Final = re.compile(r"/.*|(?:localhost|127\.[0-9.]+|\[?::1\]?)?(?::[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A fleet's database. `place` tells where it is, without secrets; `is_open`: what is sent
    there can be read and changed on its way."""

    url: str = field(repr=False)
    place: str
    has_password: bool = field(default=False, compare=False)
    is_open: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """What its place in the ledger is kept under, as an export's."""
        return f"postgresql {self.place}"


def parse(text: str) -> PostgreSQL:
    """Raises ParseError."""
    found = _URI.fullmatch(text)
    if found is None or not text.isprintable() or " " in text:
        raise ParseError(
            f"is sqlite, or the URL of a PostgreSQL database such as {EXAMPLE}; "
            "signs in user and password other than letters, digits and -._~ are written as %40 (@)"
        )
    login, hosts, database, query = (part or "" for part in found.groups())
    given = _parameters(query)
    places = _hosts(hosts)
    if not hosts and not given.keys() & {"host", "hostaddr", "service"}:
        raise ParseError(f"has no host; it is a URL such as {EXAMPLE}")
    database = unquote(given.get("dbname", database))
    if not database and "service" not in given:
        raise ParseError(f"names no database; it is a URL such as {EXAMPLE}")
    if not hosts:
        places = [given.get("host") or given.get("hostaddr") or given.get("service", "")]
    return PostgreSQL(
        text,
        "/".join(part for part in (",".join(map(unquote, places)), database) if part),
        has_password=":" in login or "password" in given,
        is_open=not given.get("sslmode", "").startswith("verify-")
        and not all(_NEAR.fullmatch(unquote(one)) for one in places),
    )


def _parameters(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals or name not in PARAMETERS:
            # Of a password with a bare question mark in it, this is the rest.
            told = f" {name!r}" if _NAME.fullmatch(name) else ""
            hint = close(name, PARAMETERS) if told else ""
            raise ParseError(f"has a parameter{told} that PostgreSQL's clients do not know{hint}")
        if name == "sslmode" and value not in SSL_MODES:
            raise ParseError(f"has the parameter sslmode, which is one of {', '.join(SSL_MODES)}")
        if name in _NUMBERS and not value.isdecimal():
            raise ParseError(f"has the parameter {name}, which is a whole number")
        given[name] = unquote(value)
    return given


def _hosts(text: str) -> list[str]:
    """Each as `HOST` or `HOST:PORT`."""
    for one in text.split(","):
        found = _HOST.fullmatch(one)
        if found is None or int(found[2] or 1) > 65535:
            raise ParseError(
                f"has a host that is none: HOST, HOST:PORT or [IPV6]:PORT, as in {EXAMPLE}"
            )
    return text.split(",")
