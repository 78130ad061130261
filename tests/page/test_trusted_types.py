"""Pages that demand Trusted Types keep what they had, and the guard its hold of their frames."""

from typing import Any

import pytest

from tests.browsers.tab import Tabs

PLAIN = "<!doctype html><title>plain</title>"
POLICIES = [
    "require-trusted-types-for 'script'; trusted-types own",
    "require-trusted-types-for 'script'; trusted-types own; script-src 'self' 'unsafe-inline'",
]
# Each is given the page's own policy, and returns (a promise of) what it made.
USES = {
    "innerHTML": (
        "document.body.innerHTML = own.createHTML('<p>x</p>'); return document.body.innerHTML"
    ),
    "innerHTML with a frame": (
        "document.body.innerHTML = own.createHTML('<iframe></iframe>');"
        " return new frames[0].RTCPeerConnection().getConfiguration().iceTransportPolicy"
    ),
    "document.write": "document.write(own.createHTML('<p>y</p>')); return document.body.innerHTML",
    "srcdoc": (
        "window.taken = new Promise((yes) => { window.take = yes });"
        "const f = document.createElement('iframe'); f.srcdoc = own.createHTML("
        "'<script>parent.take(new RTCPeerConnection().getConfiguration().iceTransportPolicy)<' +"
        " '/script>'); document.body.append(f); return window.taken"
    ),
    "a string": "try { document.body.innerHTML = '<p>' } catch (e) { return e.name }",
    "a policy of the guard's name": (
        "try { trustedTypes.createPolicy('rtcguard', {}); return 'made' }"
        " catch (e) { return e.name }"
    ),
}
RUN = """async (body) => {
    const own = trustedTypes.createPolicy('own', { createHTML: (s) => s });
    const late = new Promise((yes) => setTimeout(() => yes('late'), 60000));
    return await Promise.race([late, new Function('own', body)(own)]);
}"""


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("use", USES)
def test_a_page_that_demands_trusted_types(site: Any, tabs: Tabs, policy: str, use: str) -> None:
    found = {}
    for guarded in (True, False):
        with tabs.open() as tab:
            tab.goto(site.put("/", "<!doctype html><body>", guarded=guarded, policy=policy))
            found[guarded] = tab.evaluate(RUN, USES[use])
    if found[False] == "all":
        assert found[True] == "relay"
    else:
        assert found[True] == found[False]
