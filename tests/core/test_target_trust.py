"""What a target would newly make the engine do: found, shown, and agreed to before anything is started."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind import consent
from pulumi_rewind.backends import custody
from pulumi_rewind.choices import Choices
from pulumi_rewind.consent import agree, consented
from pulumi_rewind.effects import names_a_place
from pulumi_rewind.engine_options import kept, told
from pulumi_rewind.model import Checkpoint, Update
from pulumi_rewind.plan import Risk
from pulumi_rewind.resuming import state_target
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.target_trust import (
    Finding,
    UntrustedTarget,
    config_findings,
    findings,
    program_finding,
    secrets_finding,
)
from pulumi_rewind.targets import Target, resolve_target
from pulumi_rewind.trust import Trust
from pulumi_rewind.up.flags import given_options
from pulumi_rewind.values import ASSET, SECRET, SIG
from tests.support import pretended
from tests.support.checkpoints import checkpoint, res, urn
from tests.support.filestack import FileStack

Inputs = dict[str, Any]
SECRET_URL = "https://hidden.example/token-Jk3"


def provider(name: str = "prov", package: str = "cloud", **inputs: Any) -> dict[str, Any]:
    return res(name, f"pulumi:providers:{package}", inputs={"version": "1.0.0", **inputs})


def used(name: str = "web", by: str = "prov", package: str = "cloud", **fields: Any) -> dict[str, Any]:
    reference = f"{urn(by, f'pulumi:providers:{package}')}::{by}-id"
    return res(name, f"{package}:index:Thing", provider=reference, **fields)


def secret(value: object) -> dict[str, str]:
    return {SIG: SECRET, "plaintext": json.dumps(value)}


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
    assert not found(newer, LIVE)["package-version"].needs_yes(own=False)
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


# -- whose it is, and the yes ------------------------------------------------------------------------------------------


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """Two updates: the first with another endpoint; nothing is signed by time, all files are of just after it."""
    made = FileStack(tmp_path)
    made.env["XDG_STATE_HOME"] = str(tmp_path / "xdg")
    kind = "pulumi:providers:cloud"
    for endpoint in ("https://old", "https://now"):
        inputs = {"version": "1.0.0", "endpoint": endpoint}
        made.update(made.resource("prov", inputs, kind))
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for number in (1, 2):
        settle(made, number)
    return made


def settle(stack: FileStack, number: int, after: int = 15) -> None:
    """Dates the files of an update to some seconds after its start."""
    for path in (stack.checkpoint_file(number), stack.record_file(number)):
        moment = int(path.name.split("-")[1].split(".")[0]) + after * 1_000_000_000
        os.utime(path, ns=(moment, moment))


def opened(stack: FileStack, **environ: str) -> Session:
    return open_session(stack.work, stack.name, environ={**stack.env, **environ})


def ask(session: Session, target: Target | None = None, **how: Any) -> tuple[Risk, ...]:
    target = target or resolve_target(session.timeline, "#1")
    choices = how.pop("choices", Choices())
    plain = target.checkpoint or session.timeline.checkpoint(target.update.number)
    return consented(session, target, session.timeline.live(), plain, choices, **how)


def test_on_an_own_backend_it_is_only_shown(stack: FileStack) -> None:
    (risk,) = ask(opened(stack))
    assert (risk.code, risk.blocking) == ("unlike-live", False)
    assert "endpoint of prov, cloud): https://old; live: https://now" in risk.message


def share(mode: int) -> Callable[[FileStack], None]:
    def change(stack: FileStack) -> None:
        stack.history.chmod(mode)

    return change


def shared_file(stack: FileStack) -> None:
    stack.checkpoint_file(1).chmod(0o664)


def edited(stack: FileStack) -> None:
    os.utime(stack.checkpoint_file(1))


def shared_root(stack: FileStack) -> None:
    stack.state.chmod(0o777)


CHANGES: Mapping[str, Callable[[FileStack], None]] = {
    "its group may write": share(0o775),
    "everybody on this machine may write": share(0o757),
    "may write": shared_file,
    "was written again": edited,
    "may write /": shared_root,
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_others_may_have_written_needs_a_yes_once(stack: FileStack, reason: str) -> None:
    CHANGES[reason](stack)
    with pytest.raises(UntrustedTarget) as raised:
        ask(opened(stack))
    error = raised.value
    assert (error.exit_code, error.label, [one.code for one in error.findings]) == (3, "#1", ["setting"])
    assert reason in error.reason
    assert "endpoint of prov, cloud): https://old; live: https://now" in str(error)
    assert "--trust-target" in error.hint
    agree(opened(stack), error.findings)
    (risk,) = ask(opened(stack))
    assert risk.code == "unlike-live"
    changed = stack.checkpoint_file(1).read_text().replace("https://old", "https://evil")
    stack.checkpoint_file(1).write_text(changed)
    with pytest.raises(UntrustedTarget, match="https://evil"):
        ask(opened(stack))


def test_a_yes_is_for_one_stack(stack: FileStack) -> None:
    got = program_finding("a" * 40, "")
    agree(opened(stack), [got])
    trust = Trust.of(opened(stack))
    assert trust.has(got.digest("shop/dev"))
    assert not trust.has(got.digest("shop/prod"))


def test_a_new_place_of_a_plugin_needs_a_yes_also_on_an_own_backend(stack: FileStack) -> None:
    path = stack.checkpoint_file(1)
    path.write_text(path.read_text().replace('"endpoint":', '"__internal": {"pluginDownloadURL": "http://own"}, "x":'))
    settle(stack, 1)
    with pytest.raises(UntrustedTarget) as raised:
        ask(opened(stack))
    assert [one.code for one in raised.value.findings] == ["plugin-url"]
    assert "others may have written it" not in str(raised.value)


def test_a_record_is_never_ones_own(stack: FileStack, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(stack)
    history = session.timeline.history
    monkeypatch.setattr(type(history), "touched", lambda *_: "it comes from a record in git")
    with pytest.raises(UntrustedTarget, match="it comes from a record in git"):
        ask(session)


def test_the_state_just_before_an_update_needs_no_yes(stack: FileStack) -> None:
    stack.history.chmod(0o777)
    session = opened(stack)
    before = session.timeline.checkpoint(1)
    assert ask(session, state_target(session.timeline, before, 1, "the state before #2")) == ()
    resolved = resolve_target(session.timeline, "#1")
    assert ask(session, replace(resolved, known=before), settings={"a:url": "http://x"}) == ()
    with pytest.raises(UntrustedTarget):
        ask(session, replace(resolved, known=session.timeline.checkpoint(2)))


def test_configuration_and_program_of_the_target(stack: FileStack) -> None:
    stack.history.chmod(0o777)
    session = opened(stack)
    with pytest.raises(UntrustedTarget) as raised:
        ask(session, settings={"cloud:config:url": "http://evil"}, today={"cloud:url": "http://own"})
    assert [one.code for one in raised.value.findings] == ["setting", "configuration"]
    stack.git("init", "-q")
    stack.git("commit", "-q", "--allow-empty", "-m", "one")
    head = stack.git("rev-parse", "HEAD")
    stack.git("commit", "-q", "--allow-empty", "-m", "two")
    program = Choices(strategy="program")
    assert ask(opened(stack), choices=program, commit=head) == ()
    stack.git("checkout", "-q", "--orphan", "other")
    stack.git("commit", "-q", "--allow-empty", "-m", "three")
    with pytest.raises(UntrustedTarget, match=f"commit {head[:12]}"):
        ask(opened(stack), choices=program, commit=head)


def test_a_selection_and_todays_credentials_are_what_counts(stack: FileStack) -> None:
    session = opened(stack)
    target = resolve_target(session.timeline, "#1")

    def said(then: Inputs, choices: Choices) -> list[str]:
        live = checkpoint(provider(kubeconfig=secret("of today"), password=secret("p"), host="a"), used(), res("x"))
        plain = checkpoint(provider(**then), used(), res("x", inputs={"size": 2}))
        return [risk.message for risk in consented(session, target, live, plain, choices)]

    rotated = {"kubeconfig": secret("of that time"), "host": "a"}
    assert said(rotated, Choices()) == []  # the run has today's
    (message,) = said(rotated, Choices(recorded_credentials=True))
    assert "kubeconfig of prov, cloud" in message
    assert len(said({"host": "b"}, Choices())) == 1
    assert said({"host": "b"}, Choices(only=("x",))) == []


def test_secrets_do_not_get_into_what_is_said(stack: FileStack) -> None:
    session = opened(stack)
    live = session.timeline.live()
    hidden = checkpoint(provider(password=secret("hunter2-and-more"), endpoint="https://hunter2-and-more.example"))
    target = resolve_target(session.timeline, "#1")
    (risk,) = (one for one in consented(session, target, live, hidden, Choices()) if "endpoint" in one.message)
    assert "hunter2" not in risk.message


def test_another_key_service_is_asked_only_after_a_yes(stack: FileStack) -> None:
    pretended.program(stack.root / "bin", "v3.276.0")
    service = {"type": "cloud", "state": {"url": "hashivault://evil", "encryptedkey": "x"}}
    inputs = {"p": {SIG: SECRET, "ciphertext": "v1:a:b"}}
    stack.checkpoint_file(1).write_bytes(stack.checkpoint([stack.resource("a", inputs)], secrets_providers=service))
    session = opened(stack)
    session.vault.attempts(session.timeline.checkpoint(1))  # nobody else can have written it
    stack.history.chmod(0o777)
    with pytest.raises(UntrustedTarget, match="hashivault://evil") as raised:
        session.vault.decrypt(session.timeline.checkpoint(1), session.stack)
    agree(session, raised.value.findings)
    session.vault.attempts(session.timeline.checkpoint(1))
    stack.history.chmod(0o755)
    stack.live_file.write_text("{")  # what the state strategy is for
    again = opened(stack)
    again.vault.attempts(again.timeline.checkpoint(1))


def test_a_group_of_ones_own_is_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o775)
    assert "its group may write" in custody.shared([tmp_path])
    monkeypatch.setattr(custody, "_ours_alone", lambda group: group == tmp_path.stat().st_gid)
    assert custody.shared([tmp_path]) == ""
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, -1)
        assert "belongs to another user" in custody.shared([tmp_path / "gone", tmp_path])


def test_variables_that_contradict_a_plan_are_left_out_and_told() -> None:
    environ = {
        "PULUMI_OPTION_TARGET": "urn", "PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "1",
        "PULUMI_DEBUG_GRPC": "", "PULUMI_CONTINUE_ON_ERROR": "false", "PULUMI_LEGACY_PROVIDER_PREVIEW": "true",
        "PULUMI_CONFIG_PASSPHRASE": "hush", "PATH": "/bin",
    }  # fmt: skip
    assert kept(environ).keys() == {
        "PULUMI_EXPERIMENTAL", "PULUMI_DEBUG_GRPC", "PULUMI_CONFIG_PASSPHRASE", "PATH",
    }  # fmt: skip
    said = list(told(environ))
    assert [text.split()[0] for text in said] == [
        "flags", "PULUMI_EXPERIMENTAL", "PULUMI_LEGACY_PROVIDER_PREVIEW", "PULUMI_SKIP_CHECKPOINTS",
    ]  # fmt: skip
    assert "PULUMI_OPTION_TARGET" in said[0]
    assert "hush" not in "".join(said)
    # The operator's own update is run as they say, but for what would lose the state.
    assert given_options(environ).keys() == {
        "PULUMI_OPTION_TARGET", "PULUMI_CONTINUE_ON_ERROR", "PULUMI_LEGACY_PROVIDER_PREVIEW",
    }  # fmt: skip


def test_a_plan_tells_of_the_environment(stack: FileStack) -> None:
    said = [risk.message for risk in ask(opened(stack, PULUMI_DEV="1")) if risk.code == "environment"]
    assert said == ["PULUMI_DEV is set: features for developing the engine are on"]


def test_nothing_is_looked_at_where_nothing_is_new(stack: FileStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "doubt", lambda *_: pytest.fail("looked"))
    session = opened(stack)
    live = session.timeline.live()
    target = Target(Update(number=2, kind="update", result="succeeded"), "2", "")
    assert consented(session, target, live, live, Choices()) == ()
