"""The history of a stack in a bucket: what is asked of the server, what the cache knows, and what changes meanwhile.

No engine: the stack is written into the bucket's directory by hand.
"""

from __future__ import annotations

import dataclasses
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import msgspec
import pytest

from pulumi_rewind.backends import diy, diy_history, listing, open_backend
from pulumi_rewind.backends.protocol import History
from pulumi_rewind.backends.storage import Item
from pulumi_rewind.errors import HistoryMoved, RefusedError
from pulumi_rewind.guard.checks import check_unlocked
from pulumi_rewind.history.blame import blame
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind_tui.messages import EntriesLoaded, HistoryLoaded, HistoryReplaced, MarksLoaded
from pulumi_rewind_tui.screens.home_loading import load_timeline
from pulumi_rewind_tui.workers import comparer
from pulumi_rewind_tui.workers.comparer import Comparer
from pulumi_rewind_tui.workers.diff_process import SessionSpec
from pulumi_rewind_tui.workers.planner import Request, make_plan
from tests.servers import aws, stores
from tests.servers.counting import Asked, counting
from tests.servers.running import Server
from tests.support.bucketstack import BucketStack
from tests.support.filestore import FileStore

pytestmark = [pytest.mark.s3, pytest.mark.xdist_group("s3")]
PLACES = count()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Asked]]:
    """A server behind a proxy that notes what is asked."""
    with stores.s3(tmp_path_factory.mktemp("s3")) as server:
        found = re.search(r"127\.0\.0\.1:(\d+)", server.url)
        assert found is not None
        with counting(int(found[1])) as asked:
            yield replace(server, url=server.url.replace(found[1], str(asked.port))), asked


@pytest.fixture
def stack(served: tuple[Server, Asked], tmp_path: Path) -> BucketStack:
    """A stack without updates below a prefix of its own."""
    return BucketStack(tmp_path, server=served[0], prefix=f"far{next(PLACES)}")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of so many files are worth keeping, that a test need not write a thousand; a slow machine asks no more."""
    monkeypatch.setattr(listing, "WORTH", 2 * listing.PROVEN)
    monkeypatch.setattr(diy, "FRESH", 60.0)


@pytest.fixture
def asked(served: tuple[Server, Asked]) -> Asked:
    """What was asked since the test began."""
    served[1].requests.clear()
    return served[1]


def opened(stack: BucketStack) -> Session:
    return open_session(stack.work, environ=stack.env)


def fill_fast(stack: BucketStack, updates: int) -> None:
    """Many updates, written from one; the last one's state is live."""
    stack.update(stack.resource("web", {"n": 100_001}))
    record, state = stack.record_file(1).read_bytes(), stack.checkpoint_file(1).read_bytes()
    first = int(stack.record_file(1).name.split("-")[1].split(".")[0])
    for number in range(1, updates):
        stem = stack.history / f"{stack.name}-{first + number * 60_000_000_000}"
        stem.with_name(f"{stem.name}.history.json").write_bytes(
            record.replace(b'"change 1"', b'"change %d"' % (number + 1))
        )
        stem.with_name(f"{stem.name}.checkpoint.json").write_bytes(state.replace(b"100001", b"%d" % (100_001 + number)))
    stack.set_live(state.replace(b"100001", b"%d" % (100_000 + updates)))
    stack.count = updates


def messages(history: History, *numbers: int) -> list[str]:
    return [history.update(number).message for number in numbers]


def test_a_second_look_downloads_nothing(stack: BucketStack, asked: Asked) -> None:
    stack.fill(70)
    cold = stack.run("history")
    assert cold.code == 0, cold
    assert asked.count("GET", ".history.json") == 60
    asked.requests.clear()
    warm = stack.run("history")
    assert warm.out == cold.out
    assert "● live" in warm.out.splitlines()[0]
    assert asked.count("GET", ".json") == 0  # neither records nor states
    cache = Path(stack.env["HOME"], ".cache", "pulumi-rewind", "history")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in cache.iterdir()} == {0o600}
    for file in cache.iterdir():
        file.write_bytes(b"damaged")
    asked.requests.clear()
    again = stack.run("history")
    assert (again.code, again.out, again.err) == (0, cold.out, cold.err)
    assert asked.count("GET", ".history.json") == 60


def test_the_cache_can_be_turned_off(stack: BucketStack, asked: Asked) -> None:
    stack.fill(2)
    own = Path(stack.env["HOME"], ".config", "pulumi-rewind", "rewind.toml")
    own.parent.mkdir(parents=True)
    own.write_text("cache = false\n")
    (stack.work / "rewind.toml").write_text("cache = true\n")
    for _ in (1, 2):
        asked.requests.clear()
        assert stack.run("history").code == 0
        assert asked.count("GET", ".history.json") == 2
    assert not Path(stack.env["HOME"], ".cache").exists()


def test_a_record_is_read_once_and_its_neighbours_with_it(stack: BucketStack, asked: Asked) -> None:
    fill_fast(stack, 150)
    history = opened(stack).history()
    assert messages(history, 150) == ["change 150"]
    assert asked.count("GET", ".history.json") == 1
    assert messages(history, *range(149, 120, -1)) == [f"change {number}" for number in range(149, 120, -1)]
    assert messages(history, 150, 130) == ["change 150", "change 130"]
    assert asked.count("GET", ".history.json") == 33
    assert [update.number for update in islice(history.newest(150), 40)] == list(range(150, 110, -1))
    assert asked.count("GET", ".history.json") <= 33 + 64


def test_a_record_that_was_written_again_is_read_again(stack: BucketStack) -> None:
    stack.fill(3)
    assert messages(opened(stack).history(), 2) == ["change 2"]
    file = stack.record_file(2)
    file.write_bytes(file.read_bytes().replace(b"change 2", b"other 2!"))
    assert messages(opened(stack).history(), 2) == ["other 2!"]


def test_damaged_vanished_and_unfinished_updates_are_said_to_be(stack: BucketStack) -> None:
    stack.fill(6)
    history = opened(stack).history()
    gone, cut = stack.record_file(5), stack.record_file(4)
    checkpoint = stack.checkpoint_file(3)
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:40])
    checkpoint.unlink()
    found = {update.number: update for update in history.newest(6)}
    assert found[5].result == "unreadable"
    assert "no longer there" in found[5].problem
    assert found[4].result == "unreadable"
    assert "damaged" in found[4].problem
    with pytest.raises(Exception, match="no longer there"):
        history.checkpoint(3)
    assert opened(stack).history().update(3).problem == "no checkpoint was kept"
    assert opened(stack).history().update(4).result == "unreadable"  # nothing damaged was kept


def test_live_is_told_by_its_mark(stack: BucketStack, asked: Asked) -> None:
    stack.fill(3)
    session = opened(stack)
    history = session.history()
    assert history.is_live(3) is True
    assert history.is_live(2) is None
    assert asked.count("GET", "checkpoint.json") == 0
    stack.set_live(stack.checkpoint([stack.resource("web", {"n": 77})]))
    assert opened(stack).history().is_live(3) is None
    assert opened(stack).timeline.live_update() is None
    stack.set_live(stack.checkpoint_file(2).read_bytes())
    assert opened(stack).timeline.live_update() == 2


@pytest.mark.parametrize("mark_first", [True, False])
def test_a_state_that_moves_while_it_is_compared_leaves_nothing_false(stack: BucketStack, *, mark_first: bool) -> None:
    """Between the mark and the download another state appears: nothing of it may be remembered of the update."""
    stack.fill(3)
    timeline = opened(stack).timeline
    broken = stack.checkpoint([stack.resource("web", {"n": 3}, dependencies=[stack.urn("gone")])])
    before = stack.live_file.read_bytes()
    if mark_first:
        assert timeline.live_update() == 3  # by its mark
        timeline._live = None
    stack.set_live(broken)
    timeline.live()
    if not mark_first:
        stack.set_live(before)
    timeline.live_damage  # noqa: B018 - reads
    timeline.last_good()
    stack.set_live(before)
    again = opened(stack).timeline
    assert again.live_damage == ""
    assert again.last_good() is not None
    assert not again.equals_live(2)


def test_what_another_release_found_out_is_not_believed(stack: BucketStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.fill(2)
    opened(stack).history().remember("broken", "damage", 2)
    assert opened(stack).history().recall("damage", 2) == "broken"
    monkeypatch.setattr(diy_history, "__version__", "0.0.0")
    assert opened(stack).history().recall("damage", 2) is None


def test_what_was_asked_with_the_opening_is_for_showing_alone(
    stack: BucketStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes something sees who holds the stack at that moment, and the state as it is."""
    monkeypatch.setattr(diy, "FRESH", 600.0)
    stack.fill(3)
    session = opened(stack)
    begun = session.backend._histories[session.stack][1].result()  # type: ignore[attr-defined]
    assert begun._states_asked.result()
    assert session.backend._locks[session.stack][1].result() == []  # type: ignore[attr-defined]
    folder = stack.state / ".pulumi" / "locks" / "organization" / stack.project / stack.name
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    stack.set_live(stack.checkpoint([stack.resource("web", {"n": 77})]))
    with pytest.raises(RefusedError, match="locked"):
        check_unlocked(session)
    assert session.history() is begun
    assert begun.is_live(3) is None
    assert session.history() is not begun
    assert session.backend.locks(session.stack, quick=True) == []
    assert len(session.backend.locks(session.stack, quick=True)) == 1


def test_checkpoints_come_together(stack: BucketStack, asked: Asked) -> None:
    stack.fill(12)
    timeline = opened(stack).timeline
    found = list(blame(timeline, stack.urn("web")))
    assert {item.path for item in found if item.update is not None and item.update.number == 12} >= {"inputs.n"}
    asked.requests.clear()
    result = stack.run("diff", "3", "9", "--json")
    assert result.code == 0, result
    assert asked.count("GET", "checkpoint.json") == 2
    assert '"old":3' in result.out.replace(" ", "")


def test_of_states_that_say_the_same_only_parts_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "state")
    for number in range(1, 41):
        store.add(None, stored=False)
        said = b'"inputs":{"n":%d},"outputs"' % (2 if number > 25 else 1)
        raw = store.checkpoint("x", time="5" * number).replace(b'"outputs"', said)
        store.write("checkpoint", raw)
        store.write_live(raw)
    read: list[int] = []
    whole = diy_history.DiyHistory.raw

    def raw_of(self: diy_history.DiyHistory, number: int) -> bytes:
        read.append(number)
        return whole(self, number)

    monkeypatch.setattr(diy_history.DiyHistory, "raw", raw_of)
    with aws.moto(tmp_path, store.directory) as url:
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "HOME": str(tmp_path)}
        own = open_backend(f"s3://{aws.BUCKET}?endpoint={url}&use_path_style=true&region=us-east-1", keys)
        timeline = Timeline(own.history(store.ref), own, store.ref, None)
        found = [(item.path, item.update and item.update.number) for item in blame(timeline, "shop-dev")]
    assert found == [("inputs.n", 26)]
    assert set(read) == {25}


def many(stack: BucketStack) -> None:
    """Updates whose names are worth keeping, and known to the cache."""
    fill_fast(stack, 150)
    assert len(opened(stack).history()) == 150


def lists(asked: Asked) -> int:
    return asked.count("LIST", "history")


def test_known_names_need_no_full_listing(stack: BucketStack, asked: Asked) -> None:
    many(stack)
    stack.update(stack.resource("web", {"n": 2}))
    asked.requests.clear()
    session = opened(stack)
    history = session.glimpse().history
    assert len(history) == 151
    assert lists(asked) == 2
    assert messages(history, 151, 150, 1) == ["change 151", "change 150", "change 1"]
    history.confirm()
    listed = lists(asked)
    assert listed > 2
    history.confirm()
    assert lists(asked) == listed
    asked.requests.clear()
    assert len(opened(stack).glimpse()) == 151  # what was added is known as well
    assert len(opened(stack).history()) == 151
    assert lists(asked) > 2


def test_pruning_shows_at_once(stack: BucketStack) -> None:
    many(stack)
    for number in (1, 1, 1):
        stack.checkpoint_file(number).unlink()
        stack.record_file(number).unlink()
    history = opened(stack).glimpse().history
    assert len(history) == 147
    assert messages(history, 147, 1) == ["change 150", "change 4"]


def load(stack: BucketStack, generation: int, posted: list[object]) -> None:
    session = opened(stack)
    spec = SessionSpec(session.workspace.root, str(session.stack), session.backend.url, session.workspace.environ)
    made = Comparer(session, spec)
    try:
        load_timeline(session, generation, posted.append, lambda: False, comparer=made)
    finally:
        made.close()


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_wrong_number_is_found_before_it_is_used(stack: BucketStack, what: str) -> None:
    many(stack)
    record, state = stack.record_file(75), stack.checkpoint_file(75)
    if what == "removed":
        record.unlink()
        state.unlink()
    else:
        state.write_bytes(stack.checkpoint([stack.resource("web", {"n": 99})]))
    session = opened(stack)
    assert len(session.glimpse()) == 150  # as the cache has it
    request = Request("#80")
    with pytest.raises(HistoryMoved, match="removed or replaced"):
        make_plan(session, request, 1, PreviewControl(), lambda _: None, lambda: False)
    posted: list[object] = []
    load(stack, 1, posted)
    assert [type(message).__name__ for message in posted][-1] == "EntriesLoaded"  # the plan has listed everything
    # A command line lists in full, and so does whoever looks again.
    count = 149 if what == "removed" else 150
    assert len(opened(stack).timeline) == count
    assert len(opened(stack).glimpse()) == count


def test_home_says_what_was_wrong(stack: BucketStack) -> None:
    many(stack)
    stack.checkpoint_file(75).unlink()
    stack.record_file(75).unlink()
    posted: list[object] = []
    load(stack, 1, posted)
    assert isinstance(posted[0], HistoryLoaded)
    assert posted[0].total == 150
    assert isinstance(posted[-1], HistoryReplaced)
    posted.clear()
    load(stack, 2, posted)
    assert isinstance(posted[0], HistoryLoaded)
    assert posted[0].total == 149
    assert not any(isinstance(message, HistoryReplaced) for message in posted)


def test_home_knows_the_same_of_large_states_without_reading_one(
    stack: BucketStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.fill(5)
    near: list[object] = []
    load(stack, 1, near)
    monkeypatch.setattr(comparer, "LARGE", 10)
    monkeypatch.setattr(comparer, "find_out", lambda _: pytest.fail("a state was read here"))
    far: list[object] = []
    load(stack, 1, far)
    assert told(far) == told(near)


def told(posted: list[object]) -> list[dict[str, object]]:
    """What the messages about live and git say."""
    return [
        {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
        for message in posted
        if isinstance(message, MarksLoaded | EntriesLoaded)
    ]


def test_names_in_the_cache_are_no_more_than_a_guess(stack: BucketStack) -> None:
    """Whatever they are, what the listings prove is what counts."""
    many(stack)
    session = opened(stack)
    kept = session.backend.kept(str(session.stack))  # type: ignore[attr-defined]
    raw = kept.read({"names": ""})["names"]
    names = msgspec.msgpack.decode(raw, type=list[Item])
    for wrong in (b"\xc1", msgspec.msgpack.encode(names[:-2] + [Item("dev-9.history.json", "x", 1)] * 2), b""):
        kept.keep([("names", "", wrong)])
        assert len(opened(stack).glimpse()) == 150
