"""What a target would newly make the engine do: each kind is found, and no secret is told."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ASSET, SIG
from pulumi_rewind.trust.effects import names_a_place
from pulumi_rewind.trust.targets import (
    Finding,
    config_findings,
    findings,
    secrets_finding,
)
from tests.support.checkpoints import checkpoint, provider, res, secret, urn, used

Inputs = dict[str, Any]
SECRET_URL = "https://hidden.example/token-Jk3"


def found(target: Checkpoint, live: Checkpoint, *, here: bool = False, **how: Any) -> dict[str, Finding]:
    return {one.code: one for one in findings(target, [live], lambda *_: here, **how)}


LIVE = checkpoint(provider(), used())


def test_what_live_does_already_is_nothing_new() -> None:
    assert found(LIVE, LIVE) == {}
    assert found(checkpoint(provider(), used(inputs={"size": 2})), LIVE) == {}


@pytest.mark.parametrize(
    ("inputs", "code", "target"),
    [
        ({"__internal": {"pluginDownloadURL": "http://evil.example/p"}}, "plugin-url", "http://evil.example/p"),
        ({"pluginDownloadURL": "http://evil.example/p"}, "plugin-url", "http://evil.example/p"),
        ({"__internal": {}, "pluginDownloadURL": "of its own"}, "setting", "of its own"),
        ({"__internal": '{"pluginDownloadURL": "http://x:pw@evil/p"}'}, "plugin-url", "http://[secret]@evil/p"),
        ({"__internal": {"envVarMappings": {"TOKEN": "HTTPS_PROXY"}}}, "variables", "TOKEN as HTTPS_PROXY"),
        ({"version": "2.0.0"}, "package-version", "2.0.0"),
        ({"endpoints": '[{"s3": "http://evil.example"}]'}, "setting", '[{"s3": "http://evil.example"}]'),
        ({"skipTlsVerify": "true"}, "setting", "true"),
        ({"account": "evil.example:8443"}, "setting", "evil.example:8443"),
        ({"kubeconfig": secret("apiVersion: v1")}, "setting", "[secret]"),
    ],
)  # fmt: skip
def test_providers(inputs: Inputs, code: str, target: str) -> None:
    got = found(checkpoint(provider(**inputs), used()), LIVE)
    assert list(got) == [code]
    assert got[code].target == target
    assert "prov" in got[code].what


def test_a_parameterization_is_named_by_its_digest() -> None:
    internal = {"name": "bridge", "version": "1.0.0", "parameterization": "eyJ1cmwiOiAieCJ9"}
    got = found(checkpoint(provider(__internal=internal), used()), LIVE)
    assert got["parameterization"].target.startswith("cloud 1.0.0, sha256 ")
    assert got["package"].target == "bridge 1.0.0"  # the plugin that carries it
    other = checkpoint(provider(__internal={**internal, "parameterization": "eyJ1cmwiOiAieSJ9"}), used())
    assert list(found(other, checkpoint(provider(__internal=internal), used()))) == ["parameterization"]
    extended = {"e": {"name": "more", "version": "1", "value": "eA=="}}
    target = checkpoint(provider(), used(extensionRef="e"), extensions=extended)
    assert found(target, LIVE)["parameterization"].target.startswith("more 1, sha256 ")


def test_a_version_that_is_installed_is_nothing_new_and_a_package_is() -> None:
    newer = checkpoint(provider(version="2.0.0"), used())
    assert found(newer, LIVE, here=True) == {}
    assert not found(newer, LIVE)["package-version"].needs_confirmation(own=False)
    other = checkpoint(provider(), used(), provider("o", "other"), used("x", "o", "other"))
    assert list(found(other, LIVE, here=True)) == ["package"]
    # Without a provider in the checkpoint the engine takes the package that the type names.
    assert found(checkpoint(provider(), used(), res("x", "evil:index:R")), LIVE)["package"].target == "evil"


def test_settings_are_compared_with_all_of_live_and_secrets_are_not_told() -> None:
    live = checkpoint(provider(endpoint="https://one"), provider("two", endpoint=secret(SECRET_URL)), used())
    assert found(checkpoint(provider(endpoint=SECRET_URL), used()), live) == {}
    got = found(checkpoint(provider(endpoint=secret("https://two.example")), used()), live)["setting"]
    assert (got.what, got.live, got.target) == ("endpoint of prov, cloud", "https://one, [secret]", "[secret]")
    assert "two.example" not in repr(got) + got.text + got.key
    same = found(checkpoint(provider(endpoint=secret("https://two.example")), used()), LIVE)["setting"]
    other = found(checkpoint(provider(endpoint=secret("https://three.example")), used()), LIVE)["setting"]
    assert same.digest("dev") == got.digest("dev") != other.digest("dev")


def test_default_providers_are_configured_by_the_configuration_unless_the_target_becomes_the_state() -> None:
    target = checkpoint(
        {**provider("default_1_0_0", endpoint="https://evil"), "parent": ""}, used(by="default_1_0_0")
    )  # fmt: skip
    assert found(target, LIVE) == {}
    assert list(found(target, LIVE, whole=True)) == ["setting"]


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_code_of_dynamic_providers(side: str) -> None:
    kind = "pulumi-python:dynamic:Resource"
    live = checkpoint(res("file", kind, inputs={"__provider": secret("gASV-one")}))
    more = res("more", kind, **{side: {"__provider": secret("gASV-two")}})
    target = checkpoint(res("file", kind, inputs={"__provider": "gASV-one"}), more)
    got = found(target, live)
    assert list(got) == ["provider-code"]
    assert got["provider-code"].what == "more"
    assert "gASV" not in repr(got)
    escaped = msgspec.Raw(json.dumps({"x": 1}).replace('"x": 1', '"\\u005f_provider": "gASV-three"').encode())
    entry = msgspec.structs.replace(live.resources[1], inputs=escaped)
    deployment = msgspec.structs.replace(live.deployment, resources=(live.resources[0], entry))
    assert list(found(Checkpoint(live.raw, deployment), live)) == ["provider-code"]


def test_remote_content_also_in_secrets_and_charts() -> None:
    asset = {SIG: ASSET, "hash": "ab", "uri": "http://evil.example/x"}
    assert found(checkpoint(provider(), used(inputs={"a": [asset]})), LIVE)["remote-content"].target == asset["uri"]
    hidden = found(checkpoint(provider(), used(inputs={"a": secret(asset)})), LIVE)["remote-content"]
    assert hidden.target == "[secret]"
    live = checkpoint(provider(), used(inputs={"a": asset}))
    assert found(checkpoint(provider(), used(), used("two", inputs={"b": {**asset, "hash": "cd"}})), live) == {}
    chart = res("chart", "kubernetes:helm.sh/v3:Release", inputs={"repositoryOpts": {"repo": "https://charts.evil"}})
    plain = res("chart", "kubernetes:helm.sh/v3:Release", inputs={"chart": "nginx"})
    assert list(found(checkpoint(chart), checkpoint(plain))) == ["remote-content"]


def test_stack_references_snippets_and_key_services() -> None:
    reference = "pulumi:pulumi:StackReference"
    target = checkpoint(res("o", reference, inputs={"name": "evil/net/prod"}), provider(), used())
    assert found(target, LIVE)["stack-reference"].target == "evil/net/prod"
    own = checkpoint(res("o", reference, inputs={"name": "organization/net/prod"}), provider(), used())
    assert found(own, LIVE) == {}
    snippet = checkpoint(provider(), used(), snippets=[{"id": "s", "source": "resource x"}])
    assert (list(found(snippet, LIVE)), list(found(snippet, LIVE, whole=True))) == ([], ["snippet"])

    def keys(kind: str, **state: str) -> Checkpoint:
        return checkpoint(secrets_providers={"type": kind, "state": state})

    kms = keys("cloud", url="awskms://one", encryptedkey="a")
    assert secrets_finding(kms, keys("cloud", url="awskms://one", encryptedkey="b")) is None
    assert secrets_finding(keys("passphrase", salt="v1:x"), kms) is None
    got = secrets_finding(keys("cloud", url="hashivault://evil"), kms)
    assert got is not None
    assert (got.live, got.target) == ("cloud awskms://one", "cloud hashivault://evil")


def test_only_what_a_selection_registers_counts() -> None:
    target = checkpoint(provider(endpoint="https://evil"), used(), res("x", "t:m:R"))
    assert list(found(target, checkpoint(provider(), used(), res("x", "t:m:R")))) == ["setting"]
    assert found(target, LIVE, chosen=frozenset({urn("x")})).keys() == {"package"}
    old = checkpoint(provider(), used(), {**used("old", inputs={"__provider": "x"}), "delete": True})
    assert (found(old, LIVE), list(found(old, LIVE, whole=True))) == ({}, ["provider-code"])


def test_configuration() -> None:
    sealed = {"secure": "v1:abc"}
    values = {"aws:endpoints": "http://evil", "aws:region": "eu", "app:urls": sealed, "app:host": None, "app:url": "u"}
    got = {one.what: one for one in config_findings(values, {"aws:endpoints": "http://own", "app:url": "u"})}
    assert {what: (one.live, one.target) for what, one in got.items()} == {
        "aws:endpoints": ("http://own", "http://evil"), "app:urls": ("", "[secret]"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("region", "eu-west-1", False), ("size", "1.27.3-gke.100", False), ("profile", "main", False), ("x", 5, False),
        ("baseUrl", "", True), ("proxy_host", "x", True), ("tlsCACert", "", True), ("insecure", True, True),
        ("x", "10.0.0.1", True), ("x", "localhost:80", True), ("x", '{"a": "ftp://x"}', True), ("x", "[::1]:80", True),
        ("x", "a" * 100_000, False), ("x", "a." * 50_000, False),
    ],
)  # fmt: skip
def test_what_names_a_place(key: str, value: object, place: bool) -> None:
    assert names_a_place(key, value) is place
