"""Somebody who can write the backend edits a history file: nothing of it is started before the operator has agreed."""

from __future__ import annotations

import base64
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.support.rewind import said
from tests.support.stack import EngineStack

PROGRAM = """
from file_resource import FileResource
import bridged_sdk as bridged
FileResource("file", path="{path}", content="{content}", note="n")
bridged.Server("web", {{"image": "{content}"}})
"""


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def edit(stack: EngineStack, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the checkpoint of #1 where the group may write it."""
    path = min(stack.history_directory.glob("*.checkpoint.json"))
    document = json.loads(path.read_text())
    for entry in document["checkpoint"]["latest"]["resources"]:
        change(entry)
    path.write_text(json.dumps(document))


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server on this machine, and the paths that it is asked for; it has nothing."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_of_an_edited_target_is_started_without_a_yes(stack: EngineStack, tmp_path: Path) -> None:
    for content in ("one", "two"):
        stack.up(PROGRAM.format(path=stack.objects / "file.txt", content=content))
    mark = tmp_path / "ran"
    bomb = base64.b64encode(pickle.dumps(Bomb(mark))).decode()

    def other_code(entry: dict[str, Any]) -> None:
        if "__provider" in entry.get("inputs", {}):
            entry["inputs"]["__provider"] = bomb

    stack.extra_environ["XDG_STATE_HOME"] = str(tmp_path / "state")
    assert said(stack, "plan", "1").code == 0
    edit(stack, other_code)
    stack.history_directory.chmod(0o775)
    for command in (("plan", "1"), ("rollback", "1", "--yes"), ("plan", "1", "--strategy", "state")):
        refused = said(stack, *command)
        assert refused.code == 3, refused.err
        assert "other code of a dynamic provider (file): sha256 " in refused.err
        assert f"its group can write {stack.history_directory}" in refused.err
    for reading in (("diff", "1", "2"), ("history",), ("show", "1"), ("blame", "file")):
        assert said(stack, *reading).code == 0
    assert not mark.exists()
    said(stack, "plan", "1", "--trust-target")
    assert mark.exists()  # the engine runs it in any preview


def test_no_plugin_is_downloaded_from_a_new_place_without_a_yes(stack: EngineStack, tmp_path: Path) -> None:
    for content in ("one", "two"):
        stack.up(PROGRAM.format(path=stack.objects / "file.txt", content=content))
    stack.use_plugin_processes()
    stack.extra_environ |= {
        "XDG_STATE_HOME": str(tmp_path / "state"), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "false",
    }  # fmt: skip
    with listener() as (url, asked):

        def other_place(entry: dict[str, Any]) -> None:
            if entry["type"] == "pulumi:providers:bridged":
                entry["inputs"] |= {"version": "9.9.9", "__internal": {"pluginDownloadURL": url}}

        edit(stack, other_place)  # also where only the operator can write
        refused = said(stack, "plan", "1", "--only", "web", "--json")
        assert refused.code == 3, refused.err
        assert f"a plugin from another location (default_1_0_0): {url}" in refused.err
        refused = said(stack, "rollback", "1", "--yes", "--json")
        last = json.loads(refused.out.splitlines()[-1])
        assert (last["result"], last["findings"][0]["code"], last["findings"][0]["target"]) == (
            "refused", "plugin-url", url,
        )  # fmt: skip
        assert not asked
        assert said(stack, "plan", "1", "--trust-target").code == 1
        assert asked
