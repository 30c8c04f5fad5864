"""What can't be relinked is named before and after; credentials and object-specific values follow what is made anew."""

from __future__ import annotations

import hashlib

from tests.support.rewind import plan, roll_back, run, said, steps
from tests.support.stack import EngineStack

HEAD = "import hashlib, json, textwrap, pulumi, bridged_sdk as bridged\n"

DERIVED = (
    HEAD
    + """
class Tier(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Tier", name)
        self.db = bridged.Database(f"{name}-db", {"engine": "pg16"}, pulumi.ResourceOptions(parent=self))
        self.register_outputs({"db": self.db.id})

digest = lambda i: hashlib.sha256(i.encode()).hexdigest()
db = bridged.Database("db", {"engine": "pg16"})
tier = Tier("tier")
bridged.Server("whole", {"image": "i", "tags": {"h": db.id.apply(digest)}})
bridged.Server("beside", {"image": "i", "dependsId": db.id, "userData": db.id.apply(lambda i: i[-6:])})
bridged.Server("mixed", {"image": "i", "tags": {"db": db.id, "h": db.id.apply(digest), "mode": "private"}})
bridged.Server("inner", {"image": "i", "userData": tier.db.id.apply(digest)})
bridged.Server("block", {"image": "i", "userData": db.arn.apply(
    lambda a: "files:\\n  - |\\n" + textwrap.indent(f"{a}\\nend", "    "))})
bridged.Server("plain", {"image": "i", "tags": {"h": "none"}})
"""
)


def literals(stack: EngineStack) -> str:
    """A program without the databases, with everything that was computed from them written down."""
    lines = [HEAD]
    for name in ("whole", "beside", "mixed", "inner", "block", "plain"):
        inputs = stack.resources()[name]["inputs"]
        kept = {key: inputs[key] for key in ("image", "dependsId", "userData", "tags") if key in inputs}
        lines.append(f"bridged.Server({name!r}, {kept!r})\n")
    return "".join(lines)


def test_values_that_cannot_be_relinked_are_named_before_and_after_also_where_nothing_is_done(
    stack: EngineStack,
) -> None:
    stack.up(DERIVED)
    stack.up(literals(stack))
    wanted = {"whole.tags.h", "beside.userData", "mixed.tags.h", "inner.userData"}
    made = plan(stack, "1")
    named = {
        risk.urn.rsplit("::", 1)[-1]: risk for risk in made.all_risks if risk.code.startswith(("opaque", "unsure"))
    }
    assert set(named) == {"whole", "beside", "mixed", "inner"}
    assert "whole" not in steps(made), "the engine says that it stays as it is"
    assert named["whole"] in made.risks
    assert "tier-db" in named["inner"].message
    result, _ = run(stack, made)
    assert set(result.stale_names) == wanted
    assert not result.exact
    now = stack.resources()
    assert now["beside"]["inputs"]["dependsId"] == now["mixed"]["inputs"]["tags"]["db"] == now["db"]["id"]
    assert now["block"]["inputs"]["userData"] == f"files:\n  - |\n    {now['db']['outputs']['arn']}\n    end"
    assert now["whole"]["inputs"]["tags"]["h"] != hashlib.sha256(now["db"]["id"].encode()).hexdigest()
    again = said(stack, "rollback", "1", "--yes")
    assert again.code == 0
    assert "nothing to do" in again.out
    assert "4 values may be stale: " in again.out


def test_the_command_counts_and_names_them_instead_of_equals(stack: EngineStack) -> None:
    program = HEAD + (
        'db = bridged.Database("db", {"engine": "pg16"})\n'
        "digest = lambda i: hashlib.md5(i.encode()).hexdigest()\n"
        'bridged.Server("web", {"image": "i", "tags": {"h": db.id.apply(digest)}})\n'
    )
    stack.up(program)
    stack.up(HEAD)
    ran = said(stack, "rollback", "1", "--yes")
    assert ran.code == 0
    assert "⚠ done, 2 differences, 1 value may be stale: shop/dev is back at #1" in ran.out
    assert "  ⚠ web.tags.h: " in ran.out
    assert "equals" not in ran.out
    stack.up(HEAD)
    last = said(stack, "rollback", "1", "--yes", "--json").json_lines()[-1]
    assert last["result"] == "succeeded"
    assert [(one["urn"].rsplit("::", 1)[-1], one["path"]) for one in last["stale"]] == [("web", "tags.h")]


CLUSTER = (
    HEAD
    + """
main = bridged.Database("main", {{"engine": "{engine}"}})
prov = bridged.Provider("prov", {{"account": "main", "token": main.connectionString}})
bridged.Server("web", {{"image": "{image}"}}, pulumi.ResourceOptions(provider=prov))
"""
)


def test_a_providers_credentials_follow_the_object_that_they_come_from(stack: EngineStack) -> None:
    """A cluster's kubeconfig that changes with it: https://github.com/pulumi/pulumi-kubernetes/issues/1814."""
    stack.use_plugin_processes()
    one, two = (CLUSTER.format(engine=f"1.{number}", image=f"web:{number}") for number in (28, 29))
    stack.up(one)
    # It is replaced; it and all that used it are made anew.
    for instead, recorded in ((two, True), (HEAD, False)):
        stack.up(instead)
        result = roll_back(stack, "1", recorded_credentials=recorded)
        assert result.stale == ()
        assert [one for one in result.differences if not one.expected] == []
        now = stack.resources()
        assert now["prov"]["inputs"]["token"]["plaintext"] == now["main"]["outputs"]["connectionString"]["plaintext"]
        stack.write_program(one)
        stack.expect_no_changes()
