"""shellcheck on every shell script of the repository."""

from .common import ROOT, run, say, tool


def check(_options):
    tracked = run(["git", "ls-files", "scripts", "deploy", "findings", ".ci"], cwd=ROOT).splitlines()
    files = [ROOT / name for name in tracked]
    scripts = [file for file in files if file.is_file() and is_shell(file)]
    run([tool("shellcheck", "shellcheck"), "--severity=warning", *scripts])
    say(f"  {len(scripts)} scripts")


def is_shell(file):
    with file.open("rb") as text:
        first = text.readline()
    return first.startswith(b"#!") and b"sh" in first.split(b"/")[-1]
