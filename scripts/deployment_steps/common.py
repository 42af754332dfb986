"""What all steps share: places, how a command is run, and how a tool is found."""

import os
import pathlib
import shutil
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
# What was built once is used again.
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "deployment"


class Failure(Exception):
    """What does not hold, in words for the person who runs the script."""


def say(text):
    print(text, flush=True)


def run(command, **options):
    """The output of a command that must end with 0."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise Failure(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{last}")
    return done.stdout + done.stderr


def tool(name, package):
    """Where a program is; Debian's package is installed where that is possible."""
    if not shutil.which(name):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise Failure(f"{name} is not installed (Debian: {package})")
        say(f"  installing Debian's package {package}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update"], env=environment)
        run(["apt-get", "install", "-y", "--no-install-recommends", package], env=environment)
    return shutil.which(name)


def go_environment(**more):
    if not shutil.which("go"):
        raise Failure("Go is not installed")
    return {**os.environ, "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", **more}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
