"""Which sink an export of the configuration is."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rtcguard.errors import StartError
from rtcguard.ledger.exports.jsonl import JsonLinesFile
from rtcguard.ledger.exports.opentelemetry import OpenTelemetrySink
from rtcguard.ledger.exports.sink import Sink
from rtcguard.ledger.exports.syslog import SyslogSink
from rtcguard.policy.export import Export, JsonLines, OpenTelemetry, Syslog

_SINKS: Final[dict[type, Callable[[Any, ssl.SSLContext], Sink]]] = {
    JsonLines: lambda to, _: JsonLinesFile(Path(to.file)),
    Syslog: SyslogSink,
    OpenTelemetry: OpenTelemetrySink,
}


def sink(export: Export, tls: ssl.SSLContext) -> Sink:
    return _SINKS[type(export)](export, tls)


def tls_context(trusted_ca: str | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those of a PEM file. Raises StartError."""
    made = ssl.create_default_context()
    if trusted_ca is not None:
        try:
            made.load_verify_locations(trusted_ca)
        except (OSError, ssl.SSLError) as error:
            raise StartError(
                f"{trusted_ca}: upstream.trusted_ca cannot be used ({error.strerror or error}); "
                "it is a PEM file of certificates"
            ) from error
    return made
