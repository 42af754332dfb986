"""systemd's own reading of the unit, with a program in place of the one that is not installed."""

import pathlib
import tempfile

from .common import DEPLOY, Failure, run, say, tool


def check(_options):
    analyze = tool("systemd-analyze", "systemd")
    text = (DEPLOY / "systemd/judged.service").read_text()
    with tempfile.TemporaryDirectory(prefix="judged-unit.") as folder:
        unit = pathlib.Path(folder) / "judged.service"
        unit.write_text(text.replace("/usr/local/bin/judged", "/bin/true"))
        complaints = run([analyze, "verify", unit]).strip()
        if complaints:
            raise Failure(f"systemd-analyze verify: {complaints}")
        # Offline it counts what the unit says; 10 is no protection at all.
        exposure = run([analyze, "security", "--offline=true", "--threshold=20", unit]).strip().splitlines()[-1]
    say(f"  {exposure.strip('→ ')}")
