"""A Python wheel that holds nothing but the program: `pip install` copies it to where Python's commands are.

The format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import hashlib
import os
import pathlib
import stat
import sys
import tempfile
import time
import zipfile

from . import elf, licences
from .common import PACKAGE, PACKAGES, PATIENCE_SECONDS, ROOT, VERSION, check_demo, commit_time, run, say

NAME = "judged"
INFO = f"{NAME}-{VERSION}.dist-info"


def pack(program):
    tags = platforms(program)
    wheel = PACKAGES / f"{NAME}-{VERSION}-py3-none-{'.'.join(tags)}.whl"
    files = {
        f"{NAME}-{VERSION}.data/scripts/{NAME}": (program.read_bytes(), 0o755),
        f"{INFO}/METADATA": (metadata().encode(), 0o644),
        f"{INFO}/WHEEL": (description(tags).encode(), 0o644),
        f"{INFO}/licenses/LICENSE": ((ROOT / "LICENSE").read_bytes(), 0o644),
        f"{INFO}/licenses/THIRD-PARTY-LICENSES": (licences.third_party().encode(), 0o644),
    }
    files[f"{INFO}/RECORD"] = (record(files).encode(), 0o644)
    when = time.gmtime(commit_time())[:6]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, when)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    say(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def platforms(program):
    """Where the program runs. A static one runs on every Linux that pip has a name for; another needs its glibc."""
    if elf.interpreter(program) is None:
        return ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"]
    major, minor = elf.least_glibc(program)
    return [f"manylinux_{major}_{minor}_x86_64"]


def metadata():
    headers = {
        "Metadata-Version": "2.4",
        "Name": NAME,
        "Version": VERSION,
        "Summary": PACKAGE["description"],
        "License-Expression": PACKAGE["license"],
        "License-File": "LICENSE",
        "Requires-Python": ">=3.8",
        "Description-Content-Type": "text/markdown",
    }
    lines = [f"{name}: {value}" for name, value in headers.items()] + ["License-File: THIRD-PARTY-LICENSES"]
    return "\n".join(lines) + "\n\n" + (ROOT / "README.md").read_text()


def description(tags):
    lines = ["Wheel-Version: 1.0", "Generator: judged scripts/release", "Root-Is-Purelib: false"]
    return "\n".join(lines + [f"Tag: py3-none-{tag}" for tag in tags]) + "\n"


def record(files):
    """Path, digest and size of every file; of the record itself the path alone."""

    def line(name, content):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return f"{name},sha256={digest},{len(content)}\n"

    return "".join(line(name, content) for name, (content, _) in files.items()) + f"{INFO}/RECORD,,\n"


def try_in_fresh_environment(wheel):
    with tempfile.TemporaryDirectory(prefix="judged-wheel.") as folder:
        home = pathlib.Path(folder)
        run([sys.executable, "-m", "venv", home / "venv"], remedy="On Debian: apt-get install python3-venv")
        pip = [home / "venv" / "bin" / "python", "-m", "pip", "--isolated", "--disable-pip-version-check"]
        say("  in a fresh virtual environment:")
        begun = time.monotonic()
        run([*pip, "install", "--no-index", wheel])
        say(f"    pip install: {time.monotonic() - begun:.1f} s")
        run([*pip, "check"])
        program = home / "venv" / "bin" / NAME
        options = {"env": {"TMPDIR": folder}, "cwd": folder, "timeout": PATIENCE_SECONDS}
        say(f"    {run([program, '--version'], **options).strip()}")
        check_demo(run([program, "demo", "--out", home / "demo"], **options))
        run([*pip, "uninstall", "--yes", NAME])
        if os.path.exists(program):
            raise RuntimeError("pip uninstall left the program behind: RECORD is wrong")
