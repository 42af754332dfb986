"""Builds a Collector with the Collector's own builder from the modules that deploy/collector needs."""

import shutil

from .common import BUILT, ROOT, go_environment, run, say

SOURCE = ROOT / "scripts/deployment_steps/collector_source"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"


def build():
    """The program; minutes on the first run, nothing afterwards until a source changes."""
    folder = BUILT / "collector"
    program, built_from = folder / "otelcol", folder / "built-from"
    sources = "".join(file.read_text() for file in sorted(SOURCE.rglob("*.*")))
    if program.exists() and built_from.exists() and built_from.read_text() == sources:
        return program
    say("  building a Collector (10 minutes on two busy cores)")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder)
    environment = go_environment(GOBIN=str(BUILT / "bin"))
    run(["go", "install", BUILDER], env=environment)
    # No single release has every module, so the builder is told not to insist on one.
    options = ["--skip-compilation", "--skip-strict-versioning"]
    run([BUILT / "bin/builder", "--config", "builder.yaml", *options], cwd=folder, env=environment)
    run(["go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "."], cwd=folder / "build", env=environment)
    built_from.write_text(sources)
    return program
