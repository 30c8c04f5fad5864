"""What a release contains, as a CycloneDX document (``make sbom``).

The tool (cyclonedx-py) lists the entries of the lock file that the product needs at run time. What it says of where
they come from is this machine's business and left out; which of them needs which is added.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.version import __version__
from scripts.audit import OURS, ROOT, required
from scripts.lockfile import needed, pins

VERSION: Final = "1.6"
"""Of the CycloneDX specification."""


def runtime(project: Mapping[str, Any]) -> dict[str, set[str]]:
    """What the product needs, directly or not: canonical name → what that needs in turn."""
    return needed(project["project"]["dependencies"], required)


def listed(lock: str, names: Iterable[str], pyproject: Path) -> dict[str, Any]:
    """What the tool says of some entries of a lock file."""
    with tempfile.TemporaryDirectory() as directory:
        chosen, out = Path(directory) / "requirements.txt", Path(directory) / "sbom.json"
        locked = pins(lock)
        chosen.write_text("".join(f"{locked[name].text}\n" for name in sorted(names)))
        command = [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(chosen)),
            *("--pyproject", str(pyproject), "--mc-type", "application", "--output-reproducible"),
            *("--sv", VERSION, "--of", "JSON", "-o", str(out)),
        ]
        subprocess.run(command, check=True)
        document: dict[str, Any] = json.loads(out.read_text())
        return document


def finished(document: dict[str, Any], needs: Mapping[str, set[str]], direct: Iterable[str]) -> dict[str, Any]:
    """The document without the addresses of registries, with the graph of dependencies, named by package URLs."""
    components = {component["name"]: component for component in document["components"]}
    root = document["metadata"]["component"]
    root["version"] = __version__  # pyproject.toml leaves it to the build
    root["bom-ref"] = root["purl"] = f"pkg:pypi/{root['name']}@{root['version']}"
    for own in (root, *document["metadata"]["tools"]["components"]):
        own.pop("externalReferences", None)
    for component in components.values():
        component["bom-ref"] = component["purl"]
        component.pop("description", None)
        for reference in component["externalReferences"]:  # of the files, whose hashes are told
            reference |= {"url": component["purl"], "comment": "files that the lock allows"}
    ref = {name: component["bom-ref"] for name, component in components.items()}
    document["dependencies"] = [
        {"ref": root["bom-ref"], "dependsOn": sorted(ref[name] for name in direct)},
        *({"ref": ref[name], "dependsOn": sorted(ref[inner] for inner in needs[name])} for name in sorted(ref)),
    ]
    return document


def check(document: dict[str, Any], names: Iterable[str]) -> None:
    """Raises ValueError unless the document fits the specification and lists exactly these distributions."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = json.dumps(document)
    if error := JsonStrictValidator(SchemaVersion.from_version(VERSION)).validate_str(text):
        raise ValueError(f"not a CycloneDX document: {error}")
    told, wanted = {component["name"] for component in document["components"]}, set(names)
    if told != wanted:
        raise ValueError(f"too much: {sorted(told - wanted)}, missing: {sorted(wanted - told)}")
    if "://" in text.replace(document["$schema"], ""):
        raise ValueError("it names an address")


def make() -> dict[str, Any]:
    """The checked document of this tree."""
    pyproject = ROOT / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text())
    needs = runtime(project)
    direct = needed(project["project"]["dependencies"], lambda _: ())
    document = finished(listed((ROOT / "requirements.lock").read_text(), needs, pyproject), needs, direct)
    check(document, needs)
    return document


def main() -> int:
    """Writes ``dist/pulumi-rewind-<version>.cdx.json``, or the file that is named."""
    document = make()
    name = f"{OURS}-{document['metadata']['component']['version']}.cdx.json"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    print(f"{path.name}: {len(document['components'])} distributions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
