"""Runs Pulumi programs in copies of one Python process that has Pulumi's SDK loaded.

To load the SDK costs a quarter of a second of CPU, more than the small programs of the tests themselves. So one process
loads it once, and is forked for each program: ``forking.py serve SOCKET``. In place of Python the language host starts
``forking.py run SOCKET SCRIPT …`` (or ``-m MODULE …``), which hands its files, environment and arguments over, and ends
as the copy ends. If it is killed, so is the copy; if who started it is gone, both end.

Provider plugins run in such copies as well: each takes half a second to load.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys

LENGTH = struct.Struct("!I")
LOOKS = 0.5
"""Seconds after which the server, and who waits for a copy, look whether they are still needed."""


def serve(path: str) -> None:
    """Answers until the process that started it has ended."""
    import gc
    import signal

    import pulumi.runtime  # noqa: F401 - what is loaded here is loaded in every copy

    gc.freeze()
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies: they say themselves how they end
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(64)
        os.rename(f"{path}.new", path)  # noqa: PTH104 - there as soon as it answers
        listener.settimeout(LOOKS)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                become(connection)
            connection.close()


def become(connection: socket.socket) -> None:
    """In a copy: becomes the program that was asked for, and never returns."""
    import atexit
    import runpy
    import threading
    import traceback

    connection.setblocking(True)
    start, files, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
    (length,) = LENGTH.unpack(start)
    asked = b""
    while len(asked) < length:
        asked += connection.recv(length - len(asked))
    arguments, environ, directory = json.loads(asked)
    for at, file in enumerate(files):
        os.dup2(file, at)
        os.close(file)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(directory)
    module, script = arguments[1] if arguments[0] == "-m" else "", arguments[0]
    sys.argv = arguments[1:] if module else arguments
    sys.path[0] = directory if module else os.path.dirname(script)  # noqa: PTH120 - as Python does it

    def leave_with_asker() -> None:
        connection.recv(1)
        os._exit(1)

    threading.Thread(target=leave_with_asker, daemon=True).start()
    code = 0
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(script, run_name="__main__")
    except SystemExit as err:
        code = err.code if isinstance(err.code, int) else int(err.code is not None)
    except BaseException:  # noqa: BLE001 - what Python does with whatever a program raises
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([code & 0xFF]))
    os._exit(code)


def run(path: str, arguments: list[str]) -> None:
    """Lets a copy run a script or module, and ends with its exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = json.dumps([arguments, dict(os.environ), os.getcwd()]).encode()  # noqa: PTH109 - pathlib takes time
        socket.send_fds(connection, [LENGTH.pack(len(asked))], [0, 1, 2])
        connection.sendall(asked)
        parent = os.getppid()
        connection.settimeout(LOOKS)
        code = b""
        while os.getppid() == parent:
            try:
                code = connection.recv(1)
                break
            except TimeoutError:
                continue
    os._exit(code[0] if code else 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        run(sys.argv[2], sys.argv[3:])
