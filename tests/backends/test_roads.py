"""Look, go back and forth on each kind of backend, with the real engine and a real server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.state.locks import Lock
from tests.backends.conftest import only_on
from tests.backends.served_stack import ServedStack, program
from tests.support.rewind import plan, roll_back, said, session


def image(stack: ServedStack) -> str:
    found: str = stack.resources()["web"]["inputs"]["image"]
    return found


@contextlib.contextmanager
def looking_at_locks(shop: ServedStack) -> Iterator[list[Lock]]:
    """Who held the stack during the block, as somebody else saw it who looked all the time."""
    seen, over, other = list[Lock](), threading.Event(), session(shop)

    def look() -> None:
        while not over.wait(0.02):
            seen.extend(other.backend.locks(other.stack))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_there_and_back(shop: ServedStack) -> None:
    opened = session(shop)
    total = len(opened.timeline)
    assert [update.number for update in opened.timeline.history.newest(total)] == list(range(total, 0, -1))
    listed = said(shop, "history")
    assert listed.code == 0, listed
    assert "● live" in listed.out
    assert "locked" not in listed.err
    differing = said(shop, "diff", "2", "3")
    assert "two" in differing.out
    assert "hush" not in differing.out
    for target, name in (("2", "two"), ("3", "three")):
        run = RollbackRun(session(shop), plan(shop, target), allow_data_loss=True)
        with looking_at_locks(shop) as locks:
            for _ in run.events():
                pass
        assert run.result is not None
        assert run.result.result == "succeeded"
        assert [item for item in run.result.differences if not item.expected] == []
        assert locks, "while it runs everybody sees that"
        assert image(shop) == name
        after = session(shop)
        assert after.timeline.equals_live(int(target))
        assert not after.backend.locks(after.stack)
    assert len(session(shop).timeline) == total + 2


def test_a_failed_update_is_taken_back(shop: ServedStack) -> None:
    before = image(shop)
    shop.trouble({"name": "more", "operation": "create", "action": "fail"})
    shop.write_program(program("four") + 'more = bridged.Server("more", {"image": "x", "dependsId": web.id})\n')
    failed = said(shop, "up", "--yes", "--json", "--rollback-on-failure", "--allow-data-loss")
    shop.trouble()
    assert failed.code == 5, failed
    assert failed.json_lines()[-1]["result"] == "rolled-back"
    assert image(shop) == before
    listed = said(shop, "history", "--json", "--limit", "2").json()
    assert [row["result"] for row in listed] == ["succeeded", "failed"]


def test_a_state_alone_is_put_back(shop: ServedStack) -> None:
    before = "2" if image(shop) == "three" else "3"
    result = roll_back(shop, before, strategy="state")
    assert result.result == "succeeded"
    assert image(shop) == {"2": "two", "3": "three"}[before]
    assert session(shop).timeline.equals_live(int(before))


@only_on("s3", "postgres")
def test_records_stand_in_for_what_was_pruned(shop: ServedStack) -> None:
    assert said(shop, "record", "--all").code == 0
    total = len(session(shop).timeline)
    pruned = prune_oldest(shop)
    assert pruned == 2, "the record and its checkpoint"
    assert len(session(shop).backend.history(session(shop).stack)) == total - 1
    listed = said(shop, "history", "--limit", "0")
    assert "from its record" in listed.out.splitlines()[-1], listed
    assert "two" in said(shop, "diff", "1", "2").out
    result = roll_back(shop, "1")
    assert result.result == "succeeded"
    assert image(shop) == "one"
    assert session(shop).timeline.equals_live(1)


def prune_oldest(stack: ServedStack) -> int:
    """Removes what the backend keeps of the oldest update, as a rule of the bucket would; how many objects."""
    folder = f".pulumi/history/{stack.project}/{stack.name}/"
    if stack.server.directory != Path():
        import obstore
        from obstore.store import S3Store

        address = stack.backend_url.partition("endpoint=")[2].partition("&")[0]
        store = S3Store("state", prefix=stack.prefix, endpoint=address, client_options={"allow_http": True},
                        access_key_id="testkey", secret_access_key="testsecret", region="us-east-1")  # fmt: skip
        paths = sorted(item["path"] for chunk in obstore.list(store, folder) for item in chunk)[:2]
        obstore.delete(store, paths)
        return len(paths)
    import psycopg

    url, table = stack.backend_url.split("&table=")
    with psycopg.connect(url) as database:
        oldest = f"SELECT key FROM {table} WHERE position('{folder}' in key) > 0 ORDER BY key LIMIT 2"
        return database.execute(f"DELETE FROM {table} WHERE key IN ({oldest})").rowcount


@only_on("s3", "gs", "azblob", "postgres")
def test_a_part_of_a_state_is_read_alone_where_that_can_be(shop: ServedStack) -> None:
    """Past the end there is nothing. rclone knows no ranges, and a table gives whole rows."""
    history = session(shop).backend.history(session(shop).stack)
    numbers = range(len(history), 0, -1)
    able = shop.backend_url.startswith(("gs:", "azblob:"))
    assert list(history.parts(numbers, 20, 64)) == [history.raw(number)[20:84] if able else None for number in numbers]
    assert not any(history.parts(numbers, 1 << 20, 64))
