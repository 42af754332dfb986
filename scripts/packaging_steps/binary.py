"""The static program, and an archive of it."""

import gzip
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from . import elf, licences
from .common import (
    PACKAGES,
    PATIENCE_SECONDS,
    ROOT,
    TARGET,
    TARGET_DIRECTORY,
    VERSION,
    Failure,
    check_demo,
    commit_time,
    run,
    say,
)


def build(profile):
    require_toolchain()
    say(f"building for {TARGET} with the profile `{profile}` …")
    command = ["cargo", "build", "--locked", "--bin", "judged", "--profile", profile, "--target", TARGET]
    command += ["--features", "kafka-vendored"]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, "CC_x86_64_unknown_linux_musl": "musl-gcc"}).returncode != 0:
        raise Failure("the build failed")
    return TARGET_DIRECTORY / TARGET / ("debug" if profile == "dev" else profile) / "judged"


def require_toolchain():
    if not shutil.which("musl-gcc"):
        raise Failure("musl-gcc is not installed; on Debian: apt-get install musl-tools")
    installed = run(["rustc", "--print", "target-libdir", "--target", TARGET]).strip()
    if not pathlib.Path(installed).is_dir():
        raise Failure(f"Rust cannot build for {TARGET}; run: rustup target add {TARGET}")


def require_version(program, version):
    found = run([program, "--version"]).strip()
    if found != f"judged {version}":
        raise Failure(f"{program} says `{found}`, but Cargo.toml says {version}")


def pack(program):
    """The archive: the program, its licences, and a configuration to start from."""
    if loader := elf.interpreter(program):
        raise Failure(f"{program} is not static: it asks for the loader {loader}")
    name = f"judged-{VERSION}-x86_64-linux"
    archive = PACKAGES / f"{name}.tar.gz"
    files = {
        "judged": (program.read_bytes(), 0o755),
        "LICENSE": ((ROOT / "LICENSE").read_bytes(), 0o644),
        "THIRD-PARTY-LICENSES": (licences.third_party().encode(), 0o644),
        "judged.example.toml": ((ROOT / "judged.example.toml").read_bytes(), 0o644),
        "judged.service": ((ROOT / "deploy" / "systemd" / "judged.service").read_bytes(), 0o644),
    }
    when = commit_time()
    with open(archive, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=when) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for file, (content, mode) in files.items():
                entry = tarfile.TarInfo(f"{name}/{file}")
                entry.size, entry.mode, entry.mtime = len(content), mode, when
                tar.addfile(entry, io.BytesIO(content))
    say(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return archive


def try_in_empty_root(archive):
    """Starts the program where there is nothing else: no libraries, no certificates, no shell."""
    with tempfile.TemporaryDirectory(prefix="judged-empty-root.") as folder:
        root = pathlib.Path(folder)
        with tarfile.open(archive) as tar:
            tar.extract(next(entry for entry in tar if entry.name.endswith("/judged")), root)
        shutil.move(next(root.glob("*/judged")), root / "judged")
        (root / "tmp").mkdir()
        enter = ["chroot", folder] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot", folder]
        say("  in an empty root:")
        options = {"env": {"PATH": os.environ["PATH"]}, "timeout": PATIENCE_SECONDS}
        say(f"    {run([*enter, '/judged', '--version'], **options).strip()}")
        check_demo(run([*enter, "/judged", "demo", "--out", "/tmp/demo"], **options))
