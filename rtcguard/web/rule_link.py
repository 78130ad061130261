"""Links from events to the lines of their rules."""

from typing import Final

from rtcguard.policy.model import Config
from rtcguard.web.rows import RuleLink
from rtcguard.web.rule_lines import rule_link
from rtcguard.web.site import Site

_MOST: Final = 10_000  # names that are kept


def rule_links(site: Site) -> RuleLink:
    """`rule_lines.rule_link` by the policy in force; each name is looked for once."""
    config: Config | None = None
    known: dict[str, str] = {}

    def link(name: str) -> str:
        nonlocal config, known
        if config is not site.policy.config:
            config, known = site.policy.config, {}
        found = known.get(name)
        if found is None:
            found = rule_link(config, name)
            if len(known) < _MOST:
                known[name] = found
        return found

    return link
