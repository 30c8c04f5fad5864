"""Whether a type that is named like something that holds data is known as such, or harmless for a reason.

The names are those of real packages (tests/core/types, written by scripts/type_names.py). When these are written anew
from newer packages, this asks of each new type what it is.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from pulumi_rewind.state.stateful_types import is_stateful
from scripts.type_names import FOLDER, smells, text, tokens
from tests.support.harmless_types import ENDINGS, HOLDING, PATTERNS, why_harmless

FILES = sorted(FOLDER.glob("*.txt"))


def types(file: Path) -> Iterator[str]:
    """The tokens of a file of names."""
    package, *words = file.read_text().partition("\n")[2].split()
    module = ""
    for word in words:
        if word.endswith(":"):
            module = word
        else:
            yield f"{package.removesuffix('::')}:{module}{word}"


EVERY = [token for file in FILES for token in types(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_whatever_is_named_like_data_is_known_to_hold_some_or_harmless_for_a_reason(file: Path) -> None:
    unknown = [token for token in types(file) if not is_stateful(token) and not why_harmless(token)]
    assert not unknown, "a row of stateful_tables.py, or a reason in tests/support/harmless_types.py"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_both(file: Path) -> None:
    """Else a type could leave the table without a word."""
    both = {token: why_harmless(token) for token in types(file) if is_stateful(token) and why_harmless(token)}
    assert not both, "a narrower pattern, or a pattern of HOLDING"


def test_the_documents_name_the_packages() -> None:
    page = (FOLDER.parents[2] / "docs/settings.md").read_text().partition("## Types that hold data")[2]
    titles = [file.read_text().removeprefix("# ").partition(":")[0] for file in FILES]
    assert [title for title in titles if title not in " ".join(page.split())] == []


def test_no_reason_is_left_over() -> None:
    plain = [token.lower() for token in EVERY]
    patterns = [*PATTERNS, *HOLDING.split()]
    assert [pattern for pattern in patterns if not any(fnmatchcase(token, pattern) for token in plain)] == []
    given = {why_harmless(token) for token in EVERY}
    assert given >= {*ENDINGS, *PATTERNS.values()}


def test_one_object_is_the_same_in_both_spellings() -> None:
    """By the Terraform provider's name of a type, and by that of Pulumi's own package for it."""
    own = {"".join(token.lower().split(":")[1:]): token for token in EVERY if token.startswith("aws:")}
    bridged = {token.lower().removeprefix("aws:index:"): token for token in EVERY if token.startswith("aws:index:")}
    pairs = [(own[name], token) for name, token in bridged.items() if name in own]
    assert len(pairs) > 70
    assert [pair for pair in pairs if len(set(map(is_stateful, pair))) != 1] == []


def test_names_are_gathered_from_every_kind_of_package(tmp_path: Path) -> None:
    wheel = tmp_path / "pulumi_acme-1.2.3-py3-none-any.whl"
    rows = [{"pkg": "acme", "mod": "db/x", "classes": {"acme:db/ledgerOne:LedgerOne": "LedgerOne"}}]
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pulumi_acme/__init__.py", f'register(resource_modules="""\n{json.dumps(rows)}\n""",)')
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"name": "acme", "resources": {"acme:web:Page": {}, "acme:web:PageStore": {}}}))
    go = tmp_path / "terraform-provider-acme@v1.60.0" / "provider.go"
    go.parent.mkdir()
    go.write_text('"acme_ami": dataSourceAmi(),\n "acme_db_instance":  resourceAcmeDbInstance(),\n')
    assert [tokens(path) for path in (wheel, schema, go)] == [
        ("pulumi-acme 1.2.3", ["acme:db/ledgerOne:LedgerOne"]),
        ("acme", ["acme:web:Page", "acme:web:PageStore"]),
        ("terraform-provider-acme 1.60.0", ["acme:index/dbInstance:DbInstance"]),
    ]
    lines = text(*tokens(schema)).splitlines()
    assert lines[0].startswith("# acme: 2 types, 1 of them here.")
    assert lines[1:] == ["acme::", "web: PageStore"]


@pytest.mark.parametrize(
    ("module", "name", "is_it"),
    [("rds", "Instance", True), ("web", "PageBucket", True), ("index", "KmsAlias", True), ("web", "Page", False)],
)
def test_what_a_name_smells_of(module: str, name: str, is_it: bool) -> None:
    assert smells(module, name) is is_it
