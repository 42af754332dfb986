"""promtool on the alert rules, on their tests, and on the scrape configuration."""

import pathlib
import tempfile

from .common import DEPLOY, run, say, tool


def check(_options):
    promtool = tool("promtool", "prometheus")
    folder = DEPLOY / "prometheus"
    say(f"  {run([promtool, 'check', 'rules', folder / 'alerts.yml']).split('SUCCESS: ')[-1].strip()}")
    run([promtool, "test", "rules", folder / "tests/alerts.test.yml"])
    say("  their tests hold")
    with tempfile.TemporaryDirectory(prefix="judged-prometheus.") as temporary:
        # It wants the file with the token to be there.
        token = pathlib.Path(temporary) / "token"
        token.write_text("token")
        scrape = pathlib.Path(temporary) / "prometheus.yml"
        text = (folder / "prometheus.yml").read_text()
        text = text.replace("/etc/prometheus/judged-token", str(token)).replace("alerts.yml", str(folder / "alerts.yml"))
        scrape.write_text(text)
        run([promtool, "check", "config", scrape])
    say("  the scrape configuration loads")
