"""Our hashes of assets and archives against those that the real engine puts into its state."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.assets.hash import (
    EMPTY_ARCHIVE,
    EMPTY_TEXT,
    AssetError,
    directory_files,
    hash_file,
    hash_members,
    hash_path,
    hash_text,
    hash_value,
)
from pulumi_rewind.state.values import ARCHIVE, ASSET, SIG, kind_of
from tests.support.stack import EngineStack

PROGRAM = """
import os
import pulumi
from pulumi import AssetArchive, FileArchive, FileAsset, StringAsset


LONG = "d" * 60
VALUES = {
    "file": FileAsset("hello.txt"),
    "text": StringAsset("grüße\\n"),
    "text-empty": StringAsset(""),
    "file-empty": FileAsset("empty"),
    "file-above": FileAsset("../above.txt"),
    "file-absolute": FileAsset(os.path.abspath("hello.txt")),
    "directory": FileArchive("tree"),
    "directory-slash": FileArchive("tree/"),
    "directory-dot": FileArchive("./tree/./sub/.."),
    "directory-absolute": FileArchive(os.path.abspath("tree")),
    "directory-empty": FileArchive("hollow"),
    "directory-link": FileArchive("tree-link"),
    "directory-link-slash": FileArchive(os.path.abspath("tree-link") + "/"),
    "directory-names": FileArchive("names"),
    "zip": FileArchive("pack.zip"),
    "tar": FileArchive("pack.tar"),
    "tgz": FileArchive("pack.tar.gz"),
    "assets-empty": AssetArchive({}),
    "assets": AssetArchive({"b": StringAsset("b"), "a/x": FileAsset("hello.txt"), "B": StringAsset(""),
                            "ä": StringAsset("umlaut"), "a": StringAsset("a")}),
    "nested": AssetArchive({
        "in": AssetArchive({"deep": AssetArchive({"x": StringAsset("x")}), "y": FileAsset("hello.txt")}),
        "tree": FileArchive("tree"), ".": FileArchive("tree"), "zip": FileArchive("pack.zip"),
        "tar": FileArchive("pack.tar"), "tgz": FileArchive("pack.tar.gz"), "none": AssetArchive({}),
    }),
    "duplicates": AssetArchive({
        "a": AssetArchive({"b/c": StringAsset("first")}), "a/b": AssetArchive({"c": StringAsset("second")}),
    }),
    "long-100": AssetArchive({"n" * 100: StringAsset("1")}),
    "long-101": AssetArchive({"n" * 101: StringAsset("1")}),
    "long-split": AssetArchive({f"{LONG}/{LONG}/file": StringAsset("1")}),
    "long-155": AssetArchive({"p" * 155 + "/" + "n" * 100: StringAsset("1")}),
    "long-156": AssetArchive({"p" * 156 + "/" + "n" * 100: StringAsset("1")}),
    "long-tail": AssetArchive({"p/" + "n" * 101: StringAsset("1")}),
    "long-deep": AssetArchive({"/".join([LONG] * 6): StringAsset("1")}),
    "long-slash-at-100": AssetArchive({"p" * 99 + "/" + "n" * 101: StringAsset("1")}),
    "long-slashes-at-100": AssetArchive({"p" * 97 + "///" + "n" * 101: StringAsset("1")}),
    "long-umlaut": AssetArchive({"ö" * 120: StringAsset("1"), "ö/" + "x" * 120: StringAsset("2")}),
    "long-umlaut-split": AssetArchive({f"{LONG}/ü/{LONG}/file": StringAsset("1")}),
    "only-umlauts": AssetArchive({"äöü/ß": StringAsset("1")}),
    "odd-keys": AssetArchive({
        "./a": StringAsset("1"), "b//c": StringAsset("2"), "d/../e": StringAsset("3"),
        "x/../y": AssetArchive({"z": StringAsset("4")}), "/abs": AssetArchive({"q": StringAsset("5")}),
    }),
    "pax-record-of-99": AssetArchive({"é" + "n" * n: StringAsset("1") for n in range(84, 92)}),
    "block-sizes": AssetArchive({str(n): StringAsset("x" * n) for n in (511, 512, 513, 1024)}),
}
for name, value in VALUES.items():
    pulumi.ComponentResource("test:index:Holder", name, {"value": value})
"""


def lay_out(root: Path) -> None:
    """The files that the program refers to."""
    (root / "hello.txt").write_text("hello\n")
    (root / "empty").write_text("")
    (root.parent / "above.txt").write_text("above\n")
    tree = root / "tree"
    for name, text in {
        "a-b/1": "1",
        "a/2": "2",
        "a.txt": "3",
        "sub/deep/x": "x",
        "sub/.pulumi/state": "left out",
        ".pulumi/state": "left out",
        "sub/.hidden": "kept",
        "Z": "z",
        "empty": "",
    }.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tree / "run.sh").write_text("#!/bin/sh\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "nothing").mkdir()
    (tree / "link-to-file").symlink_to("a.txt")
    (tree / "link-out").symlink_to("../hello.txt")
    (tree / "link-to-directory").symlink_to("sub")
    (root / "hollow" / "inner").mkdir(parents=True)
    (root / "tree-link").symlink_to("tree")
    names = root / "names"
    for name in ("ä.txt", "日本/語.txt", "n" * 200, "/".join(["l" * 90] * 3), "é/" + "m" * 150, "with space", "tab\t"):
        path = names / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (names / os.fsdecode(b"\xff\xfe")).write_text("no UTF-8")
    with zipfile.ZipFile(root / "pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("z/last.txt", "last")
        pack.mkdir("folder")
        pack.writestr("ä.txt", "umlaut")
        pack.writestr("a/./first.txt", "first" * 1000)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tape:
        for name, data in {"./t/one": b"1", "ü": b"2", "l" * 150: b"3"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tape.addfile(entry, io.BytesIO(data))
        folder = tarfile.TarInfo("t/folder")
        folder.type = tarfile.DIRTYPE
        tape.addfile(folder)
    (root / "pack.tar").write_bytes(plain.getvalue())
    (root / "pack.tar.gz").write_bytes(gzip.compress(plain.getvalue(), mtime=0))


@pytest.mark.engine
def test_every_hash_is_the_one_the_engine_makes(stack: EngineStack) -> None:
    lay_out(stack.root)
    stack.up(PROGRAM)

    values = {
        name: res["inputs"]["value"] for name, res in stack.resources().items() if res["type"] == "test:index:Holder"
    }
    assert len(values) == PROGRAM.count('\n    "')
    for value in values.values():
        assert kind_of(value) in {ASSET, ARCHIVE}
        assert len(value["hash"]) == 64
    ours = {name: hash_value(value, stack.root) for name, value in values.items()}
    assert ours == {name: value["hash"] for name, value in values.items()}
    # Each case says something of its own, or the engine's answer would prove little.
    assert ours["directory"] == ours["directory-slash"] == ours["directory-link-slash"] != ours["directory-link"]
    assert ours["directory-link"] == ours["directory-empty"] == ours["assets-empty"] == EMPTY_ARCHIVE
    assert values["text-empty"] == {SIG: ASSET, "hash": EMPTY_TEXT}


def archive(**assets: Any) -> dict[str, Any]:
    return {SIG: ARCHIVE, "assets": assets}


def test_what_is_empty_has_the_engines_well_known_hashes(tmp_path: Path) -> None:
    assert hash_text("") == EMPTY_TEXT == hash_value({SIG: ASSET}, tmp_path)
    assert (
        hash_members([]) == EMPTY_ARCHIVE == hash_value({SIG: ARCHIVE}, tmp_path) == hash_path(ARCHIVE, str(tmp_path))
    )


def test_a_recorded_hash_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("now")
    value = archive(f={SIG: ASSET, "hash": hash_text("then"), "path": "f"}) | {"hash": "0" * 64}
    assert hash_value(value, tmp_path) == hash_members([(b"f", 3, [b"now"])])


def test_a_large_file_is_read_in_pieces(tmp_path: Path) -> None:
    content = os.urandom(1 << 16) * 50
    (tmp_path / "large").write_bytes(content)
    assert hash_file(str(tmp_path / "large")) == hashlib.sha256(content).hexdigest()
    assert hash_path(ARCHIVE, str(tmp_path)) == hash_members([(b"large", len(content), [content])])


def test_a_file_of_more_than_eight_gigabytes_gets_its_size_in_a_pax_header() -> None:
    seen = hashlib.sha256()

    class Spy:
        """Stands in for 8 GiB of content, which aren't needed to see the headers."""

        def __iter__(self) -> Any:
            return iter(())

    size = 8**11
    ours = hash_members([(b"big", size, Spy())])
    body = b"19 size=8589934592\n"
    blocks = io.BytesIO()
    pax = tarfile.TarInfo("PaxHeaders.0/big")
    pax.type, pax.mode, pax.size = b"x", 0, len(body)
    main = tarfile.TarInfo("big")
    main.mode, main.type = 0o600, b"0"
    blocks.write(pax.tobuf(tarfile.USTAR_FORMAT) + body.ljust(512, b"\0"))
    head = bytearray(main.tobuf(tarfile.USTAR_FORMAT))
    head[329:337] = head[337:345] = b"0000000\0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    blocks.write(head)
    seen.update(blocks.getvalue() + bytes(1024))
    assert ours == seen.hexdigest()


def test_names_count_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for name in ("b", "a.txt", "a/z", "a-b", "é", "Z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [name for name, _ in directory_files(str(tmp_path))] == [b"Z", b"a/z", b"a-b", b"a.txt", b"b", "é".encode()]


def test_a_directory_deeper_than_pythons_recursion(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(40):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "f").write_text("x")
    (found,) = directory_files(str(tmp_path))
    assert found[0] == b"d/" * 40 + b"f"


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    for name in ("pipe", "sock", "missing", "bad\0name"):
        with pytest.raises(AssetError):
            hash_value({SIG: ASSET, "path": name}, tmp_path)
    with pytest.raises(AssetError, match="regular file"):
        hash_path(ARCHIVE, str(tmp_path))
    with pytest.raises(AssetError, match="regular file"):
        hash_path(ASSET, str(tmp_path))
    with pytest.raises(AssetError, match="regular file"):
        hash_path(ASSET, "/dev/zero")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_broken_link_is_an_error_as_for_the_engine(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(AssetError, match="link"):
        hash_path(ARCHIVE, str(tmp_path))


def test_a_file_that_should_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(AssetError, match="not a directory"):
        hash_path(ARCHIVE, str(tmp_path / "f"))


@pytest.mark.parametrize("name", ["bad.zip", "bad.jar", "bad.tar", "bad.tgz", "bad.tar.gz"])
def test_a_damaged_archive_inside_another(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is not an archive" * 50)
    inside = {SIG: ARCHIVE, "path": name}
    assert hash_value(inside, tmp_path) == hash_file(str(tmp_path / name))  # alone it is just bytes
    with pytest.raises(AssetError, match="bad"):
        hash_value(archive(x=inside), tmp_path)


def test_a_cut_off_archive_inside_another(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a", os.urandom(5000))
    raw = bytearray((tmp_path / "p.zip").read_bytes())
    raw[100:200] = bytes(100)
    (tmp_path / "p.zip").write_bytes(raw)
    with pytest.raises(AssetError, match=r"p\.zip"):
        hash_value(archive(x={SIG: ARCHIVE, "path": "p.zip"}), tmp_path)
    packed = gzip.compress(os.urandom(5000))
    (tmp_path / "p.tgz").write_bytes(packed[:3000])
    with pytest.raises(AssetError, match=r"p\.tgz"):
        hash_value(archive(x={SIG: ARCHIVE, "path": "p.tgz"}), tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        {SIG: ASSET, "uri": "https://example.test/a"},
        {SIG: ARCHIVE, "uri": "https://example.test/a.zip"},
        {SIG: ASSET, "hash": "1" * 64},
        {SIG: ARCHIVE, "hash": "1" * 64},
        archive(a="text"),
        archive(**{"a/": {SIG: ASSET, "text": "x"}}),
        archive(**{"": {SIG: ASSET, "text": "x"}}),
        archive(**{"a\0b": {SIG: ASSET, "text": "x"}}),
    ],
)
def test_what_has_no_content_here_has_no_hash(value: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AssetError):
        hash_value(value, tmp_path)


def test_a_file_that_changes_its_size_while_it_is_read() -> None:
    with pytest.raises(AssetError):
        hash_value(archive(a={SIG: ASSET, "path": "/proc/self/status"}), Path("/"))
