"""Certificates, names, passwords and files by five Terraform providers behind Pulumi's bridge; 39 to 52 resources."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID, NameOID

from pulumi_rewind.state.values import reveal
from scripts.real import BRIDGE
from tests.real.real_stack import RealStack
from tests.real.shop import Shop

SERVERS = ("web", "api", "worker")
KEPT = ("web", "api")
"""Servers that every version has: their keys and passwords stay the same ones."""
PUBLIC = PublicFormat.SubjectPublicKeyInfo


class PkiShop(Shop):
    """See ``stacks/pki``; version 4 writes a file where none can be, after it has replaced others."""

    title = "PKI by bridged providers"
    groups = "bridged"
    only = ("inventory", "order", "later")

    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""
        world = self.world
        self.out = world.folder / "out"
        """Where the program writes its files: they hold private keys on purpose, so that is outside of the stack."""
        self.out.mkdir()
        stack = RealStack(world.folder / "stack", world.engine, "pki", world.built, {"terraform-provider": BRIDGE})
        self.write(stack)
        stack.config_set("out", str(self.out))
        stack.hide("token", "t0ken-of-the-inventory")
        stack.make_versions(1, 2, 3, 4)
        return stack

    def write(self, stack: RealStack) -> None:
        """Changes the project before its versions are committed."""

    def in_part(self, name: str) -> bool:
        """The inventory has the order and the date of the version before, and the names and numbers of today."""
        return name in {"inventory order", "inventory later"}

    def lose(self) -> list[str]:
        """A random id with what depends on it, an inventory that these providers can't import: it is written anew."""
        self.forget("brand")
        return ["brand"]

    def forget(self, name: str) -> None:
        """Takes a resource out of the state, with everything that depends on it."""
        urn = self.entries()[name]["urn"]
        self.stack.pulumi("state", "delete", urn, "--target-dependents", "--yes", "-s", self.stack.name)

    def drift(self) -> None:
        """An editor changes one file, somebody deletes two others."""
        with (self.out / "web.pem").open("a") as file:
            file.write("# edited by hand\n")
        (self.out / "api.json").unlink()
        (self.out / "inventory.json").unlink()

    def use(self) -> None:
        """Private keys and passwords that the providers have made are secrets that no file of the stack may hold."""
        for entry in self.entries().values():
            if entry["type"].endswith(":PrivateKey"):
                pem = entry["outputs"]["privateKeyPem"]
                inside = base64.b64encode(pem.encode()).decode()
                self.stack.secrets += [pem.splitlines()[1], inside[80:160]]

    def outdated(self) -> frozenset[str]:
        """Files with a digest that is not of today's certificate, or with four letters that are not today's suffix."""
        entries, found = self.entries(), set()
        for name in SERVERS:
            if (file := self.out / f"{name}.sha256").exists():
                digest = hashlib.sha256(self.leaf(name).encode()).hexdigest()
                found |= {f"{name}-sum.content"} if file.read_text() != digest else set()
            if (file := self.out / f"{name}.bucket").exists():
                bucket = f"shoplogs{entries[f'{name}-suffix']['outputs']['result']}"
                found |= {f"{name}-bucket.content"} if file.read_text() != bucket else set()
        return frozenset(found)

    # -- reality ------------------------------------------------------------------------------------------------

    def reality(self) -> dict[str, str]:
        """Every file as openssl and JSON read it, and whether the state says the same.

        Left out: what another creation makes another, which is the material of new keys, serial numbers, random names.
        """
        entries = self.entries()
        facts = {f"file {path.name}": "there" for path in self.out.iterdir()}
        for name, entry in entries.items():
            if is_file(entry):
                facts[f"{name} in the state"] = self.as_in_the_state(entry)
        authority = entries["root-cert"]["outputs"]["certPem"]
        for name in SERVERS:
            if f"{name}-cert" in entries:
                facts |= self.server(name, authority, entries)
        return facts | self.inventory(entries) | self.rest(entries)

    def entries(self) -> dict[str, dict[str, Any]]:
        """The resources of the state by name, secrets in plain text."""
        found = {urn.split("::")[-1]: res for urn, res in self.stack.resources().items()}
        return {
            name: {**res, "inputs": reveal(res.get("inputs", {})), "outputs": reveal(res.get("outputs", {}))}
            for name, res in found.items()
        }

    def as_in_the_state(self, entry: Mapping[str, Any]) -> str:
        """Whether a file is what the state says, which counts it by its digest."""
        outputs = entry["outputs"]
        content = outputs.get("content") or outputs.get("sensitiveContent")
        path = Path(outputs["filename"])
        if not path.exists():
            return "gone"
        same = path.read_text() == content and hashlib.sha1(content.encode()).hexdigest() == entry["id"]
        return "the same" if same else "other content"

    def leaf(self, name: str) -> str:
        """The first certificate in a server's file, as text."""
        return first_pem((self.out / f"{name}.pem").read_text())

    def server(self, name: str, authority: str, entries: Mapping[str, Any]) -> dict[str, str]:
        """A server's certificate, key, and the files that were made of them."""
        if not all((self.out / f"{name}{end}").exists() for end in (".pem", ".key", ".json", ".bucket")):
            return {f"{name} files": "not all there"}
        leaf, key = self.leaf(name), (self.out / f"{name}.key").read_text()
        conf = json.loads((self.out / f"{name}.json").read_text())
        password = entries[f"{name}-pw"]["outputs"]["result"]
        facts = {
            "chain": self.verified(leaf, authority),
            "certificate": described(leaf),
            "authority": yes((self.out / f"{name}.pem").read_text() == leaf + authority),
            "key fits": yes(public_of_key(key) == public_of_certificate(leaf)),
            "json server": conf["server"],
            "json certificate": yes(conf["cert"] == leaf),
            "json key": yes(base64.b64decode(conf["key64"]).decode() == key),
            "json password": yes(conf["password"] == password),
            "json id": yes(conf["id"] == entries[f"{name}-id"]["outputs"]["hex"]),
            "cloud-init": yes(textwrap.indent(leaf, "      ") in (self.out / f"{name}.cloud-init.yaml").read_text()),
        }
        if name in KEPT:
            facts |= {
                "key": digest(key),
                "password": digest(password),
                "bucket": (self.out / f"{name}.bucket").read_text(),
            }
        return {f"{name} {what}": text for what, text in facts.items()}

    def verified(self, leaf: str, authority: str) -> str:
        """What openssl says of a chain."""
        folder = self.world.folder / "chain"
        folder.mkdir(exist_ok=True)
        (folder / "ca.pem").write_text(authority)
        (folder / "leaf.pem").write_text(leaf)
        command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), str(folder / "leaf.pem")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        shutil.rmtree(folder)
        return (done.stdout + done.stderr).replace(str(folder), "").strip()

    def inventory(self, entries: Mapping[str, Any]) -> dict[str, str]:
        """The file that names all others, by part."""
        if not (file := self.out / "inventory.json").exists():
            return {}
        found = json.loads(file.read_text())
        hexes = [entries[f"{name}-id"]["outputs"]["hex"] for name in KEPT]
        began, rotates = (datetime.fromisoformat(entries[name]["outputs"]["rfc3339"]) for name in ("started", "rotate"))
        assert abs(rotates - began) < timedelta(hours=12)
        facts = {
            "fleet": yes(found["fleet"] == entries["fleet"]["id"]),
            "port": yes(found["port"] == entries["port"]["outputs"]["result"]),
            "order": " ".join(found["order"]),
            "order of the state": yes(found["order"] == entries["order"]["outputs"]["results"]),
            "rotates after": str((datetime.fromisoformat(found["rotate"]) - rotates).days),
            "token": digest(found["token"]),
            "later": found["later"],
            "brand": found["brand"],
            "brand of the state": yes(found["brand"] == entries["brand"]["outputs"]["hex"]),
            "servers": yes(found["servers"] == hexes),
        }
        return {f"inventory {what}": text for what, text in facts.items()}

    def rest(self, entries: Mapping[str, Any]) -> dict[str, str]:
        """What is no file: a date that stays, triggers, the stack's outputs."""
        port = entries["port"]["outputs"]["result"]
        triggers = entries["reload"]["inputs"]["triggers"]
        exported = next(res["outputs"] for res in entries.values() if res["type"] == "pulumi:pulumi:Stack")
        expected = {
            "fleet": entries["fleet"]["id"],
            "ca": entries["root-cert"]["outputs"]["certPem"],
            "web_password": entries["web-pw"]["outputs"]["result"],
            "port": port,
        }
        return {
            "started": entries["started"]["outputs"]["rfc3339"],
            "settled for the port": yes(float(entries["settle"]["inputs"]["triggers"]["port"]) == port),
            "reloaded for the inventory": yes(triggers["inventory"] == entries["inventory"]["id"]),
            "release": triggers["release"],
            "names of the fleet": str(len(entries["fleet"]["id"].split("-"))),
            "exported": " ".join(sorted(name for name, value in expected.items() if exported[name] == value)),
        }


def is_file(entry: Mapping[str, Any]) -> bool:
    """Whether a resource is a file."""
    return bool(entry["type"] == "local:index/file:File")


def yes(fact: bool) -> str:
    """A fact as text."""
    return "yes" if fact else "no"


def digest(text: str) -> str:
    """Tells a secret from another one without showing it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_pem(text: str) -> str:
    """The first block of a file of several."""
    end = "-----END CERTIFICATE-----\n"
    return text[: text.index(end) + len(end)]


def public_of_key(pem: str) -> bytes:
    """The public part of a private key."""
    return load_pem_private_key(pem.encode(), None).public_key().public_bytes(Encoding.DER, PUBLIC)


def public_of_certificate(pem: str) -> bytes:
    """The key that a certificate is for."""
    return x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(Encoding.DER, PUBLIC)


def described(pem: str) -> str:
    """What a certificate says, without its key, serial number and dates."""
    found = x509.load_pem_x509_certificate(pem.encode())
    names = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    issuer = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    hours = (found.not_valid_after_utc - found.not_valid_before_utc) // timedelta(hours=1)
    signed = found.signature_algorithm_oid._name
    return f"{', '.join(names.get_values_for_type(x509.DNSName))} by {issuer!s}, {signed}, {hours} h"
