"""Objects of a Kubernetes cluster as they are compared: without what is another with every creation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pulumi_rewind.demo.control_plane import ControlPlane

KINDS = "deploy,sts,svc,cm,secret,ingress,cronjob,job,hpa,pdb,pvc,role,rolebinding,netpol,quota,sa"
"""Kinds of objects in a namespace."""
_SUFFIX = re.compile(r"-[0-9a-f]{8}\b")
_UID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_PASSING = ("clusterIP", "clusterIPs", "volumeName", "healthCheckNodePort")
_NOT_OURS = ("kube-root-ca.crt", "default")
"""What the cluster puts into every namespace by itself."""


def objects(plane: ControlPlane, namespace: str, kinds: str = KINDS) -> dict[str, str]:
    """The objects of a namespace by kind and name, each as its content without ids, addresses and random suffixes."""
    found = json.loads(plane.kubectl("get", kinds, "-n", namespace, "-o", "json"))["items"]
    return by_name(
        item
        for item in found
        if item["metadata"]["name"] not in _NOT_OURS and not item["metadata"]["name"].startswith("sh.helm.")
    )


def by_name(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The content of objects by kind and name; of two whose names differ by a suffix alone, the second is ``… 2``."""
    found: dict[str, str] = {}
    for name, text in sorted((f"{item['kind']} {plain(item['metadata']['name'])}", content(item)) for item in items):
        count = sum(other == name or other.startswith(f"{name} ") for other in found)
        found[f"{name} {count + 1}" if count else name] = text
    return found


def content(item: dict[str, Any]) -> str:
    """What of an object has to be as it was: its spec, or data, and its labels and annotations."""
    about = item["metadata"]
    kept: dict[str, Any] = {
        key: item[key] for key in ("spec", "data", "rules", "subjects", "roleRef", "type") if key in item
    }
    kept["labels"] = about.get("labels", {})
    kept["annotations"] = {
        key: text for key, text in about.get("annotations", {}).items() if not key.startswith(("deployment.", "pv."))
    }
    return plain(json.dumps(_settled(kept), sort_keys=True))


def plain(text: str) -> str:
    """A text without uids and without the suffixes of names that the provider makes."""
    return _UID.sub("uid", _SUFFIX.sub("-x", text))


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "n" if key == "nodePort" else _settled(one) for key, one in value.items() if key not in _PASSING}
    return [_settled(one) for one in value] if isinstance(value, list) else value
