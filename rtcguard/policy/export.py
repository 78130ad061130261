"""Where events go beside the ledger, as the configuration says it: one value an export.

`name` is how an export is called in the log, and what its place in the ledger is kept under: an
export whose name stays goes on where it was, whatever else changes in the file.
"""

from dataclasses import dataclass, field
from typing import Literal

from rtcguard.ice.address import host_port


@dataclass(frozen=True, slots=True)
class JsonLines:
    file: str

    @property
    def name(self) -> str:
        return f"jsonl {self.file}"


@dataclass(frozen=True, slots=True)
class Syslog:
    """`host` and `port` are of a network address, `path` is that of a unix socket."""

    transport: Literal["udp", "tcp", "tls", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""
    format: Literal["rfc5424", "cef"] = "rfc5424"

    @property
    def name(self) -> str:
        where = self.path if self.transport == "unix" else f"//{host_port(self.host, self.port)}"
        told = "" if self.format == "rfc5424" else f" ({self.format})"
        return f"syslog {self.transport}:{where}{told}"


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """`headers` may hold a token: they are shown nowhere."""

    endpoint: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return f"opentelemetry {self.endpoint}"


Export = JsonLines | Syslog | OpenTelemetry
