"""What we open ourselves is what ``pulumi stack export --show-secrets`` shows: the CLI is the oracle."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pulumi_rewind.errors import SecretsError
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ARCHIVE, ASSET, SECRET, SIG, SPECIAL_FLOAT, reveal
from tests.support.rewind import session
from tests.support.sealing import Sealer
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi
secret = pulumi.Output.secret
values = {
    "nested": {"list": [1, {"deep": secret("inner")}, None], "unicode": "ключ 🔑 \\u2028 \\x00", "": ""},
    "empty": "", "nothing": {}, "none": [], "html": "<a href='&'>", "huge": "x" * 300_000,
    "floats": [1.5, -0.0, 1e300, float("inf"), float("-inf"), 2**53],
    "asset": pulumi.StringAsset("text of an asset"),
    "archive": pulumi.AssetArchive({"a.txt": pulumi.StringAsset("in an archive")}),
    "json": '{"looks": {"like": "json"}}',
}
for name, value in values.items():
    pulumi.export(name, secret(value))
pulumi.export("beside", {"plain": 1, "secret": secret({"again": secret("twice")})})
"""


def exported(stack: EngineStack) -> Checkpoint:
    raw = stack.pulumi("stack", "export", "--show-secrets", "-s", stack.name).stdout.encode()
    return decode_checkpoint(raw, source="the oracle", decrypted=True)


def natively(stack: EngineStack) -> Checkpoint:
    opened = session(stack)
    opened.__dict__["engine"] = None  # nobody asks the CLI
    return opened.vault.decrypt(opened.live(), opened.stack)


def values(state: Checkpoint) -> list[tuple[str, Any, Any]]:
    return [(res.urn, reveal(res.decoded_inputs()), reveal(res.decoded_outputs())) for res in state.resources]


def store(stack: EngineStack, raw: bytes, compression: str) -> None:
    """Puts a state file in the place of the stack's."""
    for path in stack.state_file.parent.glob(f"{stack.name}.json*"):
        path.unlink()
    match compression:
        case "gzip":
            stack.state_file.with_name(f"{stack.name}.json.gz").write_bytes(gzip.compress(raw))
        case "zstd":
            stack.state_file.with_name(f"{stack.name}.json.zst").write_bytes(zstandard.compress(raw))
        case _:
            stack.state_file.write_bytes(raw)


def test_what_a_program_keeps_secret_is_opened_as_the_cli_opens_it(stack: EngineStack) -> None:
    stack.up(PROGRAM)
    stored = stack.state_file.read_bytes()
    assert b"inner" not in stored
    assert b"twice" not in stored
    opened, oracle = natively(stack), exported(stack)
    assert values(opened) == values(oracle)
    outputs = reveal(opened.resources[0].decoded_outputs())
    assert outputs["nested"]["list"][1] == {"deep": "inner"}
    assert outputs["beside"]["secret"] == {"again": "twice"}
    assert stack.state_file.read_bytes() == stored == opened.raw


special = st.sampled_from(
    [
        {SIG: SPECIAL_FLOAT, "value": "7ff0000000000000"},
        {SIG: SPECIAL_FLOAT, "value": "7ff8000000000001"},
        {SIG: ASSET, "hash": "0" * 64, "text": "an asset"},
        {SIG: ARCHIVE, "hash": "1" * 64, "assets": {"a": {SIG: ASSET, "hash": "2" * 64, "path": "./a"}}},
    ]
)
keys = st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda key: key != SIG and not key.startswith("__"))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53)  # what Go writes beyond that has other digits
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | special
)
secrets = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4) | inner.map(lambda value: Hidden(value))
    ),
    max_leaves=10,
)


class Hidden:
    """A secret within a secret."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Hidden({self.value!r})"


def inside(value: Any) -> Any:
    """A value with the secrets in it as Pulumi keeps them inside another secret."""
    match value:
        case Hidden():
            return {SIG: SECRET, "ciphertext": json.dumps(inside(value.value))}
        case dict():
            return {key: inside(inner) for key, inner in value.items()}
        case list():
            return [inside(inner) for inner in value]
    return value


ZSTD = pytest.param("zstd", marks=pytest.mark.since("3.224.0", "backends compressed by zstd"))


@pytest.mark.parametrize("compression", ["", "gzip", ZSTD])
@settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(secrets.map(Hidden), min_size=40, max_size=40), indent=st.sampled_from([None, 4]))
def test_secrets_of_any_shape_are_opened_as_the_cli_opens_them(
    stack: EngineStack, compression: str, drawn: list[Hidden], indent: int | None
) -> None:
    sealer = Sealer(stack.passphrase)
    urn = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
    outputs = {f"o{at}": sealer.secret(inside(value.value)) for at, value in enumerate(drawn)}
    latest = {
        "manifest": {"time": "2025-11-24T16:00:00Z", "magic": "", "version": ""},
        "secrets_providers": sealer.provider,
        "resources": [{"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": outputs}],
    }
    document = {"version": 3, "checkpoint": {"stack": "organization/shop/dev", "latest": latest}}
    store(stack, json.dumps(document, indent=indent).encode(), compression)
    ((_, _, ours),), ((_, _, theirs),) = values(natively(stack)), values(exported(stack))
    assert ours.keys() == theirs.keys()
    assert [(drawn[int(key[1:])], ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]] == []


def test_a_wrong_passphrase_is_known_before_anything_is_opened(stack: EngineStack) -> None:
    stack.up('import pulumi\npulumi.export("s", pulumi.Output.secret("hush"))')
    good, stack.passphrase = stack.passphrase, "wrong"
    with pytest.raises(SecretsError, match="the passphrase is wrong for this checkpoint"):
        natively(stack)
    file = stack.write_file("phrases/old", f"{good}\n")
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE_FILE"] = "phrases/old"
    environ = stack.environ
    del environ["PULUMI_CONFIG_PASSPHRASE"]
    from pulumi_rewind.session import open_session

    opened = open_session(stack.root, stack.name, environ=environ)  # relative to where the operator stands
    assert opened.vault.decrypt(opened.live(), opened.stack).decrypted
    file.unlink()
    opened = open_session(stack.root, stack.name, environ=environ)
    with pytest.raises(SecretsError, match="can't be read"):
        opened.vault.decrypt(opened.live(), opened.stack)
