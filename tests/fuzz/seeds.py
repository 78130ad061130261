"""What a fuzzing run starts from: real messages where there are some, else what clients write."""

from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.checks import Case
from tests.signaling.containers import COMPRESSING, LAYERS, wrap, writings
from tests.signaling.strategies import Written

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
STRUCTURED = 0x80  # in the first byte of an input: the rest is a recipe, and no message itself
_MOST_LAYERS = 4

# Words that coverage alone is slow to find.
WORDS = (
    *("candidate:", "a=candidate:", " typ ", "host", "srflx", "relay", " raddr ", " rport ", "v=0"),
    *(
        "c=IN IP4 ",
        "o=- 1 1 IN IP6 ",
        "a=rtcp:9 IN IP4 ",
        "a=ice-ufrag:",
        "10.0.0.1",
        "2001:db8::5",
    ),
    *("a.local", "\\\\u0063", '\\\\\\"', "%63", "%253A", "&#99;", "Y2FuZGlkYXRlOg", "63616e64"),
    *('\\"ip\\":', '\\"address\\":', '\\"port\\":', '\\"type\\":', "ip='", "<candidate "),
    *("\\x1f\\x8b\\x08", "\\x78\\x9c", "H4sI", "\\x0a\\x2a", "\\xff\\xfe", "c\\x00a\\x00", "\\x1e"),
)


@cache
def written() -> tuple[Written, ...]:
    """The same ones in every run."""
    found: list[Written] = []

    @seed(1)
    @settings(
        max_examples=120,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(writings)
    def collect(one: Written) -> None:
        found.append(one)

    collect()
    return tuple(found)


def case_of(data: bytes) -> Case | None:
    """An input as a case: the first byte says how it is meant."""
    if not data:
        return None
    flags, rest = data[0], data[1:]
    if not flags & STRUCTURED:
        direction = "inbound" if flags & 1 else "outbound"
        return Case(rest, direction, "monitor" if flags & 6 == 6 else "enforce")
    if len(rest) < 4:
        return None
    # A recipe: which one, two bytes of chance, the layers from the innermost outwards.
    one = written()[rest[0] % len(written())]
    layers = [LAYERS[byte % len(LAYERS)] for byte in rest[3 : 3 + _MOST_LAYERS]]
    if any(layer in COMPRESSING for layer in layers[:-1]):
        # What may stand around a rebuilt payload is a matter of the rewriter's own codecs.
        layers = [layer for layer in layers if layer not in COMPRESSING]
    carried = wrap(one, tuple(layers), int.from_bytes(rest[1:3]), plain=True)
    known = (tuple(sorted(carried.client)), tuple(sorted(carried.relays)))
    return Case(carried.content, "outbound", "enforce", *known, carried.names)


def inputs() -> list[bytes]:
    """The first corpus."""
    made = [bytes([0]) + path.read_bytes() for path in _samples()]
    for index, one in enumerate(written()[:40]):
        made.append(bytes([index & 1]) + one.text.encode())
    for index in range(len(LAYERS)):
        made.append(bytes([STRUCTURED, index, index, 7, index]))
        carried = wrap(written()[index], (LAYERS[index],), index)
        made.append(bytes([0]) + carried.content)
    return made


def _samples() -> list[Path]:
    if not SAMPLES.is_dir():
        return []
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    return [path for path in files if path.suffix not in (".yaml", ".md", ".py")]
