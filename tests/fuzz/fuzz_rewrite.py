"""One process of libFuzzer over ring 2, guided by the coverage of `rtcguard.signaling` and `.ice`.

Started by `python -m tests.fuzz`: `fuzz_rewrite.py FINDINGS ARGUMENTS_OF_LIBFUZZER...`. A case that
breaks an invariant is written to the folder of findings, one for each cause, and the run goes on;
what takes too long or too much memory ends it, with libFuzzer's own file in the same folder.
"""

import hashlib
import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rtcguard.signaling", "rtcguard.ice"]):
    import rtcguard.signaling

    assert rtcguard.signaling

from tests.fuzz import checks, seeds

_MOST_FINDINGS = 100


def cause(error: Exception, case: checks.Case) -> str:
    """Cases of one cause are told once: where it was raised, or what broke in which framing."""
    if isinstance(error, checks.Broken):
        return f"{error} in {' in '.join(reversed(case.layers[:1])) or 'any bytes'}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.name}:{frame.lineno}"


def fuzz(findings: Path, arguments: list[str]) -> None:
    known: set[str] = set()

    def test(data: bytes) -> None:
        case = seeds.case_of(data)
        if case is None or len(known) >= _MOST_FINDINGS:
            return
        try:
            checks.judge(case)
        except Exception as error:  # every error of the rewriter is a finding
            problem = cause(error, case)
            if problem not in known:
                known.add(problem)
                name = hashlib.sha256(problem.encode()).hexdigest()[:12]
                case.write(findings / f"{name}.json", problem)
                sys.stderr.write(f"FOUND {name}: {problem}\n")

    seeds.written()
    atheris.Setup([sys.argv[0], *arguments], test)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(Path(sys.argv[1]), sys.argv[2:])
