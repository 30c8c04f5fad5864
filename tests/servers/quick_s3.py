"""An S3 server for reading, fast with 20,000 objects in a folder: ``python -m tests.servers.quick_s3 PORT DIRECTORY``.

It keeps the files of a directory in memory as the bucket `state`, with sorted keys. It checks no signatures. What it
was asked is at ``/__asked`` (as JSON, forgotten then). With ``--gather`` it answers when no further request came for
a moment, all of those at once: these are a round trip, and are counted. With ``--deaf`` it ignores `start-after`, as
some emulators do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
import urllib.request
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers.running import Server, free_port, running

BUCKET = "state"
PAGE = 1000
GATHER = 0.15
"""Seconds without a new request after which a round trip is complete."""
WHEN = "2026-01-01T00:00:00.000Z"


@dataclass
class Bucket:
    """What it holds, and what it was asked."""

    contents: dict[str, bytes]
    deaf: bool = False
    keys: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    rounds: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = sorted(self.contents)
        self.tags = {key: hashlib.md5(content).hexdigest() for key, content in self.contents.items()}
        self.entries = [
            f"<Contents><Key>{escape(key)}</Key><LastModified>{WHEN}</LastModified><ETag>&quot;{self.tags[key]}"
            f"&quot;</ETag><Size>{len(self.contents[key])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in self.keys
        ]

    def listing(self, query: dict[str, str]) -> bytes:
        """One page, with folders in the place of what is behind the delimiter."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        limit = min(int(query.get("max-keys", PAGE)), PAGE)
        after = query.get("continuation-token") or ("" if self.deaf else query.get("start-after", ""))
        at = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after) if after else 0)
        lines: list[str] = []
        last = ""
        while at < len(self.keys) and self.keys[at].startswith(prefix) and len(lines) < limit:
            last = key = self.keys[at]
            folder, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                last = f"{prefix}{folder}{delimiter}\U0010ffff"
                lines.append(f"<CommonPrefixes><Prefix>{escape(prefix + folder + delimiter)}</Prefix></CommonPrefixes>")
                at = bisect_right(self.keys, last)
                continue
            lines.append(self.entries[at])
            at += 1
        more = at < len(self.keys) and self.keys[at].startswith(prefix)
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(lines)}</KeyCount>"
            f"<MaxKeys>{limit}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(lines)}"
            "</ListBucketResult>"
        ).encode()

    def answer(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if method not in {"GET", "HEAD"}:
            return 405, {}, b""
        if bucket != BUCKET:
            return 404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        if not key:
            return 200, {"Content-Type": "application/xml"}, self.listing(query)
        content = self.contents.get(key)
        if content is None:
            return 404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>"
        tag = f'"{self.tags[key]}"'
        known = {"ETag": tag, "Last-Modified": formatdate(1_767_225_600, usegmt=True)}
        return (304, known, b"") if headers.get("if-none-match") == tag else (200, known, content)

    def note(self, method: str, target: str) -> str:
        """Counts a request; its kind and key."""
        path, _, query = target.partition("?")
        kind = "LIST" if "list-type=" in query else method
        self.asked[kind] += 1
        shown = parse_qs(query).get("prefix", [""])[0] if kind == "LIST" else unquote(path)
        return f"{kind} {shown.removeprefix(f'/{BUCKET}/')}"


class Gathering:
    """Holds requests back until no more have come for a moment."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._gate = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._round: list[str] = []

    async def wait(self, what: str) -> None:
        """Until the round trip is complete."""
        self._round.append(what)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(GATHER, self._open)
        await self._gate.wait()

    def _open(self) -> None:
        self._bucket.rounds.append(self._round)
        self._gate.set()
        self._gate, self._round, self._timer = asyncio.Event(), [], None


async def serve(port: int, bucket: Bucket, *, gather: bool) -> None:
    """Until the process ends."""
    gathering = Gathering(bucket)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                await reader.readexactly(int(headers.get("content-length") or 0))
                if target == "/__asked":
                    told = {"asked": bucket.asked, "rounds": bucket.rounds}
                    status, body = 200, json.dumps(told).encode()
                    extra: dict[str, str] = {}
                    bucket.asked, bucket.rounds = Counter(), []
                else:
                    what = bucket.note(method, target)
                    if gather:
                        await gathering.wait(what)
                    status, extra, body = bucket.answer(method, target, headers)
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *map(": ".join, extra.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", port) as server:
        await server.serve_forever()


@dataclass(frozen=True)
class QuickServer(Server):
    """A running one."""

    port: int = 0

    def asked(self) -> tuple[Counter[str], list[list[str]]]:
        """How many requests of each kind there were since the last look, and what came together."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/__asked", timeout=10) as answer:
            told = json.load(answer)
        return Counter(told["asked"]), told["rounds"]

    def at(self, port: int) -> Server:
        """The same through a proxy."""
        return Server(self.url.replace(f":{self.port}&", f":{port}&"), self.environ, self.directory)


@contextlib.contextmanager
def quick_s3(directory: Path, log: Path, *options: str) -> Iterator[QuickServer]:
    """Serves what is in a directory now."""
    port = free_port()
    with running([sys.executable, "-m", "tests.servers.quick_s3", port, directory, *options], port, log):
        yield QuickServer(
            f"s3://{BUCKET}/{{}}?endpoint=http://127.0.0.1:{port}&s3ForcePathStyle=true&region=us-east-1",
            {
                "AWS_ACCESS_KEY_ID": "testkey",
                "AWS_SECRET_ACCESS_KEY": "testsecret",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            directory,
            port,
        )


def main() -> None:
    """Reads the directory, then serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--gather", action="store_true")
    parser.add_argument("--deaf", action="store_true")
    given = parser.parse_args()
    files = [path for path in given.directory.rglob("*") if path.is_file() and path.suffix != ".attrs"]
    contents = {path.relative_to(given.directory).as_posix(): path.read_bytes() for path in files}
    asyncio.run(serve(given.port, Bucket(contents, given.deaf), gather=given.gather))


if __name__ == "__main__":
    main()
