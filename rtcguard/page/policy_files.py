"""The text of a policy file, as each system has it, and where it belongs."""

import json
import plistlib
from typing import Final, Literal

from rtcguard.page.browser_policy import Browser, Policies

System = Literal["linux", "macos", "windows"]

# Linux: every browser of Chromium's kind reads all files of its folder, Firefox this one file.
# Debian's firefox-esr looks there before its own distribution/policies.json.
LINUX: Final[dict[Browser, tuple[str, ...]]] = {
    "chrome": (
        "etc/chromium/policies/managed/rtcguard.json",
        "etc/opt/chrome/policies/managed/rtcguard.json",
    ),
    "edge": ("etc/opt/edge/policies/managed/rtcguard.json",),
    "firefox": ("etc/firefox/policies/policies.json",),
}
# Files that Firefox would no longer read beside the one above.
SHADOWED: Final = (
    "usr/lib/firefox-esr/distribution/policies.json",
    "usr/lib/firefox/distribution/policies.json",
)

_REGISTRY: Final = {
    "chrome": r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Google\Chrome",
    "edge": r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Edge",
}
_DOMAINS: Final = {"chrome": "com.google.Chrome", "edge": "com.microsoft.Edge"}
# Made once: a profile that is installed again must have the same ones, or there would be two.
_UUIDS: Final = {
    "chrome": ("7B0D4F55-2C1E-4B53-9C0A-6B1B6A0F1C01", "7B0D4F55-2C1E-4B53-9C0A-6B1B6A0F1C02"),
    "edge": ("7B0D4F55-2C1E-4B53-9C0A-6B1B6A0F1E01", "7B0D4F55-2C1E-4B53-9C0A-6B1B6A0F1E02"),
}


def text(browser: Browser, system: System, made: Policies) -> str:
    """The content of the file."""
    if browser != "firefox" and system == "windows":
        return _registry(_REGISTRY[browser], made)
    if browser != "firefox" and system == "macos":
        return _profile(browser, made)
    return json.dumps(made, indent=2) + "\n"


def place(browser: Browser, system: System) -> str:
    """Where the file belongs, in words."""
    match browser, system:
        case _, "linux":
            return " and ".join(f"/{path}" for path in LINUX[browser])
        case "firefox", "macos":
            return "Firefox.app/Contents/Resources/distribution/policies.json"
        case "firefox", _:
            return r"distribution\policies.json beside firefox.exe"
        case _, "macos":
            return "a file that ends in .mobileconfig; open it, then allow it under Profiles"
    return "a file that ends in .reg; import it as administrator"


def _registry(key: str, made: Policies) -> str:
    """A .reg file; dictionaries are JSON in a string, lists are keys of their own."""
    lines, lists = ["Windows Registry Editor Version 5.00", "", f"[{key}]"], []
    for name, value in made.items():
        if isinstance(value, bool):
            lines.append(f'"{name}"=dword:{value:08x}')
        elif isinstance(value, list):
            lists += ["", f"[{key}\\{name}]"]
            lists += [f'"{number}"={_quoted(item)}' for number, item in enumerate(value, 1)]
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            lines.append(f'"{name}"={_quoted(shown)}')
    return "\r\n".join([*lines, *lists, ""])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _profile(browser: Browser, made: Policies) -> str:
    """A configuration profile, as Apple's Configuration Profile Reference has it."""
    outer, inner = _UUIDS[browser]
    common = {"PayloadVersion": 1, "PayloadDisplayName": f"rtcguard: {browser}"}
    content = {
        **common,
        "PayloadType": _DOMAINS[browser],
        "PayloadIdentifier": f"rtcguard.{browser}.policies",
        "PayloadUUID": inner,
        **made,
    }
    profile = {
        **common,
        "PayloadType": "Configuration",
        "PayloadIdentifier": f"rtcguard.{browser}",
        "PayloadUUID": outer,
        "PayloadScope": "System",
        "PayloadContent": [content],
    }
    return plistlib.dumps(profile).decode()
