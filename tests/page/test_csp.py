"""Content-Security-Policy edited for the guard: what is added, and what must stay as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.page import csp

HASH = "sha256-AAAA"
URL = "https://example.org/.well-known/rtcguard/report"
H = f"'{HASH}'"


@pytest.mark.parametrize(
    ("value", "edited"),
    [
        ("", ""),
        ("img-src 'self'", "img-src 'self'"),
        ("script-src 'self'", f"script-src 'self' {H}"),
        ("script-src 'self' ; img-src *", f"script-src 'self' {H} ; img-src *"),
        ("SCRIPT-SRC a.example", f"SCRIPT-SRC a.example {H}"),
        ("script-src", f"script-src {H}"),
        ("script-src 'none'", f"script-src {H}"),
        ("script-src  'NONE' ;", f"script-src  {H} ;"),
        ("script-src 'none' a.example", f"script-src 'none' a.example {H}"),
        ("script-src 'nonce-abc'", f"script-src 'nonce-abc' {H}"),
        ("script-src 'strict-dynamic' 'nonce-a'", f"script-src 'strict-dynamic' 'nonce-a' {H}"),
        ("script-src 'unsafe-inline'", "script-src 'unsafe-inline'"),
        ("script-src 'Unsafe-Inline' *", "script-src 'Unsafe-Inline' *"),
        ("script-src 'unsafe-inline' 'nonce-a'", f"script-src 'unsafe-inline' 'nonce-a' {H}"),
        (
            "script-src 'unsafe-inline' 'sha256-BBBB'",
            f"script-src 'unsafe-inline' 'sha256-BBBB' {H}",
        ),
        (
            "script-src 'unsafe-inline' 'sha-256-BBBB'",  # Chromium's own spelling
            f"script-src 'unsafe-inline' 'sha-256-BBBB' {H}",
        ),
        ("script-src 'unsafe-inline' 'nonce-a=b'", "script-src 'unsafe-inline' 'nonce-a=b'"),
        (
            "script-src 'unsafe-inline' 'strict-dynamic'",
            f"script-src 'unsafe-inline' 'strict-dynamic' {H}",
        ),
        ("script-src a; script-src 'none'", f"script-src a {H}; script-src 'none'"),
        (
            "script-src 'unsafe-inline'; script-src-elem 'self'",
            f"script-src 'unsafe-inline'; script-src-elem 'self' {H}",
        ),
        (
            "script-src 'self'; script-src-elem 'unsafe-inline'",
            "script-src 'self'; script-src-elem 'unsafe-inline'",
        ),
        ("script-src-attr 'none'", "script-src-attr 'none'"),
        ("default-src 'self'", f"default-src 'self'; script-src 'self' {H}"),
        ("default-src 'none';", f"default-src 'none'; script-src {H}; connect-src {URL}"),
        ("default-src 'unsafe-inline' *", "default-src 'unsafe-inline' *"),
        (
            "default-src 'unsafe-inline' a",
            f"default-src 'unsafe-inline' a; connect-src 'unsafe-inline' a {URL}",
        ),
        ("connect-src 'self'", "connect-src 'self'"),
        ("connect-src https:", "connect-src https:"),
        ("connect-src wss:", f"connect-src wss: {URL}"),
        ("connect-src 'none'", f"connect-src {URL}"),
        ("connect-src api.example", f"connect-src api.example {URL}"),
        (
            "default-src 'none'; connect-src *",
            f"default-src 'none'; connect-src *; script-src {H}",
        ),
        (
            "script-src 'self', default-src 'none'; script-src b",
            f"script-src 'self' {H}, default-src 'none'; script-src b {H}; connect-src {URL}",
        ),
        ("upgrade-insecure-requests; x-y  z", "upgrade-insecure-requests; x-y  z"),
        (";; ,", ";; ,"),
    ],
)
def test_allow(value: str, edited: str) -> None:
    assert csp.allow(value, HASH, URL) == edited
    assert csp.allow(edited, HASH, URL) == edited


def test_hash_of_is_the_one_that_browsers_compute() -> None:
    # The example of CSP Level 3, section 8.3.
    assert csp.hash_of("doSomething();") == "sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc="


NAMES = st.sampled_from(
    [
        *("default-src", "script-src", "script-src-elem", "script-src-attr"),
        *("connect-src", "img-src", "x-y"),
    ]
)
SOURCES = st.lists(
    st.sampled_from(
        [
            *("'self'", "'none'", "'unsafe-inline'", "'strict-dynamic'", "'nonce-abc'"),
            *("*", "a.example", "https:", "wss:"),
        ]
    )
)
DIRECTIVES = st.builds(lambda name, sources: " ".join([name, *sources]), NAMES, SOURCES)
POLICIES = st.builds(";".join, st.lists(DIRECTIVES, max_size=5))


@given(st.builds(",".join, st.lists(POLICIES, max_size=3)))
def test_other_directives_stay_and_editing_twice_is_editing_once(value: str) -> None:
    edited = csp.allow(value, HASH, URL)
    assert csp.allow(edited, HASH, URL) == edited
    for before, after in zip(value.split(","), edited.split(","), strict=True):
        untouched = [
            directive
            for directive in before.split(";")
            if not directive.startswith(("script-src ", "script-src-elem", "connect-src"))
            and directive != "script-src"
        ]
        kept = after.split(";")
        assert all(directive in kept for directive in untouched if directive)
        # Nothing is ever taken away, but for 'none', which an added source makes void.
        words = [word for word in before.replace(";", " ").split() if word != "'none'"]
        assert not [word for word in words if words.count(word) > after.count(word)]


@given(st.text(alphabet="abc'-; ,\tS*", max_size=60))
def test_any_text_is_edited_without_an_error(value: str) -> None:
    csp.allow(value, HASH, URL)


@pytest.mark.parametrize(
    ("value", "edited"),
    [
        ("", ""),
        ("script-src 'self'", "script-src 'self'"),
        ("connect-src 'none'", f"connect-src {URL}"),
        (
            "default-src 'none', connect-src 'self'",
            f"default-src 'none'; connect-src {URL}, connect-src 'self'",
        ),
    ],
)
def test_what_a_worker_needs(value: str, edited: str) -> None:
    assert csp.reach(value, URL) == edited


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("trusted-types one two", "trusted-types one two rtcguard"),
        ("trusted-types 'none'", "trusted-types rtcguard"),
        ("trusted-types", "trusted-types rtcguard"),
        ("trusted-types *", "trusted-types *"),
        ("require-trusted-types-for 'script'", "require-trusted-types-for 'script'"),
    ],
)
def test_the_guards_own_policy_of_trusted_types(value: str, allowed: str) -> None:
    made = csp.allow(value, "sha256-x", "https://site.example/r")
    assert made == allowed
    assert csp.allow(made, "sha256-x", "https://site.example/r") == allowed
