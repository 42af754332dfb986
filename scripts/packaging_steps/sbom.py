"""What the program is built of, as a CycloneDX document: every crate of the build with its version, licence and checksum."""

import json
import uuid

from .common import PACKAGES, ROOT, TARGET, VERSION, run, say


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    return json.loads(run(command, cwd=ROOT))


def built(metadata):
    """The packages that reach the program: neither what only tests nor what nobody needs on this platform."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    pending, reached = [metadata["resolve"]["root"]], set()
    while pending:
        at = pending.pop()
        if at in reached:
            continue
        reached.add(at)
        for dependency in nodes[at]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                pending.append(dependency["pkg"])
    return [package for package in metadata["packages"] if package["id"] in reached], nodes, reached


def checksums():
    """The checksums of Cargo.lock by name and version."""
    found, entry = {}, {}
    for line in (ROOT / "Cargo.lock").read_text().splitlines() + ["[[package]]"]:
        if line == "[[package]]":
            if "checksum" in entry:
                found[entry["name"], entry["version"]] = entry["checksum"]
            entry = {}
        elif " = " in line:
            key, value = line.split(" = ", 1)
            entry[key] = value.strip('"')
    return found


def document():
    packages, nodes, reached = built(metadata())
    sums, components, references = checksums(), [], {}
    for package in packages:
        references[package["id"]] = f"pkg:cargo/{package['name']}@{package['version']}"
    for package in sorted(packages, key=lambda package: references[package["id"]]):
        if package["source"] is None:
            continue
        component = {
            "type": "library",
            "bom-ref": references[package["id"]],
            "name": package["name"],
            "version": package["version"],
            "purl": references[package["id"]],
            "licenses": [{"expression": (package["license"] or "NOASSERTION").replace("/", " OR ")}],
        }
        if checksum := sums.get((package["name"], package["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
    depends = [
        {
            "ref": references[identity],
            "dependsOn": sorted({references[one["pkg"]] for one in nodes[identity]["deps"] if one["pkg"] in reached}),
        }
        for identity in sorted(reached, key=references.get)
    ]
    root = f"pkg:cargo/judged@{VERSION}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": "judged", "version": VERSION, "purl": root}},
        "components": components,
        "dependencies": depends,
    }


def write():
    path = PACKAGES / f"judged-{VERSION}.cdx.json"
    described = document()
    path.write_text(json.dumps(described, indent=1) + "\n")
    say(f"{path}: {len(described['components'])} crates")
    return path
