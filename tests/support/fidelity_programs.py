"""The programs that make everything that a checkpoint can hold."""

from __future__ import annotations

HEAD = "import pulumi, parts_sdk as parts\nfrom pulumi import ResourceOptions as O\nfrom parts_sdk import Part, Pair\n"

PROGRAMS: dict[str, tuple[str, str]] = {
    "remote component": (
        """
pair = Pair("pair", {"size": 1})
pulumi.export("part", pair.partId)
""",
        """
pair = Pair("pair", {"size": 2})
pulumi.export("part", "none")
""",
    ),
    "resource reference": (
        """
a = Part("a", {"size": 1})
Part("b", {"ref": a, "nested": [{"ref": a}]})
pulumi.export("a", a)
""",
        """
Part("b", {"ref": "none"})
""",
    ),
    "function of a provider": ("parts.ping()", ""),
    "parameterised package": (
        """
gadget = parts.package("gadget", b"shape")
Part("a", {"size": 1}, type="gadget:index:Gear", package=gadget)
""",
        "",
    ),
    "extension": (
        """
gadget = parts.package("gadget", b"shape", extension=True)
Part("a", {"size": 1}, type="gadget:index:Gear", package=gadget)
Part("b", {"size": 1})
""",
        """
Part("b", {"size": 2})
""",
    ),
    "versions side by side": (
        """
Part("a", {"size": 1}, version="1.0.0")
Part("b", {"size": 1}, version="2.0.0")
""",
        """
Part("a", {"size": 1}, version="2.0.0")
Part("b", {"size": 1}, version="1.0.0")
""",
    ),
    "references between resources": (
        """
a, r = Part("a"), Part("r", {"size": 1})
Part("b", {"size": a.id}, O(deleted_with=a, replace_with=[r], parent=r, depends_on=[a]))
""",
        """
Part("r", {"size": 2})
""",
    ),
    "options": (
        """
Part("a", {"size": 1, "kind": "x"}, O(
    hide_diffs=["size"], replace_on_changes=["kind"], retain_on_delete=True, replacement_trigger="one",
    additional_secret_outputs=["size"], custom_timeouts=pulumi.CustomTimeouts(create="90s", update="1h30m")))
""",
        """
Part("a", {"size": 2, "kind": "y"}, O(replacement_trigger="two"))
""",
    ),
    "ignored changes": (
        """
Part("a", {"size": 1, "kind": {"x": 1, "y": 1}}, O(ignore_changes=["kind.x"]))
""",
        """
Part("a", {"size": 2, "kind": {"x": 1, "y": 2}}, O(ignore_changes=["kind.x"]))
""",
    ),
    "values": (
        """
secret = pulumi.Output.secret
Part("a", {
    "none": [None, {"deep": None}], "empty": {}, "list": [], "zero": 0, "text": "", "float": 1e300, "negative": -0.5,
    "no": False, "unicode": "\\u00fc\\U0001f600\\u0000", 'k e.y["x"]': 1, "large": "x" * 3_000_000,
    "deep": {"s": [secret({"n": secret("in")})]}, "nan": float("nan"), "infinite": [float("-inf")]})
""",
        """
Part("a", {"none": 1})
""",
    ),
    "refresh before update": (
        """
Part("a", {"size": 1}, type="parts:index:Watched")
""",
        "",
    ),
    "external reads": (
        """
Part("a", {"size": 1})
x = Part("x", {"size": 3}, O(id="part-elsewhere"))
Part("b", {"size": x.id})
""",
        """
Part("b", {"size": 2})
""",
    ),
    "mapped environment": (
        """
p = parts.Provider("p", {"k": "v", "pluginDownloadURL": "a setting"}, O(env_var_mappings={"MINE": "PARTS_PREFIX"}))
Part("a", {"size": 1}, O(provider=p))
""",
        """
Part("a", {"size": 1})
""",
    ),
    "components and their providers": (
        """
p = parts.Provider("p", {"k": "v"})
c = pulumi.ComponentResource("my:c:Outer", "c", {"in": 1}, O(providers=[p]))
d = pulumi.ComponentResource("my:c:Inner", "d", {}, O(parent=c))
a = Part("a", {"size": 1}, O(parent=d))
Part("b", {"size": 1}, O(parent=a, provider=p))
d.register_outputs({"id": a.id})
c.register_outputs({})
""",
        """
Part("a", {"size": 2})
""",
    ),
}
"""What a program declares, and the program that takes its place."""
