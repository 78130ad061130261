"""The key `ledger` of the configuration: where events are kept, for how long, and by whom."""

import re

import yaml

from rtcguard.errors import ParseError
from rtcguard.policy import model
from rtcguard.policy.store_url import PostgreSQL, parse
from rtcguard.policy.yaml_reader import Yaml, choice, optional, scalar, section, shown, takes
from rtcguard.policy.yaml_values import VARIABLE, duration, is_variable, secret, size

_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


@takes({"type": "string", "pattern": rf"^(sqlite|postgres(ql)?://\S+|{VARIABLE.pattern})$"})
def _store(reader: Yaml, node: yaml.Node, path: str) -> PostgreSQL | str | None:
    """`sqlite`, or a database. What a variable holds is not shown, nor is any URL."""
    value = secret(reader, node, path)
    if value is None or value == "sqlite":
        return value
    try:
        made = parse(value)
    except ParseError as error:
        reader.mistake(node, f"{path} {error}")
        return None
    if made.has_password and reader.public and not is_variable(node):
        reader.warn(
            node,
            f"{path} has a password in a file that everybody can read; run: chmod o= "
            f"{reader.file}, or write ${{NAME}} for a variable of the environment",
        )
    if made.is_open:
        reader.warn(
            node,
            f"{path}: what goes to {made.place} can be read and changed on its way; add "
            "sslmode=verify-full, and sslrootcert=FILE for a CA of your own",
        )
    return made


@takes({"type": "string", "pattern": f"^{_NODE.pattern}$"})
def _name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = scalar(reader, node, path, "a name for this machine")
    if value is not None and not _NODE.fullmatch(value):
        reader.mistake(
            node, f"{path} is a name of letters, digits and ._-, such as gw1, found {shown(value)}"
        )
        return None
    return value


ledger = section(
    model.Ledger,
    {
        "store": _store.about(
            "sqlite: this machine alone. postgresql://…: its events also go to a database that "
            "several gateways share."
        ),
        "node": optional(_name).about(
            "This machine's name in events; null: its host name. Each gateway needs its own."
        ),
        "keep": duration.about("Older events are removed: 90d."),
        "size": size.about("The oldest events are removed where all take more: 4GB."),
        "addresses": choice("full", "masked").about(
            "masked: of clients' and peers' addresses the network and a keyed hash are kept."
        ),
    },
)
