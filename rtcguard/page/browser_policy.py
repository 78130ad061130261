"""Managed policies that make a browser itself go through the proxy only: ring 0.

A page script can be got around; what a browser's own policy forbids, no page and no extension can
undo. Chrome and Edge then send WebRTC over TCP through the proxy (RFC 8828 section 5.2, mode 4),
Firefox likewise, so TURN servers that offer TCP still work, and the proxy sees who they are.

To add a policy: a line here, and a run of the lab's test with the browser.
Sources: chromeenterprise.google/policies, learn.microsoft.com/deployedge (policy reference),
firefox-admin-docs.mozilla.org, and Firefox's own list of preferences that a policy may set.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

Browser = Literal["chrome", "edge", "firefox"]
Policies = dict[str, Any]  # as JSON has them


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate of the proxy's authority, for a browser to trust: where its file is, and its
    DER in base64."""

    path: str
    base64: str


def policies(browser: Browser, proxy: str, authority: Authority | None = None) -> Policies:
    """What a browser is told; `proxy` is `host:port`."""
    if browser == "firefox":
        return _firefox(proxy, authority)
    return _chromium(browser, proxy, authority)


def is_ours(browser: Browser, found: object) -> bool:
    """Whether what was read from a policy file is what `policies` makes, for whatever proxy and
    authority, or what `rtcguard ca install` has written alone: these policies and no others."""
    known = [policies(browser, ""), policies(browser, "", Authority("", ""))]
    if browser == "firefox":
        known.append({"policies": {"Certificates": {"Install": [""]}}})  # `rtcguard ca install`
    return any(_same_keys(found, made) for made in known)


def _chromium(browser: Browser, proxy: str, authority: Authority | None) -> Policies:
    # Edge has its own name for the same policy; its documentation tells of Windows and macOS only.
    handling = "WebRtcLocalhostIpHandling" if browser == "edge" else "WebRtcIPHandling"
    made: Policies = {
        # No UDP but through a proxy, and an HTTP proxy has none: TURN over TCP by CONNECT is left.
        handling: "disable_non_proxied_udp",
        # Without this a page on localhost, which Chromium never sends through a proxy, would get
        # no guard. Mandatory, so neither a user, an extension nor a flag chooses another proxy.
        "ProxySettings": {
            "ProxyMode": "fixed_servers",
            "ProxyServer": proxy,
            "ProxyBypassList": "<-loopback>",
        },
        # HTTP/3 and WebTransport are UDP.
        "QuicAllowed": False,
        # Names are asked of the network's resolver, where they can be seen.
        "DnsOverHttpsMode": "off",
    }
    if authority is not None:
        made["CACertificates"] = [authority.base64]
    return made


# Firefox lets a policy set preferences of some beginnings only; `media.` and `network.` are two.
_FIREFOX_PREFERENCES: Final = {
    # No UDP and no ICE over TCP: TURN over TCP by CONNECT is left. Pages without leave to use
    # camera or microphone get no candidate at all then, since Firefox looks for the default
    # address by a UDP socket, which this forbids: their calls fail.
    "media.peerconnection.ice.proxy_only": True,
    "network.http.http3.enable": False,
    # As `<-loopback>` for Chromium.
    "network.proxy.allow_hijacking_localhost": True,
}


def _firefox(proxy: str, authority: Authority | None) -> Policies:
    made: Policies = {
        "Proxy": {
            "Mode": "manual",
            "HTTPProxy": proxy,
            "UseHTTPProxyForAllProtocols": True,  # HTTPS and WebSocket too
            "Passthrough": "",
            "Locked": True,
        },
        "DNSOverHTTPS": {"Enabled": False, "Locked": True},
        "Preferences": {
            name: {"Value": value, "Status": "locked"}
            for name, value in _FIREFOX_PREFERENCES.items()
        },
    }
    if authority is not None:
        made["Certificates"] = {"Install": [authority.path]}
    return {"policies": made}


def _same_keys(found: object, made: object) -> bool:
    """Whether both are made of the same keys, all the way down."""
    if not isinstance(made, dict):
        return type(found) is type(made)
    if not isinstance(found, dict) or found.keys() != made.keys():
        return False
    return all(_same_keys(found[key], value) for key, value in made.items())
