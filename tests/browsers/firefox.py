"""Debian's Firefox as tests start it: its preferences, its command line, where it listens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

FIREFOX = "/usr/bin/firefox-esr"
START_SECONDS = 120.0
LISTENING = re.compile(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
# Without the variable, a release of Firefox does not let itself be given another server.
VARIABLES = {"MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"}
Preferences = Mapping[str, bool | int | str]

# As for Chromium: a run without WebRTC must send no packet of its own. What Firefox would ask of
# its maker's servers gets an address on the client's loopback where nobody listens.
NOWHERE = "http://localhost:9/"
QUIET: Preferences = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutConfig.showWarning": False,
    "browser.contentblocking.report.lockwise.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.search.update": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "captivedetect.canonicalURL": "",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "dom.push.enabled": False,
    "dom.security.https_first": False,  # one scenario is plain HTTP on purpose
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": NOWHERE,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.dns.native_https_query": False,
    "network.http.http3.enable": False,  # as Chromium here: without QUIC
    "network.http.speculative-parallel-limit": 0,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "security.OCSP.enabled": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": NOWHERE,
    "toolkit.telemetry.unified": False,
}


def write_profile(profile: Path, preferences: Preferences) -> None:
    """Make a folder that Firefox takes for a profile with these preferences and QUIET's."""
    profile.mkdir(parents=True, exist_ok=True)
    lines = [
        f"user_pref({json.dumps(key)}, {json.dumps(item)});\n"
        for key, item in {**QUIET, **preferences}.items()
    ]
    (profile / "user.js").write_text("".join(lines))


def command_line(profile: Path) -> list[str]:
    """Firefox without a window, for WebDriver BiDi on a port that it chooses and prints."""
    argv = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile)]
    return [*argv, "--remote-debugging-port", "0"]


def port_in(log: Path) -> int | None:
    """The port that Firefox listens at, once its output tells."""
    found = LISTENING.search(log.read_text(errors="replace"))
    return int(found[1]) if found else None
