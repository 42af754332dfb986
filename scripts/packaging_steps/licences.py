"""The licence texts of everything that is linked into the program."""

import json
import pathlib

from .common import ROOT, TARGET, run

RUNTIME = """judged contains the following software, linked into one program.

Beside the crates below: the Rust standard library (MIT OR Apache-2.0, the Rust project's contributors), and in the static program
musl (MIT, copyright 2005-2020 Rich Felker, et al.).
"""
NAMES = ("license", "licence", "copying", "notice", "unlicense", "copyright")


def third_party():
    """Every different text once, after the crates that it belongs to."""
    crates_of = {}
    for package in linked_packages():
        for text in texts_of(package):
            crates_of.setdefault(text, []).append(f"{package['name']} {package['version']} ({package['license']})")
    parts = [RUNTIME]
    for text, crates in sorted(crates_of.items(), key=lambda item: item[1]):
        parts.append("=" * 100 + "\n" + "\n".join(sorted(set(crates))) + "\n\n" + text.strip() + "\n")
    return "\n".join(parts)


def linked_packages():
    metadata = json.loads(
        run(["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET], cwd=ROOT)
    )
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    linked, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        node = nodes[waiting.pop()]
        for dependency in node["deps"]:
            # Only what is linked: neither tests nor build scripts.
            if dependency["pkg"] not in linked and any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                linked.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((p for p in metadata["packages"] if p["id"] in linked), key=lambda package: package["name"])


def texts_of(package):
    """The licence files of a crate; a crate that ships none is named with its SPDX expression alone."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name.lower().startswith(NAMES)]
    texts = [file.read_text(errors="replace") for file in files]
    return texts or [f"No licence file comes with this crate; it is published under: {package['license']}"]
