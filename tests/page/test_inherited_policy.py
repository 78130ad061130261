"""Documents without a server inherit the policy of who made them, which may forbid the guard.

All ways around the guard (ways.js) are tried in the lab, with captures: tests/lab/test_ways.py.
"""

from typing import Any

import pytest

from tests.browsers.tab import Tabs

PAGE = "<!doctype html><title>x</title><body>"
PLAIN = "<!doctype html><title>plain</title>"

# A policy that lets scripts with this nonce run, and so not the guard.
STRICT = """async ([how, patience]) => {
    document.head.insertAdjacentHTML('beforeend', `<meta http-equiv="Content-Security-Policy"
        content="script-src 'nonce-n'">`);
    const text = '<!doctype html><script nonce=n>parent.take(RTCPeerConnection)<' + '/script>';
    const frame = document.createElement('iframe');
    const url = URL.createObjectURL(new Blob([text], { type: 'text/html' }));
    const taken = new Promise((yes) => { window.take = yes;
        setTimeout(() => yes(null), patience); });
    if (how.startsWith('late')) { frame.src = '/plain'; document.body.append(frame);
        await new Promise((yes) => { frame.onload = yes; }); }
    if (how.endsWith('srcdoc')) frame.srcdoc = text; else frame.src = url;
    if (!frame.isConnected) document.body.append(frame);
    const Taken = await taken;
    return Taken && new Taken().getConfiguration().iceTransportPolicy;
}"""
HOWS = ["srcdoc", "blob", "late srcdoc", "late blob"]


@pytest.mark.parametrize("how", HOWS)
def test_a_policy_that_forbids_the_guard_lets_nothing_past_it(
    site: Any, tabs: Tabs, how: str
) -> None:
    """The proxy sees no policy that a script puts in; srcdoc and blob: documents inherit it."""
    for guarded in (True, False):
        site.put("/plain", PLAIN, guarded=guarded)
        url = site.put("/", PAGE, guarded=guarded)
        with tabs.open() as tab:
            tab.goto(url)
            # Only what is held up never comes.
            found = tab.evaluate(STRICT, [how, 1000 if guarded else 60_000])
        assert found in ("relay", None) if guarded else found == "all"
