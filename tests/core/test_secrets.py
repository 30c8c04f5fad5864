"""Secrets under a passphrase are opened without the CLI, and only those that are looked at."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import CheckpointError, SecretsError
from pulumi_rewind.secrets import passphrase as passphrases
from pulumi_rewind.secrets.passphrase import FILE_VARIABLE, VARIABLE, Key, Passphrase, own_passphrase, salt_of, unlock
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.decrypted import opened_json
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.state.values import SECRET, SIG, reveal
from tests.support.sealing import Sealer

STACK = StackRef("shop", "dev")
SEALER = Sealer("correct horse")
OTHER = Sealer("battery staple", b"another.")


def no_engine() -> Engine:
    raise AssertionError("the CLI was asked")


def vault(*texts: str, own: str | None = None) -> Vault:
    mine = None if own is None else Passphrase(own, VARIABLE, own=True)
    return Vault(no_engine, [Passphrase(text, f"file {text}") for text in texts], lambda: mine)


def checkpoint(resources: dict[str, dict[str, Any]], sealer: Sealer = SEALER, **more: Any) -> Checkpoint:
    listed = [
        {"urn": f"urn:pulumi:dev::shop::t:m:R::{name}", "type": "t:m:R", "custom": True, "id": name, "inputs": inputs}
        for name, inputs in resources.items()
    ]
    latest = {"secrets_providers": sealer.provider, "resources": listed, **more}
    raw = json.dumps({"version": 3, "checkpoint": {"stack": "organization/shop/dev", "latest": latest}}).encode()
    return decode_checkpoint(raw, source="a test")


def inputs(state: Checkpoint, name: str) -> Any:
    return next(res for res in state.resources if res.name == name).decoded_inputs()


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passphrases from which a key was derived."""
    tried: list[str] = []
    real = passphrases._unlock

    def counted(text: str, salt: str) -> Key | None:
        tried.append(text)
        return real(text, salt)

    monkeypatch.setattr(passphrases, "_unlock", counted)
    return tried


@pytest.fixture
def opened_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plaintexts that were opened, without the verifiers of passphrases."""
    seen: list[str] = []
    real = Key.open

    def noted(self: Key, ciphertext: str) -> bytes:
        text = real(self, ciphertext)
        if text != b"pulumi":
            seen.append(text.decode())
        return text

    monkeypatch.setattr(Key, "open", noted)
    return seen


# -- what is opened ----------------------------------------------------------------------------------------------------

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.integers(0, 3), st.booleans(), st.sampled_from([None, 4]))
def test_every_value_comes_out_as_it_went_in(value: Any, depth: int, reversed_: bool, indent: int | None) -> None:
    """Also as a secret within secrets, with keys in another order, or indented."""
    sealed: Any = value
    for at in range(depth + 1):
        # Pulumi encrypts only the outermost secret.
        secret = SEALER.secret(sealed) if at == depth else {SIG: SECRET, "ciphertext": json.dumps(sealed)}
        sealed = {"in": [dict(reversed(secret.items())) if reversed_ else secret]}
    key = unlock("correct horse", SEALER.salt)
    assert key is not None
    found = json.loads(opened_json(json.dumps(sealed, indent=indent).encode(), key.open))
    for _ in range(depth + 1):
        found = reveal(found)["in"][0]
    assert found == value or (found != found and value != value)


def test_text_that_only_looks_like_a_secret_stays() -> None:
    text = json.dumps(SEALER.secret("inner"))
    state = checkpoint({"a": {"json": text, "secret": SEALER.secret(text)}})
    found = inputs(vault(own="correct horse").decrypt(state, STACK), "a")
    assert found["json"] == text
    assert reveal(found["secret"]) == text


def test_everything_that_can_hold_a_secret_is_opened_and_the_bytes_stay_as_they_were() -> None:
    secret = SEALER.secret("hush")
    state = checkpoint({"a": {"p": [secret]}, "b": {"plain": 1}})
    pending = {"resource": {"urn": "u", "type": "t", "inputs": {"p": secret}}, "type": "creating"}
    document = json.loads(state.raw)
    latest = document["checkpoint"]["latest"]
    latest["pending_operations"] = [pending]
    latest["resources"][0] |= {"outputs": {"o": secret}, "replacementTrigger": secret}
    state = decode_checkpoint(json.dumps(document).encode(), source="a test")
    opened = vault(own="correct horse").decrypt(state, STACK)
    res = opened.resources[0]
    assert reveal(res.decoded_inputs()) == {"p": ["hush"]}
    assert reveal(res.decoded_outputs()) == {"o": "hush"}
    assert reveal(msgspec.json.decode(res.replacement_trigger)) == "hush"
    assert reveal(opened.pending_operations[0].resource.decoded_inputs()) == {"p": "hush"}
    assert opened.resources[1] is state.resources[1]
    assert (opened.raw, opened.digest, opened.decrypted) == (state.raw, state.digest, True)
    assert b"hush" not in opened.raw
    assert b"hush" in vault(own="correct horse").plaintext(state, STACK)


def test_secrets_that_are_in_plaintext_already_stay(opened_texts: list[str]) -> None:
    plain = {SIG: SECRET, "plaintext": '"known"'}
    state = checkpoint({"a": {"p": plain, "q": SEALER.secret("hush")}})
    assert reveal(inputs(vault(own="correct horse").decrypt(state, STACK), "a")) == {"p": "known", "q": "hush"}
    assert opened_texts == ['"hush"']


def test_comparing_opens_only_what_is_stored_differently(opened_texts: list[str]) -> None:
    same, gone = SEALER.secret("same"), SEALER.secret("gone")
    again = SEALER.secret("again")
    old = checkpoint({"a": {"p": same}, "b": {"p": again}, "c": {"p": SEALER.secret("old")}, "d": {"p": gone}})
    new = checkpoint({"a": {"p": same}, "b": {"p": SEALER.secret("again")}, "c": {"p": SEALER.secret("new")}})
    held = vault(own="correct horse")
    left, right = held.decrypt_differing(old, new, STACK)
    assert sorted(opened_texts) == ['"again"', '"again"', '"gone"', '"new"', '"old"']
    found = {item.name: item.op for item in diff_checkpoints(left, right).resources}
    assert found == {"c": "update", "d": "delete"}, "b holds the same secret, encrypted anew"
    assert [left.decrypted, right.decrypted] == [False, False], "a is as it was stored"
    for known in (old, new):  # in plaintext on one side alone, a would seem to differ
        held.decrypt(known, STACK)
        found = {item.name: item.op for item in diff_checkpoints(*held.decrypt_differing(old, new, STACK)).resources}
        assert found == {"c": "update", "d": "delete"}
    for sides in ((held.decrypt(old, STACK), new), (old, held.decrypt(new, STACK))):
        left, right = held.decrypt_differing(*sides, STACK)
        assert {item.name for item in diff_checkpoints(left, right).resources} == {"c", "d"}


def test_one_resource_is_opened_alone(opened_texts: list[str]) -> None:
    state = checkpoint({"a": {"p": SEALER.secret("mine")}, "b": {"p": SEALER.secret("theirs")}})
    opened = vault(own="correct horse").decrypt_resource(state, STACK, state.resources[0])
    assert reveal(opened.decoded_inputs()) == {"p": "mine"}
    assert opened_texts == ['"mine"']


# -- passphrases -------------------------------------------------------------------------------------------------------


def test_several_passphrases_are_tried_and_what_opened_one_checkpoint_opens_the_next(derived: list[str]) -> None:
    held = vault("nonsense", "battery staple", own="correct horse")
    for sealer in (SEALER, OTHER):
        state = checkpoint({"a": {"p": sealer.secret("hush")}}, sealer)
        assert reveal(inputs(held.decrypt(state, STACK), "a")) == {"p": "hush"}
    assert derived == ["nonsense", "battery staple", "correct horse", "nonsense", "battery staple"]
    derived.clear()
    mine = checkpoint({"a": {"p": SEALER.secret("again")}})
    other = checkpoint({"a": {"p": OTHER.secret("again")}}, OTHER)
    held.decrypt(mine, STACK)
    held.decrypt(other, STACK)
    assert derived == ["correct horse", "battery staple"]
    assert held.environment(mine) == {}, "the engine finds the operator's own by itself"
    assert held.environment(other) == {VARIABLE: "battery staple"}
    assert (held.opened_by(mine), held.opened_by(other)) == (VARIABLE, "file battery staple")


def test_one_that_is_typed_in_later_counts_at_once() -> None:
    held = vault(own="correct horse")
    state = checkpoint({"a": {"p": OTHER.secret("hush")}}, OTHER)
    with pytest.raises(SecretsError, match="passphrase is wrong") as caught:
        held.decrypt(state, STACK)
    assert VARIABLE in caught.value.hint
    held.add_passphrase("battery staple")
    assert reveal(inputs(held.decrypt(state, STACK), "a")) == {"p": "hush"}


def test_a_key_is_derived_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Sealer("only once", b"of 8 too")
    state = checkpoint({"a": {"p": sealer.secret("hush")}}, sealer)
    vault(own="only once").decrypt(state, STACK)
    monkeypatch.delattr("hashlib.pbkdf2_hmac")
    assert vault(own="only once").decrypt(state, STACK).decrypted


def test_what_is_wrong_or_missing_is_said() -> None:
    state = checkpoint({"a": {"p": SEALER.secret("hush")}})
    with pytest.raises(SecretsError, match="no passphrase is set") as missing:
        vault().decrypt(state, STACK)
    assert FILE_VARIABLE in missing.value.hint
    with pytest.raises(SecretsError, match="none of the 2 available passphrases opens this checkpoint"):
        vault("one", own="two").decrypt(state, STACK)
    with pytest.raises(SecretsError, match="passphrase is wrong"):
        vault(own="").decrypt(state, STACK)  # set but empty counts, as it does for the CLI


def test_the_environment_names_a_passphrase_as_it_does_for_the_cli(tmp_path: Path) -> None:
    file = tmp_path / "phrase"
    file.write_text("  from a file \n")
    found = own_passphrase({FILE_VARIABLE: "phrase"}, tmp_path)
    assert found is not None
    assert (found.text, found.environment) == ("from a file", {})
    assert "from a file" not in repr(found)
    both = own_passphrase({FILE_VARIABLE: str(file), VARIABLE: ""}, tmp_path)
    assert both is not None
    assert both.text == ""
    assert own_passphrase({}, tmp_path) is None
    with pytest.raises(SecretsError, match="can't be read"):
        own_passphrase({FILE_VARIABLE: "gone"}, tmp_path)


# -- damage ------------------------------------------------------------------------------------------------------------

GOOD = SEALER.text(b'"hush"')
_, NONCE, DATA = GOOD.split(":")


def altered(encoded: str) -> str:
    data = bytearray(base64.b64decode(encoded))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("ciphertext", "reason"),
    [
        (f"v2:{NONCE}:{DATA}", "form is unknown"),
        ("", "form is unknown"),
        ("v1:", "damaged or truncated"),
        (f"v1:{NONCE}", "damaged or truncated"),
        (f"v1:{NONCE}:{DATA[:-3]}", "damaged or truncated"),
        (f"v1:{NONCE}:{DATA[:12]}", "damaged or truncated"),
        (f"v1:{NONCE[:-4]}:{DATA}", "damaged or truncated"),
        (f"v1:{NONCE}:{DATA[:-1]}é", "damaged or truncated"),
        (f"v1:{NONCE}:{altered(DATA)}", "was altered"),
        (f"v1:{altered(NONCE)}:{DATA}", "was altered"),
        (OTHER.text(b'"hush"'), "belongs to another stack"),
    ],
)
def test_a_damaged_ciphertext_is_our_error_and_names_the_resource(ciphertext: str, reason: str) -> None:
    state = checkpoint({"a": {"p": {SIG: SECRET, "ciphertext": ciphertext}}})
    with pytest.raises(SecretsError, match=f"^a: .*{reason}") as caught:
        vault(own="correct horse").decrypt(state, STACK)
    assert "Choose another update" in caught.value.hint


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode()))
def test_no_ciphertext_and_no_salt_crashes(junk: bytes) -> None:
    text = junk.decode(errors="replace")
    key = unlock("correct horse", SEALER.salt)
    assert key is not None
    for ciphertext in (text, f"v1:{text}", f"v1:{NONCE}:{text}", f"v1:{text}:{DATA}"):
        with pytest.raises(SecretsError):
            key.open(ciphertext)
    salt_of(msgspec.Raw(junk))
    for salt in (text, f"v1:{text}", f"v1:{text}:v1:"):
        salt_of(msgspec.Raw(json.dumps({"salt": salt}).encode()))


def test_what_a_secret_holds_must_be_text() -> None:
    state = checkpoint({"a": {"p": {SIG: SECRET, "ciphertext": SEALER.text(b"\xff\xfe")}}})
    with pytest.raises(CheckpointError, match="a secret in the checkpoint is damaged"):
        vault(own="correct horse").decrypt(state, STACK)


@pytest.mark.parametrize("provider", [{"type": "cloud", "state": {"url": "awskms://x"}}, {"type": "service"}, None])
def test_other_providers_are_the_clis(provider: dict[str, Any] | None) -> None:
    state = checkpoint({"a": {"p": SEALER.secret("hush")}}, secrets_providers=provider)
    for ask in (vault(own="correct horse").decrypt, vault(own="correct horse").plaintext):
        with pytest.raises(AssertionError, match="the CLI was asked"):
            ask(state, STACK)
