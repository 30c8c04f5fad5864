"""Which number an update has where the backend has lost others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.records.history import Places, place_updates
from pulumi_rewind.records.secrets import secret_content, secret_name

NUMBERS = st.integers(min_value=1, max_value=12)


def numbers_of(places: Places, count: int) -> list[int]:
    """The numbers of the backend's updates in order."""
    found = {places.place(number): number for number in range(1, places.total + 1) if places.place(number)}
    assert sorted(found) == list(range(1, count + 1))
    return [found[place] for place in sorted(found)]


def placed(there: list[int], recorded: set[int]) -> Places:
    known = [(place, number) for place, number in enumerate(there, 1) if number in recorded]
    return place_updates(len(there), known, sorted(recorded))


@given(NUMBERS, st.sets(NUMBERS), st.sets(NUMBERS))
def test_whatever_is_lost_is_numbered_right_if_it_is_recorded(total: int, lost: set[int], more: set[int]) -> None:
    there = [number for number in range(1, total + 1) if number not in lost]
    recorded = {number for number in lost | more if number <= total}
    if not recorded.intersection(there):
        recorded |= set(there[:1])
    places = placed(there, recorded)
    assert places.total == total
    assert numbers_of(places, len(there)) == there


@given(NUMBERS, st.integers(min_value=0, max_value=11), st.sets(NUMBERS, min_size=1))
def test_a_pruned_history_is_counted_from_any_record(total: int, pruned: int, recorded: set[int]) -> None:
    there = list(range(min(pruned, total - 1) + 1, total + 1))
    recorded = {number for number in recorded if number in there} or {there[-1]}
    places = placed(there, recorded)
    assert places.total == total
    assert numbers_of(places, len(there)) == there


@given(NUMBERS, st.lists(st.tuples(NUMBERS, NUMBERS)), st.sets(NUMBERS))
def test_anything_gives_an_order(count: int, known: list[tuple[int, int]], recorded: set[int]) -> None:
    """Also what no history can be: every update of the backend keeps a number, in order."""
    places = place_updates(count, [(place, number) for place, number in known if place <= count], recorded)
    assert len(numbers_of(places, count)) == count
    assert numbers_of(places, count) == sorted(numbers_of(places, count))


@pytest.mark.parametrize(
    "name",
    [".env", "a/.env.local", "prod.ENV", "x/server.key", "id_ed25519", "kubeconfig", ".ssh/known", "a/secrets.yaml",
     "gcp-credentials-prod.json", "service_account.json", "passphrase", "terraform.tfstate", ".npmrc"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name", ["main.py", ".env.example", "id_ed25519.pub", "Pulumi.dev.yaml", "keys.py", "environment.ts", "monkey.txt"]
)
def test_other_names(name: str) -> None:
    assert not secret_name(name)


@pytest.mark.parametrize(
    "content",
    ["-----BEGIN OPENSSH " + "PRIVATE KEY-----", "x ghp_" + "a" * 36, "export PULUMI_ACCESS_TOKEN=" + "x1",
     "aws_secret_access_key = " + "a" * 40, '"private_key": "', "pul-" + "0" * 40],
)  # fmt: skip
def test_contents_that_are_secret(content: str) -> None:
    assert secret_content(content.encode())


def test_contents_that_are_not() -> None:
    text = b"PULUMI_ACCESS_TOKEN: ${{ secrets.PULUMI }}\nPULUMI_CONFIG_PASSPHRASE=$(pass show x)\nAKIA\nghp_short"
    assert not secret_content(text)
    assert not secret_content(b"a short one", (b"short",))
    assert secret_content(b"it is correct horse", (b"correct horse",))
