"""What was reviewed still stands before a rollback, and what is not as in the target after it is named."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.guard.checks import check_agreed, check_unmoved, check_unmoved_under_lock
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import checkpoint, goal, replayed, res, urn

PROVIDER = res("default_1_0_0", "pulumi:providers:t", parent="", inputs={"version": "1.0.0"})
PASSPHRASE: dict[str, Any] = {"secrets_providers": {"type": "passphrase", "state": {"salt": "v1:a"}}}


def web(**fields: Any) -> dict[str, Any]:
    provider = f"{PROVIDER['urn']}::{PROVIDER['id']}"
    return res("web", inputs={"image": "1"}, propertyDependencies={"image": []}, provider=provider) | fields


TARGET = checkpoint(PROVIDER, web(), **PASSPHRASE)


def unlike(after: Checkpoint) -> list[tuple[str, str, str]]:
    """What differs after a replay of the target that was told to have done all it was asked."""
    wanted = goal(TARGET, TARGET)
    found = verify(wanted, replayed(wanted), TARGET, after)
    assert not any(item.expected for item in found)
    return [(item.urn.rsplit("::", 1)[-1], item.path, item.message) for item in found]


def test_a_state_that_equals_its_target_differs_in_nothing() -> None:
    assert unlike(TARGET) == []


@pytest.mark.parametrize(
    ("resources", "more", "found"),
    [
        ([PROVIDER], {}, ("web", "", "is in the target but not in the state")),
        ([PROVIDER, web(), res("extra")], {}, ("extra", "", "is in the state but not in the target")),
        ([PROVIDER, web(), web(delete=True)], {}, ("web", "", "an old copy is still pending deletion")),
        (
            [PROVIDER, web(), res("default_2_0_0", "pulumi:providers:t", parent="")],
            {},
            ("default_2_0_0", "", "the default provider is in the state but not in the target"),
        ),
        (
            [PROVIDER, web(inputs={"image": "1", "size": 2}, propertyDependencies={"image": [], "size": []})],
            {},
            ("web", "inputs.size", "exists, but not in the target"),
        ),
        ([PROVIDER, web(inputs={})], {}, ("web", "inputs.image", "is missing")),
        (
            [PROVIDER, web(propertyDependencies={"image": [], "other": []})],
            {},
            ("web", "propertyDependencies", "lists ['image', 'other'] instead of ['image']"),
        ),
        (
            [PROVIDER, web()],
            {"pending_operations": [{"resource": res("half"), "type": "creating"}]},
            ("half", "", "creating is still open as a pending operation"),
        ),
        (
            [PROVIDER, web()],
            {"secrets_providers": {"type": "passphrase", "state": {"salt": "v1:b"}}},
            ("", "secrets_providers", "the secrets provider of the state changed"),
        ),
    ],
)
def test_every_kind_of_difference_is_named(
    resources: list[dict[str, Any]], more: dict[str, Any], found: tuple[str, str, str]
) -> None:
    assert found in unlike(checkpoint(*resources, **{**PASSPHRASE, **more}))


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("protect", True, "options.protect"),
        ("retainOnDelete", True, "options.retain_on_delete"),
        ("ignoreChanges", ["a"], "options.ignore_changes"),
    ],
)
def test_an_option_that_is_another_is_named(field: str, value: Any, path: str) -> None:
    (found,) = unlike(checkpoint(PROVIDER, web(**{field: value}), **PASSPHRASE))
    assert found[:2] == ("web", path)


def test_a_secret_that_lies_open_is_named() -> None:
    hidden = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"1"'}
    wanted = goal(checkpoint(PROVIDER, web(inputs={"image": hidden})), TARGET)
    (found,) = verify(wanted, replayed(wanted), TARGET, TARGET)
    assert (found.path, found.message) == ("inputs.image", "should be a secret but is not")


def a_plan(*risks: Risk) -> Plan:
    names = Plan.__dataclass_fields__
    fields: dict[str, Any] = {**dict.fromkeys(names, ()), "risks": risks}
    return Plan(**fields)


def test_what_blocks_and_what_loses_data_is_refused() -> None:
    check_agreed(a_plan(Risk("not-refreshed", "fine")), allow_data_loss=False)
    lost = Risk("data-loss", "is deleted with its data", urn=urn("orders"))
    with pytest.raises(RefusedError, match="data would be lost in: orders") as caught:
        check_agreed(a_plan(lost), allow_data_loss=False)
    assert "--allow-data-loss" in caught.value.hint
    check_agreed(a_plan(lost), allow_data_loss=True)
    with pytest.raises(RefusedError, match="not safe to run: is protected"):
        check_agreed(a_plan(Risk("protected", "is protected")), allow_data_loss=True)


def test_a_state_that_has_moved_is_refused() -> None:
    same = checkpoint(PROVIDER, web(), **PASSPHRASE)
    check_unmoved(same, TARGET)
    under_lock = checkpoint(PROVIDER, web(), manifest={"time": "later", "version": "v3"}, **PASSPHRASE)
    check_unmoved_under_lock(under_lock, TARGET)
    for check in (check_unmoved, check_unmoved_under_lock):
        with pytest.raises(RefusedError, match="has changed"):
            check(checkpoint(PROVIDER, web(id="another"), **PASSPHRASE), TARGET)
