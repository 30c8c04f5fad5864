"""What a session has met as a secret, and that whatever comes in from others passes the object that knows it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.backends.urls import secrets_of_url, shown_url
from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    HookEnded,
    HookLog,
    HookProgress,
    Progress,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    StepMetadata,
    StepState,
    without_quotes,
)
from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import EngineError, RewindError, SecretsError, TargetError
from pulumi_rewind.plan.planned_secrets import note_planned
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.replay.registering import Replay
from pulumi_rewind.secrets.known import KnownSecrets
from pulumi_rewind.secrets.passphrase import Passphrase
from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.state.values import MASK, SECRET, SIG
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.strategies.program.engine import preview_program
from tests.support.checkpoints import STACK, checkpoint, goal, res, urn
from tests.support.pretended import event_logger
from tests.support.sealing import Sealer

CANARY = "canary-hunter2/of+the=stack"
STACK_REF = StackRef("shop", "dev")
SEALER = Sealer("a passphrase of the tests")


def state(*secrets: Any, provider: Any = SEALER.provider) -> Any:
    inputs = {str(number): value for number, value in enumerate(secrets)}
    api = {"urn": urn("api"), "type": "t:m:R", "custom": True, "id": "1", "inputs": inputs, "outputs": {}}
    latest = {"manifest": {}, "secrets_providers": provider, "resources": [STACK, api]}
    raw = json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": latest}})
    return decode_checkpoint(raw.encode(), source="a test")


def vault(known: KnownSecrets, engine: Any = None) -> Vault:
    return Vault(lambda: engine, [Passphrase("a passphrase of the tests", "a test")], known=known)


# -- what the vault opens ---------------------------------------------------------------------------------------------


def test_whatever_the_vault_opens_is_known() -> None:
    """By which of its roads ever: whole states, one resource, what differs, bytes, a key, secrets sealed anew."""
    known = KnownSecrets()
    opener = vault(known)
    names = (
        "whole-state-1",
        "resource-2",
        "differing-old-3",
        "differing-new-4",
        "bytes-5",
        "by-the-key-6",
        "resealed-7",
    )
    whole, single, old, new, raw, key, resealed = names
    opener.decrypt(state(SEALER.secret({"deep": [whole]})), STACK_REF)
    one = state(SEALER.secret(single))
    opener.decrypt_resource(one, STACK_REF, one.by_urn[urn("api")])
    opener.decrypt_differing(state(SEALER.secret(old)), state(SEALER.secret(new)), STACK_REF)
    opener.plaintext(state(SEALER.secret(raw)), STACK_REF)
    opened = opener.key(state())
    assert opened is not None
    opened.open(SEALER.text(key.encode()))  # of a configuration: no JSON
    reseal = opener.resealer(SEALER.salt, state())
    assert reseal is not None
    reseal(SEALER.text(resealed.encode()))
    assert known(" ".join(names)) == " ".join([MASK] * len(names))


def test_what_the_cli_opens_is_known_and_what_lies_in_the_clear() -> None:
    known = KnownSecrets()
    clear = {SIG: SECRET, "plaintext": json.dumps("stored-in-the-clear")}
    exported = {"version": 3, "deployment": {"manifest": {}, "resources": [STACK, {
        "urn": urn("api"), "type": "t:m:R", "custom": True, "id": "1",
        "inputs": {"a": {SIG: SECRET, "plaintext": json.dumps("opened-by-the-cli")}}, "outputs": {}}]}}  # fmt: skip
    workspace = SimpleNamespace(environ={}, backend_url="file:///state")
    engine = SimpleNamespace(call=lambda *_, **__: json.dumps(exported).encode(), workspace=workspace)
    kms = {"type": "cloud", "state": {"url": "awskms://x", "encryptedkey": "k"}}
    vault(known, engine).decrypt(state({SIG: SECRET, "ciphertext": "v1:x:y"}, provider=kms), STACK_REF)
    vault(known).decrypt(state(clear, SEALER.secret("sealed-beside-it")), STACK_REF)
    assert known("opened-by-the-cli stored-in-the-clear sealed-beside-it") == f"{MASK} {MASK} {MASK}"


def test_the_secrets_of_a_reviewed_update_are_known(tmp_path: Path) -> None:
    """From the engine's plan; a first update has a salt in its configuration only."""
    plan = tmp_path / "plan.json"
    planned = {"inputDiff": {"adds": {"key": SEALER.secret("planned-hunter-2"), "size": "s"}}}
    plan.write_text(json.dumps({"resourcePlans": {urn("api"): {"goal": planned}}}))
    config = tmp_path / "Pulumi.dev.yaml"
    config.write_text(f"encryptionsalt: {SEALER.salt}\n")
    for provider in (SEALER.provider, None):
        known = KnownSecrets()
        session: Any = SimpleNamespace(
            vault=vault(known),
            stack=STACK_REF,
            workspace=SimpleNamespace(project="shop", config_file=lambda _: config),
        )
        note_planned(session, state(provider=provider), plan)
        assert known("rejected: planned-hunter-2") == f"rejected: {MASK}"
    note_planned(session, state(), tmp_path / "none.json")  # a preview that failed has left none


def test_the_secrets_of_an_old_program_are_known_from_its_preview(tmp_path: Path) -> None:
    """`--strategy program`: what it sends is in no state either."""
    known = KnownSecrets()

    def start(arguments: list[str], **_: object) -> Any:
        adds = {"inputDiff": {"adds": {"key": SEALER.secret("planned-hunter-2")}}}
        plan = Path(arguments[arguments.index("--save-plan") + 1])
        plan.write_text(json.dumps({"resourcePlans": {urn("api"): {"goal": adds}}}))
        return SimpleNamespace(events=lambda: iter(()), returncode=0, kill=lambda: None)

    session: Any = SimpleNamespace(
        vault=vault(known), stack=STACK_REF, workspace=SimpleNamespace(project="shop", environ={})
    )
    engine: Any = SimpleNamespace(version="3.276.0", start=start)
    config, quiet = tmp_path / "Pulumi.dev.yaml", lambda _: None
    preview_program(session, engine, config, state(), tmp_path, quiet, PreviewControl())
    assert known("rejected: planned-hunter-2") == f"rejected: {MASK}"


# -- the object itself ------------------------------------------------------------------------------------------------


def test_sources_are_asked_when_the_first_text_comes_and_once() -> None:
    asked = []

    def source() -> list[str]:
        asked.append(1)
        return [CANARY]

    def locked() -> list[str]:
        raise SecretsError("no passphrase")

    known = KnownSecrets()
    known.expect(source)
    known.expect(locked)
    assert known("") == ""
    assert not asked
    assert known(CANARY) == known(CANARY) == MASK
    assert asked == [1]
    known.expect(lambda: ["learned-later-on"])
    assert known(f"{CANARY} learned-later-on") == f"{MASK} {MASK}"


def test_nobody_waits_at_once_for_what_is_far_away() -> None:
    asked, released = threading.Event(), threading.Event()

    def far() -> list[str]:
        asked.set()
        assert released.wait(20)
        return [CANARY]

    known = KnownSecrets()
    known.expect(lambda: ["near-and-known"])
    known.expect(far, far=True)
    assert known.at_once(f"near-and-known {CANARY}") == f"{MASK} {CANARY}"
    assert not asked.is_set()
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(known(CANARY)), daemon=True)
    waiting.start()
    assert asked.wait(20)
    known.error(error := EngineError("near-and-known"), wait=False)
    assert str(error) == MASK
    assert waiting.is_alive(), "only it waits"
    released.set()
    waiting.join(20)
    assert found == [MASK] == [known.at_once(CANARY)]


def test_what_is_learned_later_is_added_and_nothing_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[int] = []
    real = Redactor.add

    def counted(self: Redactor, texts: Any) -> None:
        found = list(texts)
        added.append(len(found))
        real(self, found)

    monkeypatch.setattr(Redactor, "add", counted)
    known = KnownSecrets()
    for number in range(50):
        known.note(json.dumps(f"secret-number-{number:04}").encode())
        assert known(f"x secret-number-{number:04} y") == f"x {MASK} y"
    assert sum(added) <= 50 * 2  # a secret, and itself without white space


def test_the_names_of_stack_and_project_are_no_secrets() -> None:
    known = KnownSecrets(public=("prod",))
    known.note_texts(["prod", "other"])
    assert known("`resume prod` (other)") == f"`resume prod` ({MASK})"


@given(st.text(st.sampled_from("abcXYZ019"), min_size=4, max_size=30))
def test_a_masked_text_stays_as_it_is(secret: str) -> None:
    """Also where somebody's secret is the word that the mask is made of: texts pass more than one place."""
    known = KnownSecrets()
    known.note_texts([secret, "secret"])
    once = known(f"it says {secret}!")
    assert once == known(once) == f"it says {MASK}!"


def test_errors_are_masked_in_all_their_parts() -> None:
    known = KnownSecrets()
    known.note_texts([CANARY])
    error = EngineError(f"a {CANARY}", hint=f"b {CANARY}", output=f"c {CANARY}")
    error.whole, error.stuck = f"d {CANARY}", (f"e {CANARY}",)
    target = TargetError("f", candidates=(f"g {CANARY}",))
    target.__cause__ = cause = ValueError(f"h {CANARY}")
    known.error(error)
    known.error(target)
    parts = [str(error), error.hint, error.output, error.whole, *error.stuck, *target.candidates, str(cause)]
    assert parts == [f"{letter} {MASK}" for letter in "abcdegh"]


STEP = StepMetadata("update", urn("api"), new=StepState(init_errors=[f"not ready: {CANARY}"]))


@pytest.mark.parametrize(
    "event",
    [
        Diagnostic(f"x {CANARY}", "error"),
        Progress("1", f"x {CANARY}"),
        HookLog("f", f"x {CANARY}"),
        HookProgress("f", message=f"x {CANARY}"),
        HookEnded("f", "undo_delete", message=f"x {CANARY}"),
        ResourcePre(STEP),
        ResourceDone(STEP),
        ResourceFailed(STEP),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_quote_nothing(event: EngineEvent) -> None:
    clean = without_quotes(event, Redactor(more=[CANARY]))
    assert CANARY not in repr(clean)
    assert MASK in repr(clean)
    assert type(clean) is type(event)


# -- the engine -------------------------------------------------------------------------------------------------------


def engine(tmp_path: Path, *diagnostics: dict[str, str], printed: str = "") -> Engine:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    path = event_logger(tmp_path / "bin", [json.dumps({"diagnosticEvent": one}) for one in diagnostics])
    (tmp_path / "printed").write_text(printed)
    path.write_text(path.read_text().replace("exit 1", f"cat '{tmp_path / 'printed'}' >&2\nexit 1"))
    environ = {"PULUMI_BACKEND_URL": tmp_path.as_uri(), "XDG_STATE_HOME": str(tmp_path / "kept")}
    return Engine(path, "3.276.0", find_workspace(tmp_path, environ=environ), Redactor(more=[CANARY]))


def test_nothing_of_an_engine_reaches_anybody_with_a_secret(tmp_path: Path) -> None:
    coded = base64.b64encode(CANARY.encode()).decode()
    run = engine(tmp_path, {"message": f"a {CANARY}", "severity": "error", "urn": urn("api")}).start(
        ["up"], private=tmp_path
    )
    assert [event.message for event in run.events() if isinstance(event, Diagnostic)] == [f"a {MASK}"]
    assert [error.message for error in run.errors] == [f"a {MASK}"]
    error = run.error("it failed")
    assert isinstance(error, EngineError)
    assert (str(error), error.output) == (f"it failed: a {MASK}", f"a {MASK}")
    crash = f"panic: at {coded}\n\ngoroutine 1 [running]:\nmain.main() {CANARY}\n"
    silent = engine(tmp_path, printed=crash).start(["up"], private=tmp_path)
    list(silent.events())
    assert str(silent.error("it failed")) == f"it failed: panic: at {MASK}"
    with pytest.raises(EngineError) as caught:
        engine(tmp_path, printed=f"error: no {CANARY}\n").call(["--event-log", "/dev/null"])
    assert (str(caught.value), CANARY in caught.value.output) == (f"pulumi --event-log failed: no {MASK}", False)
    (kept,) = (tmp_path / "kept" / "pulumi-rewind" / "crashes").iterdir()
    assert CANARY not in kept.read_text()
    assert f"main.main() {MASK}" in kept.read_text()


ENDED = "an unhandled error occurred: program exited with non-zero exit code: 1"
PLUGIN_ENDED = "could not read plugin [/bin/pulumi-resource-pulumi-nodejs]: EOF"
HOST_ENDED = "error reading from server: EOF"
TRACEBACK = f"""Traceback (most recent call last):
  File "__main__.py", line 3, in <module>
    raise KeyError("{CANARY}")
KeyError: '{CANARY}'
"""


@pytest.mark.parametrize("ended", [ENDED, PLUGIN_ENDED, HOST_ENDED])
def test_where_only_the_end_of_a_program_is_told_its_last_words_are_quoted(tmp_path: Path, ended: str) -> None:
    """As language hosts before 3.100 do it, and plugins: the traceback comes line by line, as something printed."""
    lines = [{"message": line, "severity": "info#err"} for line in TRACEBACK.splitlines(keepends=True)]
    run = engine(tmp_path, *lines, {"message": ended, "severity": "error"}).start(["up"], private=tmp_path)
    list(run.events())
    error = run.error("the preview failed")
    assert isinstance(error, EngineError)
    assert str(error) == f"the preview failed: {ended}\nKeyError: '{MASK}'"
    assert "line 3, in <module>" in error.whole
    other = engine(tmp_path, *lines, {"message": "no such zone", "severity": "error"}).start(["up"], private=tmp_path)
    list(other.events())
    assert str(other.error("the preview failed")) == "the preview failed: no such zone"


def test_an_error_without_words_of_ours_begins_with_those_of_the_engine(tmp_path: Path) -> None:
    run = engine(tmp_path, {"message": "no such zone", "severity": "error"}).start(["up"], private=tmp_path)
    list(run.events())
    assert str(run.error("")) == "no such zone"


# -- URLs -------------------------------------------------------------------------------------------------------------

PW = "hunter2secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgres://user:{PW}@db:5432/state?sslmode=require", f"postgres://user:{MASK}@db:5432/state?sslmode=require"),
        (f"postgres://user:{PW}/a?b#c@d@db/state", f"postgres://user:{MASK}@db/state"),
        ("postgres://user@db/state", "postgres://user@db/state"),
        (f"postgres://db/state?user=u&password={PW}", f"postgres://db/state?user=u&password={MASK}"),
        (f"https://{PW}@api.example.com", f"https://{MASK}@api.example.com"),
        (f"https://x:{PW}@[::1]:8080/a", f"https://x:{MASK}@[::1]:8080/a"),
        (f"s3://bucket/a?region=eu&accessKey={PW}&s3ForcePathStyle=true",
         f"s3://bucket/a?region=eu&accessKey={MASK}&s3ForcePathStyle=true"),
        (f"s3://b?X-Amz-Signature={PW}&X%2dAmz%2dCredential={PW}", f"s3://b?X-Amz-Signature={MASK}&X%2dAmz%2dCredential={MASK}"),
        (f"azblob://c?storage_account=a&sv=2024&sig={PW}", f"azblob://c?storage_account=a&sv=2024&sig={MASK}"),
        (f"azblob://c#token={PW}", f"azblob://c#token={MASK}"),
        (f"user:{PW}@host", f"user:{MASK}@host"),
        ("file:///home/me@work/a:b@c?x=1", "file:///home/me@work/a:b@c?x=1"),
        ("file://~", "file://~"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert PW not in shown
    assert [text for text in secrets_of_url(url) if PW in text] or PW not in url


@given(st.text(st.sampled_from("ab1:/?#@=&[]%keypass"), max_size=60))
def test_any_text_is_a_url_of_some_kind(text: str) -> None:
    assert shown_url(shown_url(text)) == shown_url(text)
    list(secrets_of_url(text))


def test_backends_are_spoken_of_without_their_credentials(tmp_path: Path) -> None:
    from pulumi_rewind.backends import open_backend

    for url in (f"postgres://user:{PW}@db/state", f"user:{PW}@db"):
        with pytest.raises(RewindError) as caught:
            open_backend(url)
        assert PW not in f"{caught.value} {caught.value.hint}"
        journal = Journal(url, STACK_REF, {"XDG_STATE_HOME": str(tmp_path)})
        journal.begin(target=1, label="#1", digest="d", start=2)
        assert PW not in journal.path.read_text()
    other = Journal("postgres://user:other@db/state", STACK_REF, {"XDG_STATE_HOME": str(tmp_path)})
    assert other.path != journal.path  # another backend all the same


def test_a_secret_that_the_run_itself_has_made_is_known_before_a_provider_gets_it() -> None:
    """The new password of a database that was made anew goes into the inputs of others."""
    known, sent_as = KnownSecrets(), []

    async def register(request: Any) -> None:
        sent_as.append(known("rejected: made-in-this-run"))
        raise InterruptedError

    async def nothing(*_: object) -> None:
        return

    wanted = goal(checkpoint(res("db"), res("web")), checkpoint())
    item = wanted.by_urn()[urn("web")]
    monitor: Any = SimpleNamespace(RegisterResource=register)
    replay: Any = Replay(wanted, monitor, preview=False, callbacks="", root="")
    made = {"key": {SIG: SECRET, "plaintext": json.dumps("made-in-this-run")}}
    replay.note, replay._fill_package, replay._urn = known.note_within, nothing, lambda _: ""
    replay._linking, replay._provider = SimpleNamespace(inputs=lambda *_: made), lambda _: ""
    with pytest.raises(InterruptedError):
        asyncio.run(replay._resource(item, {urn("db"): SimpleNamespace()}))
    assert sent_as == [f"rejected: {MASK}"]
