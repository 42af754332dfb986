"""kustomize makes every folder's objects, and each is decoded strictly into the type of its own API."""

from .common import BUILT, DEPLOY, ROOT, Failure, go_environment, run, say

KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"
SOURCE = ROOT / "scripts/deployment_steps/strict_decode"


def check(_options):
    environment = go_environment(GOBIN=str(BUILT / "bin"))
    kustomize = BUILT / "bin/kustomize"
    if not kustomize.exists():
        say("  building kustomize")
        run(["go", "install", KUSTOMIZE], env=environment)
    decode = BUILT / "bin/strict-decode"
    run(["go", "build", "-trimpath", "-o", decode, "."], cwd=SOURCE, env=environment)
    folders = sorted(file.parent for file in (DEPLOY / "kubernetes").glob("*/kustomization.yaml"))
    if not folders:
        raise Failure("deploy/kubernetes has no kustomization")
    for folder in folders:
        say(f"  {folder.name}: {run([decode], input=run([kustomize, 'build', folder])).strip()}")
    secrets = (DEPLOY / "kubernetes/secret.example.yaml").read_text()
    say(f"  secret.example.yaml: {run([decode], input=secrets).strip()}")
    say(f"  docker-compose.yml: {run([decode, '--compose', ROOT / 'docker-compose.yml']).strip()}")
