"""The keys `exports` and `metrics`, and what is said of what they may not hold."""

import pytest

from rtcguard.errors import ConfigError
from rtcguard.policy.export import JsonLines, OpenTelemetry, Syslog
from rtcguard.policy.include import Source
from rtcguard.policy.load import load, load_files
from rtcguard.policy.model import Config, Metrics


def read(text: str) -> Config:
    return load(f"version: 1\n{text}\n", "f.yaml")


def test_nothing_is_exported_by_itself() -> None:
    assert read("").exports == read("exports:").exports == ()
    assert read("metrics: {listen: null}").metrics == Metrics(None)


def test_every_kind() -> None:
    config = read("""
exports:
  - {to: jsonl, file: /var/log/r.jsonl}
  - {to: syslog, address: "udp://10.0.0.1:514"}
  - {to: syslog, address: "tcp://[2001:db8::1]:601", format: cef}
  - {to: syslog, address: "tls://siem.example:6514/"}
  - {to: syslog, address: "unix:/dev/log"}
  - {to: opentelemetry, endpoint: "https://c.example:4318", headers: {Authorization: Bearer x}}
  - {to: opentelemetry, endpoint: "http://127.0.0.1:4318/otlp/logs?a=b"}
metrics: {listen: "127.0.0.1:9101"}
""")
    assert config.exports == (
        JsonLines("/var/log/r.jsonl"),
        Syslog("udp", "10.0.0.1", 514),
        Syslog("tcp", "2001:db8::1", 601, format="cef"),
        Syslog("tls", "siem.example", 6514),
        Syslog("unix", path="/dev/log"),
        OpenTelemetry("https://c.example:4318/v1/logs", (("Authorization", "Bearer x"),)),
        OpenTelemetry("http://127.0.0.1:4318/otlp/logs?a=b"),
    )
    assert [export.name for export in config.exports] == [
        "jsonl /var/log/r.jsonl",
        "syslog udp://10.0.0.1:514",
        "syslog tcp://[2001:db8::1]:601 (cef)",
        "syslog tls://siem.example:6514",
        "syslog unix:/dev/log",
        "opentelemetry https://c.example:4318/v1/logs",
        "opentelemetry http://127.0.0.1:4318/otlp/logs?a=b",
    ]
    assert config.metrics == Metrics(("127.0.0.1", 9101))
    assert "Bearer" not in repr(config)


def test_a_token_comes_from_the_environment() -> None:
    text = """version: 1
exports: {to: opentelemetry, endpoint: "https://c", headers: {Authorization: "${TOKEN}", b: c}}
"""
    file = Source("f.yaml", 1, text, readable=True)
    config = load_files(file, environ={"TOKEN": "Bearer x"})
    (made,) = config.exports
    assert made == OpenTelemetry("https://c/v1/logs", (("Authorization", "Bearer x"), ("b", "c")))
    (warning,) = config.warnings
    assert "exports[0].headers.b stands in a file that everybody can read" in str(warning)


def test_one_needs_no_list() -> None:
    assert read("exports: {to: jsonl, file: /r}").exports == (JsonLines("/r"),)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("exports: [{file: /x}]", "exports[0] has no key `to`: jsonl, syslog, opentelemetry, such"),
        ("exports: [jsonl]", "exports[0] has no key `to`"),
        ("exports: [{to: json, file: /x}]", "exports[0].to is one of jsonl, syslog, opentelemetry, "
         "found 'json'; did you mean 'jsonl'?"),
        ("exports: [{to: jsonl}]", "exports[0] needs the key `file`"),
        ("exports: [{to: jsonl, file: x.jsonl}]", "exports[0].file is a whole path"),
        ("exports: [{to: jsonl, file: /x, address: 'udp://h:1'}]", "unknown key 'address'"),
        ("exports: [{to: jsonl, file: /x}, {to: jsonl, file: /x}]",
         "exports[1]: jsonl /x is written twice"),
        ("exports: [{to: syslog}]", "exports[0] needs the key `address`"),
        ("exports: [{to: syslog, address: 'siem.example:514'}]", "exports[0].address is "
         "udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/dev/log, found"),
        ("exports: [{to: syslog, address: 'tcp://siem.example'}]", "; the port is missing"),
        ("exports: [{to: syslog, address: 'tcp://siem.example:70000'}]", "exports[0].address is"),
        ("exports: [{to: syslog, address: 'unix:dev/log'}]", "exports[0].address is"),
        ("exports: [{to: syslog, address: 'udp://h:1', format: rfc3164}]", "one of rfc5424, cef"),
        ("exports: [{to: opentelemetry, endpoint: 'collector:4318'}]", "endpoint is a URL such as"),
        ("exports: [{to: opentelemetry, endpoint: 'grpc://c:4317'}]", "endpoint is a URL such as"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c:port'}]", "endpoint is a URL such as"),
        ("exports: [{to: opentelemetry, endpoint: 'https://[c'}]", "endpoint is a URL such as"),
        ("exports: [{to: opentelemetry, endpoint: 'https://u:p@c'}]", "write them under headers"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c/a b'}]", "endpoint is a URL such as"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c', headers: [a]}]", "holds headers"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c', headers: {Content-Type: x}}]",
         "'Content-Type' is not a header that may be set"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c', headers: {'a b': x}}]",
         "'a b' is not a header that may be set"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c', headers: {A: x, a: y}}]",
         "headers.a is written twice"),
        ('exports: [{to: opentelemetry, endpoint: "https://c", headers: {A: "se\\r\\ncret"}}]',
         "headers.A has characters that no header may have"),
        ("exports: [{to: opentelemetry, endpoint: 'https://c', headers: {A: '${NONE}'}}]",
         "headers.A: the environment's variable NONE is not set"),
        ("metrics: {listen: 9101}", "metrics.listen is HOST:PORT"),
        ("metrics: {port: 9101}", "unknown key 'port'"),
    ],
)  # fmt: skip
def test_mistakes(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(written)
    (mistake,) = raised.value.mistakes
    assert said in str(mistake) and str(mistake).startswith("f.yaml:2:")
    assert "cret" not in str(mistake)
