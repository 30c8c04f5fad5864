"""What the strategies decide without an engine: whose program, which recommendation, what is compared and imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import TargetError, UsageError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Recommendation
from pulumi_rewind.plan.recommend import recommend
from pulumi_rewind.project.stack_configuration import differing_keys
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.model import REPLAY_AGENT, Checkpoint, Deployment, SecretsProvider
from pulumi_rewind.state.values import MASK, SECRET, SIG, UNKNOWN, unmasked
from pulumi_rewind.strategies.choosing import plan_by_strategy
from pulumi_rewind.strategies.program.config import path_of, places
from pulumi_rewind.strategies.program.result import declared, unlike_target
from pulumi_rewind.strategies.program.source import program_problem, program_update
from pulumi_rewind.strategies.state import importable
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo

MISSING = "0123456789" * 4


def opened(store: FileStore, root: Path, **environ: str) -> Session:
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return open_session(root, "dev", environ={"PULUMI_BACKEND_URL": store.url, "HOME": str(root), **environ})


# -- whose program -----------------------------------------------------------------------------------------------------


def test_a_state_without_a_program_of_its_own_has_that_of_the_update_it_came_from(store: FileStore) -> None:
    client = {"exec.agent": REPLAY_AGENT}
    store.add(1)
    store.add(2)
    store.add(2, kind="refresh")
    store.add(1, message="rollback to #1 (v1)", environment=client)
    store.add(1, message="rollback to #4", environment=client)
    store.add(1, message="rollback to #9", environment=client)
    store.add(None, kind="destroy")
    store.add(None, kind="refresh")
    store.add(1, message="rollback to #1", environment={"runtime.name": "python"})  # the program itself ran
    timeline = store.timeline()

    def source(number: int) -> int | None:
        found = program_update(timeline, timeline.update(number))
        return found.number if found else None

    assert [source(number) for number in range(1, 10)] == [1, 2, 2, 1, 1, None, None, None, 9]


def test_what_stands_against_running_a_program_comes_with_a_way_out(
    store: FileStore, repo: GitRepo, tmp_path: Path
) -> None:
    one = repo.commit("one", "v1")
    two = repo.commit("two")
    for commit in (one, "", MISSING, two):
        store.add(commit or 1, commit=commit)
    store.add(None, kind="destroy")

    def problem(number: int, root: Path, **environ: str) -> tuple[str, str]:
        session = opened(store, root, **environ)
        found = program_problem(session, session.timeline.update(number))
        assert found is None or "--strategy checkpoint" in found.hint
        return (found.message, found.hint) if found else ("", "")

    assert problem(1, repo.root) == ("", "")
    assert "outside a git repository" in problem(2, repo.root)[0]
    message, hint = problem(3, repo.root)
    assert "commit 0123456 of #3 is not in this repository" in message
    assert f"git fetch origin {MISSING}" in hint
    assert "branch main" in hint
    assert "not created by a known program" in problem(5, repo.root)[0]
    assert "is in no git repository" in problem(1, tmp_path / "elsewhere", PATH="/usr/bin:/bin")[0]
    assert "no git on PATH" in problem(1, tmp_path / "elsewhere", PATH=str(tmp_path / "empty"))[0]
    repo.git("clone", "--quiet", "--depth", "1", repo.root.as_uri(), str(tmp_path / "shallow"))
    assert "git fetch --unshallow" in problem(1, tmp_path / "shallow")[1]
    session = opened(store, repo.root)
    with pytest.raises(UsageError) as caught:
        plan_by_strategy(session, resolve_target(session.timeline, "3"), Choices("program"))
    assert "is not in this repository" in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        ("magic", {}, "there is no strategy 'magic'"),
        ("program", {"only": ("x",)}, "--only"),
        ("state", {"only": ("x",), "refresh": True}, "--only.* and .*--refresh"),
        ("state", {"todays_config": True}, "--todays-config"),
        ("program", {"recorded_credentials": True}, "--recorded-credentials"),
        ("program", {"delete_first": ("x",)}, "--delete-first"),
    ],
)
def test_what_a_strategy_does_not_know_is_refused(
    store: FileStore, tmp_path: Path, strategy: str, options: dict[str, Any], message: str
) -> None:
    store.add(1)
    session = opened(store, tmp_path / "work")
    target = resolve_target(session.timeline, "1")
    with pytest.raises(UsageError, match=message) as caught:
        plan_by_strategy(session, target, Choices(strategy, **options))
    assert caught.value.hint
    assert not isinstance(caught.value, TargetError)


# -- the recommendation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "problem", "strategy", "reason"),
    [
        ((), "", "checkpoint", "needs neither the old program"),
        (("data-loss", "not-refreshed"), "", "checkpoint", "needs neither"),
        (("asset-missing",), "", "program", "asset contents"),
        (("opaque-dependency", "asset-missing"), "", "program", "ids that change"),
        (("opaque-dependency",), "its commit is gone", "checkpoint", "would be better .*, but its commit is gone"),
        ((), "its commit is gone", "checkpoint", "its commit is gone"),
        (("dirty-commit", "program-differs"), "", "checkpoint", "dirty-commit"),
        (("program-differs",), "", "checkpoint", "program-differs"),
        (("live-unreadable", "opaque-dependency"), "", "state", "can't be read"),
    ],
)
def test_a_replay_is_the_rule_and_what_speaks_against_it_is_said(
    codes: tuple[str, ...], problem: str, strategy: str, reason: str
) -> None:
    found = recommend([Risk(code, f"({code})") for code in codes], problem)
    assert isinstance(found, Recommendation)
    assert found.strategy == strategy
    import re

    assert re.search(reason, found.reason)


# -- configuration -----------------------------------------------------------------------------------------------------


def test_every_secret_of_a_configuration_is_found_and_named_as_the_cli_names_it() -> None:
    config = {
        "shop:n": "1",
        "shop:token": {"secure": "v1:a"},
        "shop:obj": {"a": [{"b": {"secure": "v1:b"}}, {"x.y": {"secure": "v1:c"}}], 'q"': {"secure": "v1:d"}, "c": 5},
        "shop:pair": {"secure": "v1:e", "other": 1},
    }
    assert [path_of(place) for place in places(config)] == [
        "shop:token",
        "shop:obj.a[0].b",
        'shop:obj.a[1]["x.y"]',
        'shop:obj["q\\""]',
    ]


def test_settings_are_compared_as_text_and_encrypted_ones_count_as_equal() -> None:
    one = {"shop:a": {"secure": "v1:a"}, "shop:b": "true", "shop:c": {"d": [{"secure": "v1:x"}, 1]}, "shop:e": 1}
    other = {"shop:a": {"secure": "v1:b"}, "shop:b": True, "shop:c": {"d": [{"secure": "v1:y"}, "1"]}, "shop:e": 2}
    assert differing_keys(one, other) == ["shop:e"]
    assert differing_keys(one, {**other, "shop:a": "plain", "shop:f": None}) == ["shop:a", "shop:e"]


def test_secrets_that_the_engine_masked_are_those_of_before_unless_they_change() -> None:
    sealed, before = {SIG: SECRET, "ciphertext": MASK}, {SIG: SECRET, "plaintext": '"old"'}
    unknown = {SIG: SECRET, "plaintext": json.dumps(UNKNOWN)}
    seen = {"key": sealed, "list": [sealed, f"user:{MASK}@host", 1], "more": {"n": 2}}
    known = {"key": before, "list": [before, "user:pw@host", 0]}
    assert unmasked(seen, known, False) == {**seen, "key": before, "list": [before, "user:pw@host", 1]}
    assert unmasked(seen, known, True) == {**seen, "key": unknown, "list": [unknown, UNKNOWN, 1]}
    assert unmasked(sealed, "old", False) == unknown
    assert unmasked([sealed], [before, before], False) == [unknown]


# -- what a program makes ----------------------------------------------------------------------------------------------

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"


def checkpoint(*resources: dict[str, Any], **deployment: Any) -> Checkpoint:
    entries = [
        {
            "urn": f"urn:pulumi:dev::shop::t:i:T::{res['name']}",
            "custom": True,
            "type": "t:i:T",
            "id": res["id"],
            "inputs": res["inputs"],
            "propertyDependencies": {key: [] for key in res["inputs"] if key != "auto"},
        }
        for res in resources
    ]
    latest = {"manifest": {"time": "t", "magic": "m", "version": "v"}, "resources": entries, **deployment}
    return decode_checkpoint(
        json.dumps({"version": 3, "checkpoint": {"stack": "organization/shop/dev", "latest": latest}}).encode(),
        source="a test",
    )


def test_only_what_a_program_decides_is_compared_with_the_target() -> None:
    secret = {SIG: SECRET, "plaintext": '"hush"'}
    target = checkpoint(
        {"name": "a", "id": "a-000001", "inputs": {"x": 1, "auto": "one", "pw": secret}},
        {"name": "b", "id": "b-1", "inputs": {"ref": "a-000001", "text": "use a-000001", "gone": 1}},
        {"name": "c", "id": "c-1", "inputs": {}},
    )
    state = checkpoint(
        {"name": "a", "id": "a-999999", "inputs": {"x": 1, "auto": "two", "pw": {SIG: SECRET, "plaintext": '"hush"'}}},
        {"name": "b", "id": "b-1", "inputs": {"ref": "a-999999", "text": "use a-999999", "new": 1}},
        {"name": "d", "id": "d-1", "inputs": {}},
    )
    found = {(one.urn.rsplit("::", 1)[-1], one.path) for one in unlike_target(state, target, "dev", "shop")}
    assert found == {("b", "inputs.gone"), ("b", "inputs.new"), ("c", ""), ("d", "")}
    assert unlike_target(target, target, "dev", "shop") == ()
    other = checkpoint(
        {"name": "a", "id": "", "inputs": {"x": UNKNOWN, "pw": {SIG: SECRET, "plaintext": '"other"'}}},
        {"name": "b", "id": "b-1", "inputs": {"ref": UNKNOWN, "text": UNKNOWN, "gone": 1}},
        {"name": "c", "id": "c-1", "inputs": {}},
    )
    assert [one.path for one in unlike_target(other, target, "dev", "shop")] == ["inputs.pw"]


def test_a_name_that_the_new_object_has_got_is_no_difference_but_what_the_program_sent_is_one() -> None:
    """A ConfigMap that was made anew under another name, and what mounts it."""

    def state(name: str, image: str, mounted: str) -> Checkpoint:
        made = checkpoint(
            {"name": "settings", "id": f"ns/{name}", "inputs": {"data": image}},
            {"name": "web", "id": "web-1", "inputs": {"volume": f"map:{mounted}", "image": f"is {image}"}},
        )
        settings, web = made.resources
        outputs = msgspec.Raw(json.dumps({"metadata": {"name": name}, "data": image}).encode())
        needs = {"volume": (settings.urn,), "image": (settings.urn,)}
        resources = (
            msgspec.structs.replace(settings, outputs=outputs),
            msgspec.structs.replace(web, property_dependencies=needs),
        )
        return Checkpoint(b"", Deployment(resources=resources), decrypted=True)

    target = state("settings-1a2b", "nginx:21", "settings-1a2b")
    assert unlike_target(state("settings-3c4d", "nginx:21", "settings-3c4d"), target, "dev", "shop") == ()
    other = unlike_target(state("settings-3c4d", "nginx:23", "settings-5e6f"), target, "dev", "shop")
    assert {(one.urn.rsplit("::", 1)[-1], one.path) for one in other} == {
        ("settings", "inputs.data"), ("web", "inputs.image"), ("web", "inputs.volume"),
    }  # fmt: skip


def test_an_input_that_is_the_id_is_no_difference_before_the_object_is_made() -> None:
    """As of files and buckets, which are called by what the program gives them."""
    target = checkpoint({"name": "file", "id": "/srv/a.txt", "inputs": {"path": "/srv/a.txt", "note": "at /srv/a.txt"}})
    planned = checkpoint({"name": "file", "id": "", "inputs": {"path": "/srv/a.txt", "note": "at /srv/a.txt"}})
    assert unlike_target(planned, target, "dev", "shop") == ()
    moved = checkpoint({"name": "file", "id": "", "inputs": {"path": "/srv/b.txt", "note": "at /srv/a.txt"}})
    assert [one.path for one in unlike_target(moved, target, "dev", "shop")] == ["inputs.path"]


def test_the_engines_plan_tells_what_the_program_sent() -> None:
    goal = {"inputDiff": {"adds": {"name": "auto", "image": "i"}}, "propertyDependencies": {"image": []}}
    goal |= {"parent": "root", "dependencies": ["two"], "provider": "urn:pulumi:dev::s::pulumi:providers:a::p::id"}
    old = {"inputDiff": {"adds": {"a": 1}, "updates": {"b": 2}}}
    plan = json.dumps({"resourcePlans": {"one": {"goal": goal}, "two": {"goal": old}, "gone": {"steps": ["delete"]}}})
    said = declared(plan.encode())
    assert said.sent == {"one": frozenset({"image"}), "two": frozenset({"a", "b"}), "gone": frozenset()}
    assert said.needs == {"one": ("root", "urn:pulumi:dev::s::pulumi:providers:a::p", "two"), "two": (), "gone": ()}


# -- what is imported --------------------------------------------------------------------------------------------------

SALT = {"secrets_providers": {"type": "passphrase", "state": {"salt": "v1:old"}}}


@given(st.booleans(), st.sampled_from([None, ["views"]]))
def test_a_state_file_becomes_what_the_import_reads(shape: bool, features: list[str] | None) -> None:
    more = {"features": features} if features else {}
    latest = {"manifest": {"time": "t"}, "unknownKey": {"a": [1.0, "é"]}}
    file = {"version": 4, "checkpoint": {"stack": "s", "latest": latest}, **more}
    document = {"version": 4, "deployment": latest, **more}
    assert json.loads(exported(json.dumps(document if shape else file).encode())) == document


def test_secrets_go_in_plaintext_only_where_the_provider_has_changed() -> None:
    hidden = {SIG: SECRET, "ciphertext": "v1:x"}
    plain = {SIG: SECRET, "plaintext": '"hush"'}
    stored = checkpoint({"name": "a", "id": "a", "inputs": {"pw": hidden}}, **SALT)
    opened = checkpoint({"name": "a", "id": "a", "inputs": {"pw": plain}}, **SALT)
    same = SecretsProvider("passphrase", msgspec.Raw(b'{ "salt" : "v1:old" }'))
    new = SecretsProvider("passphrase", msgspec.Raw(b'{"salt":"v1:new"}'))
    for provider in (same, None):
        sent = importable(stored, provider, lambda: opened.raw)
        assert b"hush" not in sent
        assert json.loads(sent)["deployment"]["secrets_providers"] == SALT["secrets_providers"]
    sent = importable(stored, new, lambda: opened.raw)
    assert json.loads(sent)["deployment"]["secrets_providers"] == {"type": "passphrase", "state": {"salt": "v1:new"}}
    assert b"hush" in sent
    assert b"v1:x" not in sent


def test_a_damaged_state_keeps_its_bytes() -> None:
    from pulumi_rewind.errors import CheckpointError

    with pytest.raises(CheckpointError) as caught:
        decode_checkpoint(b'{"version":3,', source="live")
    assert caught.value.raw == b'{"version":3,'
    assert Checkpoint(caught.value.raw, Deployment()).resources == ()
