"""Make the samples anew: `python tests/data/make/make.py [FAMILY]...` (as root, for namespaces).

The packages of package.json are installed in a folder outside the checkout, named by
SAMPLES_NODE, and the makers are copied there, so that nothing of theirs is ever committed.
A family that is made anew replaces its entries in the manifest, and leaves all others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from net import namespaces

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "samples"
MANIFEST = SAMPLES / "manifest.yaml"
BUILD = Path(os.environ.get("SAMPLES_NODE", Path(tempfile.gettempdir()) / "rtcguard-samples"))
# In the order in which they need each other: the rest carries what the browsers wrote.
FAMILIES = {
    "browser": "browsers.mjs",
    "peers": "peers.mjs",
    "peers-python": "peers.py",
    "clients": "clients.mjs",
    "framings": "framings.mjs",
    "binary": "binary.mjs",
    "binary-python": "binary.py",
    "http": "http.mjs",
    "services": "services.mjs",
    "servers": "servers.mjs",
    "unchanged": "unchanged.mjs",
}
NETWORKED = {"browser", "peers", "peers-python", "clients"}
KEYS = (
    "file", "family", "format", "direction", "kind", "content_type", "subprotocol", "source",
    "reader", "client", "relays", "servers", "unchanged", "note",
)  # fmt: skip
HEADER = "# Written by tests/data/make/make.py. What each key means: tests/data/README.md\n"


def install() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_bytes()
    done = BUILD / "installed.json"
    if not done.exists() or done.read_bytes() != wanted:
        shutil.copy(HERE / "package.json", BUILD)
        # Install scripts build what a prebuilt file replaces, or fetch from elsewhere.
        options = ["--ignore-scripts", "--legacy-peer-deps", "--no-package-lock", "--no-audit"]
        subprocess.run(["npm", "install", *options], cwd=BUILD, check=True)
        done.write_bytes(wanted)
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, BUILD)
    shutil.copytree(HERE / "pages", BUILD / "pages", dirs_exist_ok=True)


def run(family: str) -> list[dict[str, Any]]:
    script = FAMILIES[family]
    entries = BUILD / f"{family}.jsonl"
    entries.write_text("")
    environment = os.environ | {"SAMPLES": str(SAMPLES), "ENTRIES": str(entries)}
    argv = ["node", script] if script.endswith(".mjs") else [sys.executable, str(HERE / script)]
    if family in NETWORKED:
        with namespaces(BUILD) as client:
            subprocess.run([*client, *argv], cwd=BUILD, env=environment, check=True)
    else:
        subprocess.run(argv, cwd=BUILD, env=environment, check=True)
    return [json.loads(line) | {"family": family} for line in entries.read_text().splitlines()]


def ordered(entry: dict[str, Any]) -> dict[str, Any]:
    unknown = entry.keys() - set(KEYS)
    if unknown:
        raise SystemExit(f"{entry['file']}: unknown keys {sorted(unknown)}")
    return {key: entry[key] for key in KEYS if key in entry}


def write(entries: list[dict[str, Any]]) -> None:
    files = [entry["file"] for entry in entries]
    twice = {file for file in files if files.count(file) > 1}
    if twice:
        raise SystemExit(f"written twice: {sorted(twice)}")
    body = yaml.safe_dump(
        [ordered(entry) for entry in entries], sort_keys=False, allow_unicode=True, width=98
    )
    MANIFEST.write_text(HEADER + body, encoding="utf-8")


def main(families: list[str]) -> None:
    install()
    for family in families or list(FAMILIES):
        made = run(family)
        known = yaml.safe_load(MANIFEST.read_text(encoding="utf-8")) if MANIFEST.exists() else []
        kept = [entry for entry in known or [] if entry["family"] != family]
        for gone in {e["file"] for e in known or []} - {e["file"] for e in kept + made}:
            (SAMPLES / gone).unlink(missing_ok=True)
        order = list(FAMILIES)
        write(sorted(kept + made, key=lambda entry: order.index(entry["family"])))
        sys.stdout.write(f"{family}: {len(made)} samples\n")


if __name__ == "__main__":
    main(sys.argv[1:])
