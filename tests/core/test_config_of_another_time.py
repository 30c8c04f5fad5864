"""A configuration file of before a change of the passphrase: the run gets a copy that fits the state, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import SecretsError
from pulumi_rewind.project.stack_configuration import config_file, of_another_time
from pulumi_rewind.secrets.passphrase import Passphrase, unlock
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import checkpoint, res
from tests.support.sealing import Sealer

OLD, NEW = Sealer("old horse", b"old salt"), Sealer("new battery", b"new salt")


def live(provider: Mapping[str, object] = NEW.provider) -> Checkpoint:
    return checkpoint(res("a"), secrets_providers=provider)


def vault(*passphrases: str) -> Vault:
    def engine() -> Engine:
        raise AssertionError("no engine is needed")

    return Vault(engine, [Passphrase(text, "given") for text in passphrases])


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "private").mkdir()
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text)
    return path


def old_file() -> str:
    secret = OLD.text(b"cfg-secret-one")
    nested = OLD.text(b"deep")
    return (
        f"encryptionsalt: {OLD.salt}\nconfig:\n  shop:size: 010\n  shop:pw:\n    secure: {secret}\n"
        f"  shop:more:\n    list:\n      - secure: {nested}\n"
    )


def test_its_secrets_are_encrypted_anew_under_the_passphrase_of_the_state(tmp_path: Path) -> None:
    path = written(tmp_path, old_file())
    assert path.name in of_another_time(path, live())
    both = vault("old horse", "new battery")
    copy = config_file(path, live(), tmp_path / "private", reseal=both.resealer)
    assert copy.parent == tmp_path / "private"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert path.read_text().count(OLD.salt) == 1  # the operator's file is as it was
    document = yaml.safe_load(copy.read_text())
    assert document["encryptionsalt"] == NEW.salt
    key = unlock("new battery", NEW.salt)
    assert key is not None
    assert key.open(document["config"]["shop:pw"]["secure"]) == b"cfg-secret-one"
    assert key.open(document["config"]["shop:more"]["list"][0]["secure"]) == b"deep"
    assert "shop:size: 010" in copy.read_text()
    changed = config_file(path, live(), tmp_path / "private", {"shop:size": "3"}, both.resealer)
    assert yaml.safe_load(changed.read_text())["encryptionsalt"] == NEW.salt


def test_without_the_passphrase_of_that_time_it_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, old_file())
    with pytest.raises(SecretsError, match=r"Pulumi\.dev\.yaml does not match the state") as refused:
        config_file(path, live(), tmp_path / "private", reseal=vault("new battery").resealer)
    assert "git checkout" in refused.value.hint
    assert "--passphrase-file" in refused.value.hint


def test_a_file_without_secrets_needs_no_passphrase(tmp_path: Path) -> None:
    path = written(tmp_path, f"encryptionsalt: {OLD.salt}\nconfig:\n  shop:size: s\n")
    copy = config_file(path, live(), tmp_path / "private", reseal=vault("new battery").resealer)
    assert yaml.safe_load(copy.read_text()) == {"encryptionsalt": NEW.salt, "config": {"shop:size": "s"}}


def test_a_file_of_another_kind_of_provider_is_never_used(tmp_path: Path) -> None:
    """The CLI would encrypt the whole state as the file says."""
    path = written(tmp_path, f"encryptionsalt: {OLD.salt}\nconfig: {{}}\n")
    cloud = {"type": "cloud", "state": {"url": "awskms://alias/x", "encryptedkey": "QUJD"}}
    with pytest.raises(SecretsError, match="does not match the state"):
        config_file(path, live(cloud), tmp_path / "private", reseal=vault("old horse").resealer)
    path.write_text("secretsprovider: awskms://alias/x\nencryptedkey: QUJD\nconfig: {}\n")
    assert config_file(path, live(cloud), tmp_path / "private") == path
    with pytest.raises(SecretsError, match="does not match the state"):
        config_file(path, live(), tmp_path / "private", reseal=vault("new battery").resealer)


@pytest.mark.parametrize(
    "head", [f"encryptionsalt: {NEW.salt}\n", f"secretsprovider: passphrase\nencryptionsalt: {NEW.salt}\n"]
)
def test_the_file_of_today_is_used_as_it_is(tmp_path: Path, head: str) -> None:
    path = written(tmp_path, f"{head}config:\n  shop:size: s\n")
    assert of_another_time(path, live()) == ""
    assert config_file(path, live(), tmp_path / "private") == path
