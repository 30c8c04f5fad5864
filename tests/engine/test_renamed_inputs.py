"""Properties that a provider stores under another name than the program sent: on the real engine, with real objects.

https://github.com/pulumi/pulumi-kubernetes/issues/2513 tells what becomes of a Secret whose stringData is not sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.rewind import plan, roll_back, run, steps
from tests.support.served import bridged_schema
from tests.support.stack import EngineStack

HEAD = "import json, pulumi, bridged_sdk as bridged\n"


def program(token: str, zone: str = "north") -> str:
    return (
        HEAD
        + f"""
db = bridged.Server("db", {{"image": "i", "zone": "{zone}"}})
v = bridged.Vault("v", {{"stringData": pulumi.Output.secret({{"token": "{token}"}}), "compat": "x",
                        "textLabels": {{"db": db.id, "v": "{token}"}}}})
pulumi.export("v", v.id)
"""
    )


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_secret_that_is_stored_under_another_name_comes_back_and_forth(stack: EngineStack) -> None:
    stack.up(program("one"))
    first = stack.resources()["v"]
    stack.up(program("two"))
    made = plan(stack, "1")
    assert not made.blocking
    assert steps(made)["v"].op == "update"
    assert run(stack, made)[0].differences == ()
    (vault,) = stack.physical("vlt").values()
    db = stack.resources()["db"]["id"]
    assert vault["inputs"]["data"] == {"token": b64("one")}
    assert vault["inputs"]["labels"] == {"db": b64(db), "v": b64("one")}
    now = stack.resources()["v"]
    assert (now["id"], now["inputs"]) == (first["id"], first["inputs"])
    assert plan(stack, "1").nothing_to_do
    for target, token in (("2", "two"), ("3", "one")):  # #3 is the rollback, whose state lists what stood in
        assert roll_back(stack, target).differences == ()
        (vault,) = stack.physical("vlt").values()
        assert vault["inputs"]["data"] == {"token": b64(token)}
    assert plan(stack, "1").nothing_to_do
    stack.write_program(program("one"))
    stack.expect_no_changes()


def test_what_stands_in_is_relinked_and_a_new_object_gets_a_name_of_its_own(stack: EngineStack) -> None:
    stack.up(program("one"))
    before = stack.resources()
    stack.up(HEAD)
    result = roll_back(stack, "1")
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    (vault,) = stack.physical("vlt").values()
    # Encoded as it is, the id is found and replaced.
    assert vault["inputs"]["labels"]["db"] == b64(now["db"]["id"]) != b64(before["db"]["id"])
    assert vault["inputs"]["name"] != before["v"]["inputs"]["name"]
    stack.write_program(program("one"))
    stack.expect_no_changes()
    stack.up(program("two", "south"))  # replaces what it was computed from: the vault follows, and goes back again
    roll_back(stack, "1")
    (vault,) = stack.physical("vlt").values()
    assert vault["inputs"]["labels"]["db"] == b64(stack.resources()["db"]["id"])
    assert vault["inputs"]["data"] == {"token": b64("one")}


def test_a_secret_that_would_get_lost_stops_the_plan(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that takes what it stores itself for what it must not be sent: nothing brings the value back."""
    stack.up(program("one"))
    stack.up(program("two"))
    usual = bridged_schema().check

    def forgetful(kind: Any, news: dict[str, Any], olds: dict[str, Any], auto_name: Callable[[], str]) -> Any:
        if b64("one") in json.dumps(news):
            news = {key: value for key, value in news.items() if key != "data"}
        return usual(kind, news, olds, auto_name)

    monkeypatch.setattr("bridged_provider.check", forgetful)
    made = plan(stack, "1")
    (risk,) = steps(made)["v"].risks
    assert (risk.code, risk.blocking) == ("would-vanish", True)
    assert "would lose data," in risk.message
    assert "one" not in risk.message
    assert made.recommendation is not None
    assert "how to send" in made.recommendation.reason
    assert not plan(stack, "1", only=["!v"]).blocking


def test_what_stays_as_it_is_stands_in_as_well(stack: EngineStack) -> None:
    stack.up(program("one"))
    stack.up(program("two").replace('"image": "i"', '"image": "j"'))
    result = roll_back(stack, "1", only=["db"])
    assert result.differences == ()
    (vault,) = stack.physical("vlt").values()
    assert vault["inputs"]["data"] == {"token": b64("two")}


secrets = st.dictionaries(st.sampled_from(["k", "k.l", "ö"]), st.text("ab\"'é:", max_size=4), min_size=1, max_size=2)


@st.composite
def vaults(draw: st.DrawFn) -> dict[str, Any]:
    """What one version declares of one vault."""
    found = draw(
        st.fixed_dictionaries(
            {"zone": st.just("north")},
            optional={
                "stringData": secrets,
                "data": secrets,
                "textLabels": secrets,
                "labels": secrets,
                "compat": st.booleans(),
                "type": st.sampled_from(["Opaque", "tls"]),
            },
        )
    )
    return found | {"$secret": draw(st.sampled_from([[], ["stringData"], ["data", "stringData"]]))}


@pytest.mark.slow
def test_every_older_vault_comes_back(make_stack: Callable[..., EngineStack]) -> None:
    @settings(
        max_examples=4,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        derandomize=True,
        database=None,
    )
    @given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), vaults(), max_size=2), min_size=2, max_size=3))
    def history(versions: list[dict[str, dict[str, Any]]]) -> None:
        stack = make_stack()
        stack.write_program(
            HEAD
            + """
for name, props in json.load(open("spec.json")).items():
    hidden = props.pop("$secret")
    bridged.Vault(name, {k: pulumi.Output.secret(v) if k in hidden else v for k, v in props.items()})
"""
        )
        wanted = []
        for version in versions:
            stack.write_file("spec.json", json.dumps(version))
            stack.up()
            wanted.append(objects(stack))
        for number in range(len(versions), 0, -1):
            result, _ = run(stack, plan(stack, str(number)), allow_data_loss=True)
            assert [item for item in result.differences if not item.expected] == [], versions
            assert objects(stack) == wanted[number - 1], versions
            stack.write_file("spec.json", json.dumps(versions[number - 1]))
            stack.expect_no_changes()

    history()


def objects(stack: EngineStack) -> dict[str, Any]:
    """What there is by logical name, without the names that the provider makes."""
    there = stack.physical("vlt")
    names = {res["id"]: name for name, res in stack.resources().items() if res["type"] == "bridged:index:Vault"}
    assert names.keys() == there.keys()
    return {names[key]: {k: v for k, v in one["inputs"].items() if k != "name"} for key, one in there.items()}
