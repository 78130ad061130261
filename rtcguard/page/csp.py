"""Content-Security-Policy headers edited so that the guard may run and report, and no more.

CSP Level 3. A policy is widened by one hash and one URL; what the page's own scripts may do stays
the same, also where a hash would take something away: one hash in a list turns 'unsafe-inline' off
(section 6.7.3.2), so a list where 'unsafe-inline' is in effect is left alone.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

# The policy of Trusted Types that the guard makes; it comes first, so no page can make it again.
TRUSTED = "rtcguard"
_WHITE = "\t\n\f\r "
# Chromium also takes `sha-256` for a hash.
_NONCE_OR_HASH = re.compile(
    r"'(?:nonce|sha-?(?:256|384|512))-[A-Za-z0-9+/_-]+={0,2}'", re.IGNORECASE
)


def hash_of(script: str) -> str:
    """The hash of an inline script's text as it stands, without quotes, in a source list."""
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def allow(value: str, script_hash: str, report_url: str) -> str:
    """A header's value, edited so that a script of this hash runs and may POST to `report_url`.

    `value` may hold several policies, parted by commas (each must allow what is done); a header
    that came more than once is edited value by value. `report_url` is absolute and of the page's
    own origin. Works for Content-Security-Policy-Report-Only too. What need not change comes back
    byte for byte; editing twice is editing once.
    """
    return ",".join(_edit(policy, script_hash, report_url) for policy in value.split(","))


def reach(value: str, url: str) -> str:
    """A header's value, edited so that `url` may be fetched: what a worker's script needs."""
    return ",".join(_connect(policy, url) for policy in value.split(","))


def _edit(policy: str, script_hash: str, report_url: str) -> str:
    expression = f"'{script_hash}'"
    scripts = ("script-src-elem", "script-src", "default-src")
    index, sources = _effective(policy, scripts)
    if index is not None and not _runs(sources, expression):
        policy = _grant(policy, index, "script-src", sources, expression)
    index, sources = _effective(policy, ("trusted-types",))
    if index is not None and not {"*", TRUSTED}.intersection(sources):
        policy = _grant(policy, index, "trusted-types", sources, TRUSTED)
    return _connect(policy, report_url)


def _connect(policy: str, url: str) -> str:
    index, sources = _effective(policy, ("connect-src", "default-src"))
    if index is not None and not _reaches(sources, url):
        policy = _grant(policy, index, "connect-src", sources, url)
    return policy


def _effective(policy: str, names: Sequence[str]) -> tuple[int | None, list[str]]:
    """The directive that governs, as its place in the policy, and its sources; None: there is none.

    The first directive of a name counts, further ones are ignored (section 2.2.1).
    """
    first: dict[str, tuple[int, list[str]]] = {}
    for index, directive in enumerate(policy.split(";")):
        words = _words(directive)
        if words:
            first.setdefault(words[0].lower(), (index, words[1:]))
    return next((first[name] for name in names if name in first), (None, []))


def _runs(sources: list[str], expression: str) -> bool:
    """Whether a source list lets our inline script run as it is."""
    if expression in sources:
        return True
    lowered = [source.lower() for source in sources]
    return (
        "'unsafe-inline'" in lowered
        and "'strict-dynamic'" not in lowered
        and not any(_NONCE_OR_HASH.fullmatch(source) for source in sources)
    )


def _reaches(sources: list[str], url: str) -> bool:
    """Whether a source list surely lets `url` be fetched; one expression too many does no harm."""
    scheme = urlsplit(url).scheme
    enough = {"*", "'self'", "http:", f"{scheme}:"}
    return url in sources or any(source.lower() in enough for source in sources)


def _grant(policy: str, index: int, name: str, sources: list[str], expression: str) -> str:
    """Adds an expression to the directive at `index`; one that only falls back to default-src gets
    a directive of its own, since default-src governs much else."""
    directives = policy.split(";")
    directive = directives[index]
    kept = [] if [source.lower() for source in sources] == ["'none'"] else sources
    if _words(directive)[0].lower() == "default-src":
        return f"{policy.rstrip(_WHITE + ';')}; {' '.join([name, *kept, expression])}"
    if kept or not sources:
        end = len(directive.rstrip(_WHITE))
        directives[index] = f"{directive[:end]} {expression}{directive[end:]}"
    else:
        end = directive.lower().rindex("'none'")
        directives[index] = directive[:end] + expression + directive[end + len("'none'") :]
    return ";".join(directives)


def _words(directive: str) -> list[str]:
    return [word for word in re.split(f"[{_WHITE}]+", directive) if word]
