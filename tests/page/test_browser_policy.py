"""The policies, and their files: each is read back by a reader of its own kind."""

import configparser
import json
import plistlib
from typing import Any, get_args

import pytest

from rtcguard.page.browser_policy import Authority, Browser, is_ours, policies
from rtcguard.page.policy_files import LINUX, System, place, text

BROWSERS = get_args(Browser)
AUTHORITY = Authority("/ca.pem", "MIIB")


@pytest.mark.parametrize(
    ("browser", "handling"),
    [("chrome", "WebRtcIPHandling"), ("edge", "WebRtcLocalhostIpHandling")],
)
def test_chromium_keeps_to_the_proxy(browser: Browser, handling: str) -> None:
    assert json.loads(text(browser, "linux", policies(browser, "[::1]:8080", AUTHORITY))) == {
        handling: "disable_non_proxied_udp",
        "ProxySettings": {
            "ProxyMode": "fixed_servers",
            "ProxyServer": "[::1]:8080",
            "ProxyBypassList": "<-loopback>",
        },
        "QuicAllowed": False,
        "DnsOverHttpsMode": "off",
        "CACertificates": ["MIIB"],
    }


def test_firefox_keeps_to_the_proxy() -> None:
    made = json.loads(text("firefox", "linux", policies("firefox", "10.0.0.1:3128", AUTHORITY)))
    inner = made.pop("policies")
    assert not made
    assert inner["Proxy"] == {
        "Mode": "manual",
        "HTTPProxy": "10.0.0.1:3128",
        "UseHTTPProxyForAllProtocols": True,
        "Passthrough": "",
        "Locked": True,
    }
    assert inner["Certificates"] == {"Install": ["/ca.pem"]}
    assert inner["DNSOverHTTPS"] == {"Enabled": False, "Locked": True}
    locked = {name: one["Value"] for name, one in inner["Preferences"].items()}
    assert {one["Status"] for one in inner["Preferences"].values()} == {"locked"}
    assert locked["media.peerconnection.ice.proxy_only"] is True
    assert locked["network.http.http3.enable"] is False
    assert all(name.startswith(("media.", "network.")) for name in locked), "Firefox refuses others"


def registry(content: str) -> dict[str, dict[str, Any]]:
    """A .reg file, as its documentation describes it: DWORDs and quoted strings."""
    head, _, rest = content.partition("\r\n")
    assert head == "Windows Registry Editor Version 5.00"
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(rest)

    def value(written: str) -> Any:
        if written.startswith("dword:"):
            return int(written.removeprefix("dword:"), 16)
        return json.loads(written)  # the same escapes

    return {
        key: {json.loads(name): value(written) for name, written in parser.items(key)}
        for key in parser.sections()
    }


def test_for_windows() -> None:
    read = registry(text("edge", "windows", policies("edge", "127.0.0.1:8080", AUTHORITY)))
    key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Edge"
    assert read[key]["WebRtcLocalhostIpHandling"] == "disable_non_proxied_udp"
    assert read[key]["QuicAllowed"] == 0
    assert json.loads(read[key]["ProxySettings"])["ProxyServer"] == "127.0.0.1:8080"
    assert read[rf"{key}\CACertificates"] == {"1": "MIIB"}


def test_for_macos() -> None:
    made = policies("chrome", "127.0.0.1:8080")
    profile = plistlib.loads(text("chrome", "macos", made).encode())
    (content,) = profile["PayloadContent"]
    assert (profile["PayloadType"], content["PayloadType"]) == (
        "Configuration",
        "com.google.Chrome",
    )
    assert made.items() <= content.items()
    assert profile["PayloadUUID"] != content["PayloadUUID"]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("system", get_args(System))
def test_every_file_has_a_place(browser: Browser, system: System) -> None:
    assert place(browser, system)
    assert all(f"/{path}" in place(browser, "linux") for path in LINUX[browser])
    assert text(browser, system, policies(browser, "127.0.0.1:8080"))


@pytest.mark.parametrize("browser", BROWSERS)
def test_ours_is_known_whatever_it_is_set_to(browser: Browser) -> None:
    assert is_ours(browser, policies(browser, "10.0.0.1:1"))
    assert is_ours(browser, policies(browser, "10.0.0.1:1", AUTHORITY))
    other: Browser = "chrome" if browser == "firefox" else "firefox"
    assert not is_ours(browser, policies(other, "10.0.0.1:1"))
    for foreign in (
        {},
        [],
        None,
        {"policies": {"Proxy": {"Mode": "none"}}},
        {"QuicAllowed": False},
    ):
        assert not is_ours(browser, foreign)
    assert not is_ours(browser, {**policies(browser, "10.0.0.1:1"), "HomepageLocation": "a"})
