"""Public suffixes: names below which everybody can have one, such as `co.uk` and `github.io`.

The list is publicsuffix.org's, as the package publicsuffixlist brings it. Its own class takes some
60 ms to read it, of the 200 that a configuration may take; here it is searched as it is written.
"""

from functools import cache
from pkgutil import get_data


def is_public_suffix(name: str) -> bool:
    """Whether a host name (in lower case, as A-labels) is one, by publicsuffix.org/list. A single
    label that is not on the list (`lan`, `internal`) belongs to whoever uses it."""
    if "xn--" in name:
        import idna  # its tables take their time, and hardly a name needs them

        try:
            name = idna.decode(name)
        except idna.IDNAError:
            return False
    lines = _lines()
    parent = name.partition(".")[2]
    return name in lines or (f"*.{parent}" in lines and f"!{name}" not in lines)


@cache
def _lines() -> frozenset[str]:
    listed = get_data("publicsuffixlist", "public_suffix_list.dat")
    assert listed is not None
    return frozenset(listed.decode().split("\n"))
