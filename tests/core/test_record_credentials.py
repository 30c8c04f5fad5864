"""No passphrase, and no access token, gets into a record, wherever it lies."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable

import pytest

from pulumi_rewind.assets.hash import hash_path
from pulumi_rewind.records.secrets import secret_content
from pulumi_rewind.rollback.recording import record_update
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.values import ARCHIVE, ASSET, SIG
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo

LONG, SHORT = 'correct "horse" of mine', "hunt3r"

Opened = Callable[[GitRepo, FileStore, str], Session]


def opened(repo: GitRepo, store: FileStore, passphrases: tuple[str, ...] = (), **environ: str) -> Session:
    base = {"PULUMI_BACKEND_URL": store.url, "PATH": os.environ["PATH"], "PULUMI_HOME": str(repo.root.parent / "home")}
    return open_session(repo.root, "dev", environ={**base, **environ}, passphrases=passphrases)


def by_variable(repo: GitRepo, store: FileStore, text: str) -> Session:
    return opened(repo, store, PULUMI_CONFIG_PASSPHRASE=text)


def by_file(repo: GitRepo, store: FileStore, text: str) -> Session:
    (repo.root / "pw.txt").write_text(f"{text}\n")
    return opened(repo, store, PULUMI_CONFIG_PASSPHRASE_FILE="./pw.txt")


def by_option(repo: GitRepo, store: FileStore, text: str) -> Session:
    (repo.root / "pw.txt").write_text(f"{text}\n")
    return opened(repo, store, (text,))


def by_settings(repo: GitRepo, store: FileStore, text: str) -> Session:
    (repo.root / "rewind.toml").write_text('passphrase_env = ["OLD"]\n')
    return opened(repo, store, OLD=text)


def by_hand(repo: GitRepo, store: FileStore, text: str) -> Session:
    session = opened(repo, store)
    session.vault.add_passphrase(text)
    return session


def by_login(repo: GitRepo, store: FileStore, text: str) -> Session:
    home = repo.root.parent / "home"
    home.mkdir()
    (home / "credentials.json").write_text(json.dumps({"accessTokens": {"https://pulumi.example.test": text}}))
    return opened(repo, store)


def by_cloud(repo: GitRepo, store: FileStore, text: str) -> Session:
    return opened(repo, store, AZURE_STORAGE_CONNECTION_STRING=f"AccountName=a;AccountKey={text}")


def objects(repo: GitRepo) -> str:
    """All blobs of the repository that no commit of the operator's has."""
    known = set(repo.git("rev-list", "--objects", "--no-object-names", "main").split())
    lines = repo.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    names = [line.split()[0] for line in lines if line.split()[1] == "blob" and line.split()[0] not in known]
    return "\n".join(repo.git("cat-file", "blob", name) for name in names)


@pytest.mark.parametrize("given", [by_variable, by_file, by_option, by_settings, by_hand, by_login, by_cloud])
@pytest.mark.parametrize("text", [LONG, SHORT])
def test_it_stands_nowhere(repo: GitRepo, store: FileStore, given: Opened, text: str) -> None:
    work = repo.root
    (work / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    lines = [f"line {number}" for number in range(20)]
    (work / "removed.py").write_text("\n".join([*lines, text, *lines]))
    (work / "around.py").write_text("\n".join([*lines, f"key = {text}", "x = 1", *lines]))
    (work / "tracked.py").write_text("x = 1\n")
    (work / "fine.py").write_text("x = 1\n")
    commit = repo.commit("one")
    (work / "removed.py").write_text("\n".join([*lines, *lines]))
    (work / "around.py").write_text("\n".join([*lines, f"key = {text}", "x = 2", *lines]))
    (work / "tracked.py").write_text(f"x = '{text}'\n")
    (work / "fine.py").write_text("x = 2\n")
    (work / "notes").write_text(f"some words\n{text}\nmore\n")
    (work / "set.sh").write_text(f'export X="{text}"\n')
    (work / "Pulumi.dev.yaml").write_text(f"config:\n  shop:a: {text}\n")
    (work / "rewind_hooks.py").write_text(f"PASS = '{text}'\n")
    asset = work / "asset"
    asset.write_text(text)
    folder = work / "folder"
    folder.mkdir()
    (folder / "inside").write_text(f"{text}\n")
    assets = {
        "file": {SIG: ASSET, "hash": hash_path(ASSET, str(asset)), "path": "asset"},
        "tree": {SIG: ARCHIVE, "hash": hash_path(ARCHIVE, str(folder)), "path": "folder"},
    }
    environment = {"git.author": text, "git.headName": f"refs/heads/{text}"} if text == LONG else {}
    store.add(assets, commit=commit, dirty=True, message=f"with\n{text}", environment=environment)
    session = given(repo, store, text)
    written = record_update(session, 1, {"log": f"it said:\n{text}\n".encode()})
    assert written.new
    kept = objects(repo)
    assert "x = 2" in kept
    assert text not in kept
    assert json.dumps(text)[1:-1] not in kept
    left_out = {item.path for item in written.left_out}
    expected = {"removed.py", "around.py", "tracked.py", "notes", "set.sh", "asset", "folder/inside", "evidence/log"}
    assert left_out >= expected
    assert "uncommitted.patch" not in left_out


def test_the_file_itself_is_left_out_whatever_links_to_it(repo: GitRepo, store: FileStore) -> None:
    """Also where what it holds isn't text, or stands in it with more."""
    work = repo.root
    (work / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: config\n")
    store.add("one", commit=repo.commit("one"), dirty=True)
    folder = work / "keys"
    folder.mkdir()
    secret = folder / "pw"
    secret.write_bytes(b"\xff\xfe not text")
    (work / "soft").symlink_to("keys/pw")
    (work / "hard").hardlink_to(secret)
    (work / "fine").write_text("fine")
    (work / "config").mkdir()
    (work / "config" / "Pulumi.dev.yaml").hardlink_to(secret)
    session = open_session(
        folder, "dev", environ={"PULUMI_BACKEND_URL": store.url, "PULUMI_CONFIG_PASSPHRASE_FILE": "pw"}
    )
    written = record_update(session, 1)
    left_out = {item.path for item in written.left_out}
    assert left_out == {"keys/pw", "soft", "hard", "config.yaml", "config/Pulumi.dev.yaml"}
    assert "fine" in objects(repo)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, bytes.hex])
def test_an_encoded_secret_is_one(encode: Callable[[bytes], bytes | str], before: str) -> None:
    secret = "päss>word?with~all/sorts".encode()
    found = encode(before.encode() + secret + b"\n")
    content = f"key: {found if isinstance(found, str) else found.decode()}\n".encode()
    assert secret_content(content, (secret,))
    assert secret_content(content, (secret + b"\n",))
    assert not secret_content(content, (b"another secret",))


def test_a_short_word_counts_only_as_a_value() -> None:
    known = (SHORT.encode(), b"ab")
    for text in ("say hunt3rs and hunt3r alike", "abhunt3r\n", "x: my-hunt3r", "table", "x: ab\n"):
        assert not secret_content(text.encode(), known), text
    for text in ("hunt3r", "a: hunt3r\n", "A='hunt3r'", '{"a": "hunt3r"\n}', "-hunt3r\n", "x\r\nhunt3r\r\n", "ab\n"):
        assert secret_content(text.encode(), known), text
