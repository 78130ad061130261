"""Several files as one configuration: their order, and what is wrong with which of them."""

from ipaddress import ip_network

import pytest

from rtcguard.errors import ConfigError, ParseError
from rtcguard.policy.include import Source
from rtcguard.policy.load import load, load_files
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Match


def rule(name: str) -> str:
    return f"rules: [{{name: {name}, match: {{}}, action: keep}}]\n"


def loaded(files: dict[str, str]) -> Config:
    """The configuration of files that are in memory, the first being the main one."""

    def read(name: str, file: str) -> list[Source]:
        if name not in files:
            raise ParseError(f"{name} cannot be read: No such file or directory")
        return [Source(name, name, files[name])]

    main = next(iter(files))
    return load_files(Source(main, main, files[main]), read)


def mistakes(files: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(files)
    return list(map(str, raised.value.mistakes))


def test_own_rules_come_first_then_those_of_includes_in_their_order() -> None:
    config = loaded(
        {
            "m": "version: 1\ninclude: [a, b]\n" + rule("m"),
            "a": "include: c\n" + rule("a"),
            "b": "version: 1\n" + rule("b"),
            "c": rule("c"),
        }
    )
    assert [(one.name, one.file, one.line) for one in config.rules] == [
        ("m", "m", 3),
        ("a", "a", 2),
        ("c", "c", 1),
        ("b", "b", 2),
    ]
    assert config.files == ("m", "a", "c", "b")


def test_lists_of_all_files_are_known_to_the_rules_of_all() -> None:
    config = loaded(
        {
            "m": "version: 1\ninclude: [a, b]\n"
            "rules: [{name: m, match: {client: $office, site: $ours}, action: keep}]\n",
            "a": "networks: {office: [10.0.0.0/8, private]}\n",
            "b": "sites: {ours: '*.Example.org'}\n"
            "rules: [{name: b, match: {destination: [$office, $ours]}, action: block}]\n",
        }
    )
    assert [one.match for one in config.rules] == [
        Match(site=("*.example.org",), client=(ip_network("10.0.0.0/8"), "private")),
        Match(destination=(ip_network("10.0.0.0/8"), "private", "*.example.org")),
    ]
    assert mistakes(
        {"m": "version: 1\ninclude: a\nsites: {x: a.org}\n", "a": "sites: {x: b.org}"}
    ) == ["a:1:9: two lists are named 'x'; the other one is at m:3"]


@pytest.mark.parametrize("include", ["include:\n", "include: []\n", ""])
def test_nothing_included(include: str) -> None:
    assert loaded({"m": "version: 1\n" + include}).files == ("m",)


def test_a_file_that_is_missing_is_told_where_it_was_asked_for() -> None:
    assert mistakes({"m": "version: 1\ninclude:\n  - a\n", "b": ""}) == [
        "m:3:5: include: a cannot be read: No such file or directory"
    ]


def test_a_cycle_is_named_as_a_chain() -> None:
    files = {"m": "version: 1\ninclude: a\n", "a": "include: [b]\n", "b": "include: [a]\n"}
    assert mistakes(files) == ["b:1:11: include: a would include itself: a → b → a"]
    files = {"m": "version: 1\ninclude: a\n", "a": "include: m\n"}
    assert mistakes(files) == ["a:1:10: include: m would include itself: m → a → m"]
    assert mistakes({"m": "version: 1\ninclude: m\n"}) == [
        "m:2:10: include: m would include itself: m → m"
    ]


def test_a_file_is_included_once() -> None:
    files = {"m": "version: 1\ninclude: [a, b]\n", "a": rule("a"), "b": "include: a\n"}
    assert mistakes(files) == [
        "b:1:10: include: a is included already, at m:2; a file is included once"
    ]


def test_each_mistake_names_its_file() -> None:
    files = {
        "m": "version: 1\nmode: monitr\ninclude: [a, b, c, d]\n" + rule("one"),
        "a": "mode: monitor\n" + rule("one"),
        "b": "rules: [\n",
        "c": "",
        "d": "version: 2\nrules: [{name: x, match: {client: 10.0.0.1/8}, action: keep}]\n",
    }
    assert mistakes(files) == [
        "m:2:7: mode is one of enforce, monitor, found 'monitr'; did you mean 'monitor'?",
        "a:1:1: unknown key 'mode'; known are version, include, networks, sites, rules",
        "a:2:16: two rules are named 'one'; the other one is at m:4",
        "b:2:1: not YAML: the file ends here, and a bracket is still open",
        "c: the file is empty; it begins with `version: 1`",
        "d:1:10: version is 1: the only shape of this file that there is",
        "d:2:35: rules[0].match.client is an address, a network such as 10.0.0.0/8 or a scope such "
        "as private, found '10.0.0.1/8': host bits are set; did you mean 10.0.0.0/8?",
    ]


def test_the_depth_is_bounded() -> None:
    files = {"m": "version: 1\ninclude: f0\n"}
    files |= {f"f{place}": f"include: f{place + 1}\n" for place in range(20)}
    assert mistakes(files) == ["f7:1:10: include: f8 is more than 8 files deep"]


def test_the_number_is_bounded() -> None:
    files = {"m": f"version: 1\ninclude: [{', '.join(f'f{place}' for place in range(102))}]\n"}
    files |= {f"f{place}": rule(f"r{place}") for place in range(102)}
    told = mistakes(files)
    assert [one.partition("include: ")[2] for one in told] == [
        f"f{place} is one file too many; 100 can be included" for place in (100, 101)
    ]


def test_the_size_is_bounded() -> None:
    filled = "# " + "x" * 3_000_000 + "\n"
    files = {"m": f"version: 1\ninclude: [a, b]\n{filled}", "a": rule("a") + filled, "b": rule("b")}
    assert mistakes(files) == ["m:2:11: include: a: the files have more than 4 MiB together"]


def test_without_a_reader_nothing_is_included() -> None:
    with pytest.raises(ConfigError, match="m:2:10: include: a: files cannot be included here"):
        load("version: 1\ninclude: a\n", "m")


@pytest.mark.parametrize(
    ("include", "told"),
    [
        ("[[a]]", "11: include[0] is the name of a file, found a list"),
        ("{a: b}", "10: include is the name of a file, found keys"),
        ('["a\\0"]', "11: include[0] is the name of a file, found 'a\\x00'"),
        ("[*a]", "11: an alias (*a) is not used here; write the value out, or name a list under "
         "`networks` or `sites` and write $NAME"),
        ("[~]", "11: include[0] is the name of a file, found nothing"),
    ],
)  # fmt: skip
def test_names(include: str, told: str) -> None:
    assert mistakes({"m": f"version: 1\ninclude: {include}\n"}) == [f"m:2:{told}"]
