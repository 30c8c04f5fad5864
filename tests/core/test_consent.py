"""Whose a target is, and the yes to what it would newly use, before anything is started; the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.engine.environment import engine_environ, environment_notes
from pulumi_rewind.guard import consent
from pulumi_rewind.guard.consent import agree, consented
from pulumi_rewind.history.targets import Target, resolve_target
from pulumi_rewind.risk import Risk
from pulumi_rewind.rollback.resuming import state_target
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import Update
from pulumi_rewind.state.values import SECRET, SIG
from pulumi_rewind.system import ownership as custody
from pulumi_rewind.trust.targets import (
    UntrustedTarget,
    program_finding,
)
from pulumi_rewind.up.flags import given_options
from tests.support import pretended
from tests.support.checkpoints import checkpoint, provider, res, secret, used
from tests.support.filestack import FileStack

Inputs = dict[str, Any]


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
    "its group can write": share(0o775),
    "every user of this machine can write": share(0o757),
    "can write": shared_file,
    "was changed": edited,
    "can write /": shared_root,
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
    trust = opened(stack).trust
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
    assert "its group can write" in custody.shared([tmp_path])
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
    assert engine_environ(environ).keys() == {
        "PULUMI_EXPERIMENTAL", "PULUMI_DEBUG_GRPC", "PULUMI_CONFIG_PASSPHRASE", "PATH",
    }  # fmt: skip
    said = list(environment_notes(environ))
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
    monkeypatch.setattr(consent, "untrusted_reason", lambda *_: pytest.fail("looked"))
    session = opened(stack)
    live = session.timeline.live()
    target = Target(Update(number=2, kind="update", result="succeeded"), "2", "")
    assert consented(session, target, live, live, Choices()) == ()
