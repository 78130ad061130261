"""Any bytes are a configuration, or a mistake that names its file; never anything else."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from rtcguard.errors import ConfigError
from rtcguard.policy import yaml_nodes
from rtcguard.policy.include import Source
from rtcguard.policy.load import load_files
from rtcguard.policy.model import Config
from tests.policy import table

CONFIGS = Path(__file__).parents[2] / "configs"
SEEDS = [file.read_bytes() for file in sorted(CONFIGS.glob("*.yaml"))]
SEEDS += [b"version: 1\n" + piece.content.encode() for piece in table.pieces()]
WORDS = [
    b"version: 1",
    b"\n",
    b"\t",
    b" ",
    b"- ",
    b": ",
    b"? ",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"*a",
]
WORDS += [
    b"&a ",
    b"!t ",
    b"!!str ",
    b"<<: ",
    b"|",
    b">",
    b'"',
    b"'",
    b"#",
    b"%",
    b"---\n",
    b"...\n",
]
WORDS += [
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"${HOME}",
    b"~",
    b"\r",
]
WORDS += [
    b"rules:",
    b"match:",
    b"include: a",
    b"relay:",
    b"10.0.0.0/8",
    b"9" * 40,
    b"\\ud800",
    b"@",
]


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A configuration, good or bad, with some places overwritten, cut or filled in."""
    content = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = begin + draw(st.integers(0, 12))
        piece = draw(st.sampled_from(WORDS) | st.binary(max_size=3) | st.sampled_from(SEEDS))
        content = content[:begin] + piece + content[end:]
    return content


def judged(content: bytes | str) -> Config | None:
    def read(name: str, file: str) -> list[Source]:
        """Whatever is included is the same bytes again."""
        return [Source(f"{name}!", name, content)]

    try:
        config = load_files(Source("f.yaml", "f.yaml", content), read, {"HOME": "/root"})
    except ConfigError as error:
        assert error.mistakes
        for mistake in error.mistakes:
            assert mistake.file == "f.yaml" or mistake.file.endswith("!")
            assert mistake.line >= 0
            assert mistake.message
            assert "\n" not in str(mistake)
        return None
    assert isinstance(config, Config)
    return config


@given(changed() | st.binary(max_size=80) | st.lists(st.sampled_from(WORDS)).map(b"".join))
@example(b"version: 1\nmode: |\n  a\n  b\n")
@example(b"? |\n  a\n: 1\n")
@example(b'version: 1\n"a\\nb": 1\n')
@example(b'version: 1\ninclude: "a\\nb"\n')
@example(b"&a\xc2\x85 b: 1")
def test_bytes(content: bytes) -> None:
    judged(content)


@given(st.text(alphabet="version: 1\n-[]{}&*a'\"|>#!%\t?,rules", max_size=60) | st.text())
def test_text(content: str) -> None:
    judged(content)
    judged(f"version: 1\n{content}")


@given(changed())
def test_without_libyaml(content: bytes) -> None:
    """PyYAML's own parser, where libyaml is not there, gives the same configuration."""
    fast = judged(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_nodes, "_LOADER", yaml.SafeLoader)
        slow = judged(content)
    if fast is not None and slow is not None:
        assert fast == slow


def test_libyaml_is_there() -> None:
    """The lines in mistakes.txt are made of its words, and the file is read in time by it alone."""
    assert yaml.__with_libyaml__
