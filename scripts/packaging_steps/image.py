"""The container image, around the program that is in the other packages too."""

import pathlib
import shutil
import tempfile

from .common import PATIENCE_SECONDS, ROOT, VERSION, Failure, check_demo, commit_time, run, say


def require_engine():
    try:
        run(["docker", "info"])
    except Failure as failure:
        raise Failure(
            f"the image needs a Docker engine with BuildKit, and none answers here:\n{failure}\n"
            "Nothing was built. `scripts/release binary` and `scripts/release wheel` work without one."
        ) from failure


def build(program):
    """The Dockerfile's stage `build` is replaced by a folder with the program, so that nothing is compiled."""
    tag = f"judged:{VERSION}"
    with tempfile.TemporaryDirectory(prefix="judged-image.") as folder:
        shutil.copy(program, pathlib.Path(folder) / "judged")
        epoch = f"SOURCE_DATE_EPOCH={commit_time()}"
        run(["docker", "build", "--build-arg", epoch, "--build-context", f"build={folder}", "--tag", tag, ROOT])
    say(f"{tag}: {run(['docker', 'image', 'inspect', '--format', '{{.Id}}', tag]).strip()}")
    return tag


def try_it(tag):
    """As it is shipped: no network, a file system that cannot be written, a user without rights."""
    start = ["docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", tag]
    say("  in a container:")
    say(f"    {run([*start, '--version'], timeout=PATIENCE_SECONDS).strip()}")
    check_demo(run([*start, "demo", "--out", "/tmp/demo"], timeout=PATIENCE_SECONDS))
