"""`python -m tests.fuzz --seconds 20`, `--seconds 3600`, or without `--seconds` until interrupted.

Exit 1 if something was found. `--adopt FOLDER` takes findings into the regression tests.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOUND = Path(__file__).parent / "found"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0"}  # a seed gives the same messages each time


def main() -> int:
    options = parse()
    if options.adopt:
        for path in sorted(options.adopt.glob("*.json")):
            shutil.copy(path, FOUND / path.name)
        return 0
    findings: Path = options.findings or Path(tempfile.mkdtemp(prefix="rtcguard-fuzz-"))
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    with tempfile.TemporaryDirectory() as scratch:
        corpus = options.corpus or Path(scratch, "corpus")
        ended = run(options, findings, corpus, Path(scratch))
    found = sorted(set(findings.iterdir()) - before)
    for path in found:
        known = json.loads(path.read_text()) if path.suffix == ".json" else {}
        sys.stdout.write(f"{path}: {known.get('problem', 'ended the run')}\n")
    if ended and not found:
        sys.stdout.write(f"the fuzzer ended with {ended}\n")
    return 1 if found or ended else 0


def run(options: argparse.Namespace, findings: Path, corpus: Path, scratch: Path) -> int:
    from tests.fuzz import seeds

    corpus.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds.inputs()):
        (corpus / f"seed-{index:03}").write_bytes(data)
    words = scratch / "words"
    words.write_text("".join(f'"{word}"\n' for word in seeds.WORDS), encoding="ascii")
    arguments = [
        *(f"-seed={options.seed}", f"-max_total_time={options.seconds}", f"-dict={words}"),
        *(f"-max_len={options.largest}", f"-artifact_prefix={findings}/"),
        f"-runs={options.runs}",
        *("-timeout=60", "-rss_limit_mb=3072", "-verbosity=1", "-print_final_stats=1"),
    ]
    command = [sys.executable, "-m", "tests.fuzz.fuzz_rewrite", findings, *arguments, corpus]
    try:
        return subprocess.run(
            list(map(str, command)), cwd=ROOT, env=ENVIRONMENT, check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=0, help="0: until interrupted")
    parser.add_argument("--runs", type=int, default=-1, help="messages; -1: any number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--largest", type=int, default=8192, help="bytes of a message")
    parser.add_argument("--findings", type=Path, help="a folder; else a new temporary one")
    parser.add_argument("--corpus", type=Path, help="kept between runs; else a temporary one")
    parser.add_argument("--adopt", type=Path, metavar="FOLDER", help="findings to keep as tests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
