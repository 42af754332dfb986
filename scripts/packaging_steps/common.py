"""What all packages share: version, date, places, and how a command is run."""

import os
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET_DIRECTORY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PACKAGES = TARGET_DIRECTORY / "packages"
PACKAGE = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
VERSION = PACKAGE["version"]
TARGET = "x86_64-unknown-linux-musl"
# Longer than the demo takes on a busy machine.
PATIENCE_SECONDS = 600


class Failure(Exception):
    """Why there is no package, in words for the person who runs the script."""


def say(text):
    print(text, flush=True)


def run(command, remedy="", **options):
    """The standard output of a command that must end with 0."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError as error:
        raise Failure(f"{error.filename} is not installed. {remedy}") from error
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Failure(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{last}\n{remedy}".rstrip())
    return done.stdout


def commit_time():
    """Seconds since 1970 that stand in every archive, so that two builds of one commit give the same bytes."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    return int(run(["git", "log", "-1", "--format=%ct"], cwd=ROOT))


def check_demo(output):
    """The demo ends with 0 only when its ledger balances and every score came back; this names what was seen."""
    line = next((line for line in output.splitlines() if "ledger" in line.lower()), "")
    say(f"    demo: {line.strip() or 'done'}")
