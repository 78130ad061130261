"""Machines that are not at hand, as their commands behave: their output is in the form that
networksetup(8), `reg`, security(1) and certutil.exe have, as their documentation and other
projects' tests show it. What is tested with these was not run on macOS or Windows.
"""

import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from pathlib import Path

from rtcguard.desktop.machine import ThisMachine
from rtcguard.desktop.nouns import Answer, DesktopError, Refresh, Run, Step, failure

Command = Callable[[Sequence[str]], Answer]


@dataclass
class FakeMachine:
    """Commands are fakes, files are real ones under a folder."""

    platform: str
    home: str
    commands: Mapping[str, Command]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_root: bool = False
    refreshed: int = 0
    ran: list[Sequence[str]] = field(default_factory=list)

    def has(self, command: str) -> bool:
        return command in self.commands

    def run(self, argv: Sequence[str]) -> Answer:
        self.ran.append(argv)
        return self.commands[argv[0]](argv[1:]) if self.has(argv[0]) else Answer(127, "")

    @property
    def _files(self) -> ThisMachine:
        return ThisMachine(self.home, self.environment, self.platform)

    def read(self, path: str) -> str | None:
        return self._files.read(path)

    def files(self, folder: str) -> Sequence[str]:
        return self._files.files(folder)

    def is_folder(self, path: str) -> bool:
        return self._files.is_folder(path)

    def perform(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Run):
                answer = self.run(step.argv)
                if answer.code and step.needed:
                    raise DesktopError(failure(step.argv, answer))
            elif isinstance(step, Refresh):
                self.refreshed += 1
            else:
                self._files.perform([step])


@dataclass
class Networksetup:
    """macOS' command, with what it keeps. `refuses`: a switch that it does not carry out, as for a
    user who may not."""

    services: dict[str, bool]  # name, whether it is turned on
    proxies: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    bypass: dict[str, list[str]] = field(default_factory=dict)
    urls: dict[str, list[str]] = field(default_factory=dict)
    discovery: dict[str, str] = field(default_factory=dict)
    refuses: str = ""

    def __call__(self, argv: Sequence[str]) -> Answer:
        switch, *rest = argv
        if switch == self.refuses:
            return Answer(14, "** Error: Command requires admin privileges.\n")
        if switch == "-listallnetworkservices":
            head = "An asterisk (*) denotes that a network service is disabled."
            rows = [name if on else f"*{name}" for name, on in self.services.items()]
            return Answer(0, "\n".join([head, *rows]) + "\n")
        service, *values = rest
        if service not in self.services:
            message = f"{service} is not a recognized network service.\n** Error: The parameters"
            return Answer(4, f"{message} were not valid.\n")
        return Answer(0, self._do(switch, service, values))

    def _do(self, switch: str, service: str, values: list[str]) -> str:
        proxy = re.fullmatch(r"-(get|set)(web|secureweb|socksfirewall)proxy(state)?", switch)
        if proxy is not None:
            kept = self.proxies.setdefault((proxy[2], service), ["No", "", "0", "0"])
            if proxy[1] == "get":
                return (
                    f"Enabled: {kept[0]}\nServer: {kept[1]}\nPort: {kept[2]}\n"
                    f"Authenticated Proxy Enabled: {kept[3]}\n"
                )
            if proxy[3]:
                kept[0] = "Yes" if values == ["on"] else "No"
            else:
                kept[:] = ["Yes", *values[:2], "1" if values[2:3] == ["on"] else "0"]
            return ""
        match switch:
            case "-getproxybypassdomains":
                there = self.bypass.get(service, [])
                none = f"There aren't any bypass domains set on {service}.\n"
                return "".join(f"{one}\n" for one in there) or none
            case "-setproxybypassdomains":
                self.bypass[service] = [] if values == ["Empty"] else values
            case "-getautoproxyurl":
                url, enabled = self.urls.get(service, ["(null)", "No"])
                return f"URL: {url}\nEnabled: {enabled}\n"
            case "-setautoproxyurl":
                self.urls[service] = [values[0], "Yes"]
            case "-setautoproxystate":
                self.urls.setdefault(service, ["(null)", "No"])[1] = (
                    "Yes" if values == ["on"] else "No"
                )
            case "-getproxyautodiscovery":
                return f"Auto Proxy Discovery: {self.discovery.get(service, 'Off')}\n"
            case "-setproxyautodiscovery":
                self.discovery[service] = values[0].capitalize()
            case _:
                raise AssertionError(switch)
        return ""


@dataclass
class Reg:
    """Windows' reg.exe, with the values of the one key. `refuses`: a name that cannot be set."""

    values: dict[str, tuple[str, str]]
    refuses: str = ""

    KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"

    def __call__(self, argv: Sequence[str]) -> Answer:
        verb, key, *options = argv
        assert key == self.KEY
        named = dict(zip(options[::2], options[1::2], strict=False))
        name = named.get("/v", "")
        if name and name == self.refuses:
            return Answer(1, "", "ERROR: Access is denied.\r\n")
        match verb:
            case "query":
                rows = [
                    f"    {name}    {kind}    {data}\r\n"
                    for name, (kind, data) in self.values.items()
                ]
                long = self.KEY.replace("HKCU", "HKEY_CURRENT_USER")
                nested = f"{long}\\Connections\r\n"
                return Answer(0, f"\r\n{long}\r\n{''.join(rows)}\r\n{nested}")
            case "add":
                assert options[-1] == "/f"
                self.values[name] = (named["/t"], named["/d"])
            case "delete":
                if name not in self.values:
                    text = (
                        "ERROR: The system was unable to find the specified registry key or value."
                    )
                    return Answer(1, "", f"{text}\r\n")
                del self.values[name]
            case _:
                raise AssertionError(verb)
        return Answer(0, "The operation completed successfully.\r\n")


@dataclass
class Security:
    """macOS' security(1) with one keychain: certificates by DER, and which of them are trusted."""

    keychain: str
    held: list[bytes] = field(default_factory=list)
    trusted: list[bytes] = field(default_factory=list)
    refuses: str = ""

    def __call__(self, argv: Sequence[str]) -> Answer:
        verb, *rest = argv
        if verb == self.refuses:
            return Answer(
                1, "", "SecTrustSettingsSetTrustSettings: The authorization was denied.\n"
            )
        match verb:
            case "find-certificate":
                assert rest == ["-a", "-Z", "-c", "mitmproxy", self.keychain]
                rows = [
                    f"SHA-256 hash: {sha256(der).hexdigest().upper()}\n"
                    f"SHA-1 hash: {sha1(der).hexdigest().upper()}\n"
                    f'keychain: "{self.keychain}"\nversion: 256\nclass: 0x80001000 \n'
                    'attributes:\n    "alis"<blob>="mitmproxy"\n'
                    for der in self.held
                ]
                missing = "SecKeychainSearchCopyNext: The specified item could not be found.\n"
                return Answer(0, "".join(rows)) if rows else Answer(44, "", missing)
            case "verify-cert":
                if _der(rest[1]) in self.trusted:
                    return Answer(0, "...certificate verification successful.\n")
                return Answer(1, "", "Cert Verify Result: CSSMERR_TP_NOT_TRUSTED\n")
            case "add-trusted-cert":
                assert rest[-5:-1] == ["-r", "trustRoot", "-k", self.keychain]
                self.held.append(_der(rest[-1]))
                self.trusted.append(_der(rest[-1]))
            case "remove-trusted-cert":
                if _der(rest[-1]) not in self.trusted:
                    return Answer(1, "", "SecTrustSettingsRemoveTrustSettings: not found\n")
                self.trusted.remove(_der(rest[-1]))
            case "delete-certificate":
                assert rest[0] == "-Z" and rest[2] == self.keychain
                there = [der for der in self.held if sha1(der).hexdigest().upper() == rest[1]]
                if not there:
                    return Answer(1, "", "Unable to delete certificate matching that hash\n")
                self.held.remove(there[0])
            case _:
                raise AssertionError(verb)
        return Answer(0, "")


@dataclass
class WindowsCertutil:
    """certutil.exe, with the user's store of authorities. The hash is the one line that is read;
    its label is English here, and another system's is not."""

    held: list[bytes] = field(default_factory=list)

    def __call__(self, argv: Sequence[str]) -> Answer:
        assert argv[0] == "-user" and argv[2] == "Root"
        match argv[1]:
            case "-store":
                assert argv[3] == "mitmproxy"
                rows = [
                    f"================ Certificate {number} ================\r\n"
                    "Serial Number: 5b1d\r\nIssuer: O=mitmproxy, CN=mitmproxy\r\n"
                    "Subject: O=mitmproxy, CN=mitmproxy\r\n"
                    "Signature matches Public Key\r\n"
                    f"Cert Hash(sha1): {sha1(der).hexdigest()}\r\n"
                    for number, der in enumerate(self.held)
                ]
                if not rows:
                    text = "CertUtil: -store command FAILED: 0x80090011 (-2146893807 NTE_NOT_FOUND)"
                    return Answer(1, f"{text}\r\n")
                return Answer(0, f"Root\r\n{''.join(rows)}CertUtil: -store command completed.\r\n")
            case "-addstore":
                self.held.append(_der(argv[3]))
            case "-delstore":
                self.held = [d for d in self.held if sha1(d).hexdigest().upper() != argv[3]]
            case _:
                raise AssertionError(argv)
        return Answer(0, "CertUtil: command completed successfully.\r\n")


def _der(path: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text())
