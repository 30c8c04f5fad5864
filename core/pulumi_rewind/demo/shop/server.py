"""One service of the shop: a small web server in the background that shows what it is linked to.

It reads its configuration at every request, so that what `curl` shows is what is on the disk. Only the standard
library is used: it runs as a script, and the demo's clean-up uses `stop` without any project.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that a server may take to start or to stop; it needs a tenth of one."""


def page(service: str, version: str, config: Path) -> tuple[int, str]:
    """The HTTP status and the text that the service shows now."""
    title = f"{service} {version}"
    try:
        settings: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        return 503, f"{title}\nBROKEN: no configuration: {err}\n"
    lines = [f"{title} - {settings.get('headline', '')}"]
    if upstream := settings.get("upstream"):
        lines.append(f"upstream  {upstream}")
    database = Path(settings["path"])
    lines.append(f"database  {settings['database']}")
    if not database.is_file():
        return 503, "\n".join([*lines, "BROKEN: this database is gone"]) + "\n"
    try:
        lines += [f"{table:<9} {', '.join(read_rows(database, table)) or 'no rows'}" for table in settings["tables"]]
    except sqlite3.Error as err:
        return 503, "\n".join([*lines, f"BROKEN: {err}"]) + "\n"
    return 200, "\n".join(lines) + "\n"


def read_rows(database: Path, table: str) -> list[str]:
    """The rows of a table, each as one short text.

    Raises:
        sqlite3.Error: there is no such database or table.
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        quoted = table.replace('"', '""')
        rows = connection.execute(f'SELECT * FROM "{quoted}"').fetchall()  # noqa: S608 - quoted
    return [" ".join(str(value) for value in row) for row in rows]


# -- the process ----------------------------------------------------------------------------------------------------


def start(pid_file: Path, *, service: str, version: str, port: int, config: str) -> None:
    """Starts the service in the background and waits until it answers.

    Raises:
        RuntimeError: it did not come up; the message says why.
    """
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    log = pid_file.with_suffix(".log")
    command = [sys.executable, "-I", str(Path(__file__).resolve()), service, version, str(port), config, str(pid_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=pid_file.parent
        )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server of {service} ended at once: {log.read_text(errors='replace').strip()}")
        if running(pid_file) and ask(port) is not None:
            return
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"the server of {service} does not answer on port {port}")


def stop(pid_file: Path) -> bool:
    """Ends the server of a pid file and removes the file; whether there was one running."""
    pid = running(pid_file)
    if pid:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and running(pid_file):
                time.sleep(0.02)
            if not running(pid_file):
                break
    pid_file.unlink(missing_ok=True)
    pid_file.with_suffix(".log").unlink(missing_ok=True)
    return pid is not None


def running(pid_file: Path) -> int | None:
    """The process that serves, None if it is gone.

    A server holds a lock on its pid file as long as it lives, so a number that now belongs to another process is
    never taken for it.
    """
    try:
        with pid_file.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or b"0") or None
    except (OSError, ValueError):
        pass
    return None


def ask(port: int) -> tuple[int, str] | None:
    """What the server on a port answers: status and text; None if there is none."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except URLError as err:
        if (code := getattr(err, "code", None)) is not None:  # it answered that it is broken
            return code, err.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
        return None
    except (OSError, ValueError):
        return None


def main(arguments: list[str]) -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser()
    for name in ("service", "version", "port", "config", "pid_file"):
        parser.add_argument(name)
    given = parser.parse_args(arguments)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = page(given.service, given.version, Path(given.config))
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    try:
        server = ThreadingHTTPServer((HOST, int(given.port)), Handler)
    except OSError as err:
        sys.exit(f"port {given.port} is taken: {err}")
    lock: IO[bytes] = Path(given.pid_file).open("wb")  # noqa: SIM115 - held as long as the process lives
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
