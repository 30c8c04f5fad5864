"""The process in which callbacks run: loads a hooks file or a provider, calls functions, answers in JSON lines.

It is started by `callbacks.process` in the project's own interpreter, so only the standard library is used here.
Requests come through what was standard input, answers go through a separate pipe: whatever a callback prints or
reads can't get in between. It ends when the requests end.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SIG = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public marker
MODULE = "rewind_hooks"

Send = Callable[[Mapping[str, Any]], None]


def main(reply: int, pythonpath: str = "") -> None:
    """Answers requests until there are no more; `reply` is the file descriptor for the answers.

    `pythonpath` is the operator's PYTHONPATH, which Python itself has not seen.
    """
    os.set_inheritable(reply, False)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")  # not inheritable either
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _provide_package()
    from pulumi_rewind.system.core_dumps import leave_no_core

    leave_no_core()
    _add_path(pythonpath)
    worker = Worker(os.fdopen(reply, "w", encoding="utf-8"))
    for line in requests:
        worker.answer(json.loads(line))


def _provide_package() -> None:
    """Makes ``import pulumi_rewind`` find this very code, without opening our other dependencies to the project."""
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "pulumi_rewind", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pulumi_rewind"] = module
    spec.loader.exec_module(module)
    # The names of the library need what this interpreter need not have; ``import *`` is for those of hooks.
    names = vars(module)
    names["__all__"] = [name for name in names["__all__"] if name not in names["_LIBRARY"]]
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != folder]


def _add_path(pythonpath: str) -> None:
    """Lets the project's code find what PYTHONPATH names: after Python's own library, before installed packages.

    Relative entries, which can mean the project's directory, come last.
    """
    if not pythonpath:
        return
    os.environ["PYTHONPATH"] = pythonpath  # for Python programs that the project's code starts
    entries = [Path(entry) for entry in pythonpath.split(os.pathsep)]
    standard = Path(os.__file__).parent
    own = [at for at, entry in enumerate(sys.path, 1) if Path(entry) in {standard, standard / "lib-dynload"}]
    at = max(own, default=len(sys.path))
    sys.path[at:at] = [str(entry) for entry in entries if entry.is_absolute()]
    sys.path += [str(entry.absolute()) for entry in entries if not entry.is_absolute()]


def _add_folder(file: str) -> None:
    """Lets the neighbours of the project's code be imported, after all else: none takes another module's place."""
    folder = str(Path(file).parent)
    if folder not in sys.path:
        sys.path.append(folder)


class Worker:
    """One piece of code, loaded once."""

    def __init__(self, replies: Any) -> None:
        self._replies = replies
        self._open: dict[tuple[str, int], Any] = {}
        """Generators that have yielded their result, by URN and index."""
        self._requests = {
            "load": self._load,
            "unpickle": self._unpickle,
            "call": self._call,
            "continue_call": self._continue_call,
        }

    def send(self, message: Mapping[str, Any]) -> None:
        """One line to the other side."""
        self._replies.write(json.dumps(message) + "\n")
        self._replies.flush()

    def answer(self, request: Mapping[str, Any]) -> None:
        """Does what is asked for; whatever is raised becomes an answer."""
        file = str(request.get("file", ""))
        try:
            answer = self._requests[request["op"]](request)
        except BaseException as err:  # noqa: BLE001 - also SystemExit: the callback wants out, the run continues
            answer = {"error": _told(err), "where": _where(err, file)}
            _print(err)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.send({"end": answer})

    def _load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        file, source = str(request["file"]), str(request["source"])
        _add_folder(file)
        module = types.ModuleType(MODULE)
        module.__file__ = file
        sys.modules[MODULE] = module
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 - running it is the purpose
        return self._declared()

    def _unpickle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A dynamic provider as its state has it: each undo method of it is a callback."""
        import dill  # type: ignore[import-untyped]  # the project's: Pulumi's SDK has it pickled with that

        from pulumi_rewind.hooks import declare as undo

        _add_folder(str(request["file"]))
        provider = dill.loads(base64.b64decode(request["source"]))  # noqa: S301 - the engine runs it as well
        for kind in undo.UNDO_KINDS:
            method = getattr(provider, kind, None)
            if callable(method):
                timeout = getattr(provider, "undo_timeout", undo.TIMEOUT)
                undo.registered.append(undo.Registered(kind, method, undo.Selector(urn=("*",)), timeout=timeout))
        return self._declared()

    def _declared(self) -> dict[str, Any]:
        from pulumi_rewind.hooks import declare as undo
        from pulumi_rewind.hooks import revisions

        return {
            "found": [
                {
                    "kind": item.kind,
                    "function": _name(item.function),
                    "line": item.line or getattr(getattr(item.function, "__code__", None), "co_firstlineno", 0),
                    "selector": dataclasses.asdict(item.selector),
                    "hook": item.hook,
                    "timeout": item.timeout,
                    "retries": item.retries,
                    "dry_run_safe": item.dry_run_safe,
                }
                for item in undo.registered
            ],
            "components": [item.declared() for item in revisions.components],
            "python": sys.version.split()[0],
        }

    def _call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        from pulumi_rewind.hooks import declare as undo

        item = undo.registered[int(request["index"])]
        result = item.function(_context(item.kind, request["context"], self.send))
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        if not inspect.isgenerator(result):
            return {"result": _checked(packed(item.kind, result), request)}
        if item.kind not in undo.WITH_AFTERWARDS:
            raise WrongReturn(f"yields; only {' and '.join(undo.WITH_AFTERWARDS)} can continue after a yield")
        try:
            value = next(result)
        except StopIteration as end:
            return {"result": _checked(packed(item.kind, end.value), request)}
        given = _checked(packed(item.kind, value), request) or {"result": "done"}
        if given["result"] in {"skip", "keep"}:  # there is no afterwards
            result.close()
            return {"result": given}
        self._open[request["urn"], int(request["index"])] = result
        return {"result": {**given, "more": True}}

    def _continue_call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What a callback does when the thing is there; it is sent what it is now."""
        generator = self._open.pop((request["urn"], int(request["index"])), None)
        if generator is None:
            return {"found": False}
        try:
            generator.send(_resource(request["resource"]))
        except StopIteration:
            return {"found": True}
        generator.close()
        raise WrongReturn("yields more than once")


def _name(function: Callable[..., Any]) -> str:
    """``restore``; of a method ``FileProvider.restore``."""
    owner = getattr(function, "__self__", None)
    name = str(getattr(function, "__name__", "?"))
    return name if owner is None else f"{type(owner).__name__}.{name}"


def _context(kind: str, given: Mapping[str, Any], send: Send) -> Any:
    from pulumi_rewind.hooks import context as made
    from pulumi_rewind.hooks import revisions

    if kind in {revisions.UP, revisions.DOWN}:
        return revisions.context(given, _resource, send)
    if kind.startswith("undo_"):
        sides = {side: given[side] and _resource(given[side]) for side in ("old", "new")}
        return made.UndoContext(**{**given, **sides, "update": made.UndoUpdate(**given["update"]), "_send": send})
    if kind in {"resource_hook", "error_hook"}:
        told = made.HookContext if kind == "resource_hook" else made.ErrorContext
        return told(**{key: opened(value) for key, value in given.items()}, _send=send)
    steps = [made.UndoStep(**step) for step in given["steps"]]
    return made.RollbackContext(**{**given, "steps": steps, "_send": send})


def _resource(given: Mapping[str, Any]) -> Any:
    from pulumi_rewind.hooks.context import UndoResource

    return UndoResource(**{**given, "inputs": opened(given["inputs"]), "outputs": opened(given["outputs"])})


def opened(value: Any) -> Any:
    """A property value with every secret as a `Secret`."""
    from pulumi_rewind.hooks.context import Secret

    if isinstance(value, dict):
        if value.get(SIG) == SECRET:
            return Secret(opened(json.loads(value["plaintext"])) if "plaintext" in value else None)
        return {key: opened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [opened(inner) for inner in value]
    return value


def closed(value: Any) -> Any:
    """A property value as it travels: every `Secret` as a state has it.

    Raises:
        TypeError: something in it is not a property value.
    """
    from pulumi_rewind.hooks.context import Secret

    if isinstance(value, Secret):
        return {SIG: SECRET, "plaintext": json.dumps(closed(value.reveal()))}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of properties must be strings")
        return {key: closed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [closed(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a {type(value).__name__} is not a property value")


def packed(kind: str, result: Any) -> dict[str, Any] | None:
    """What a callback returned, as it travels.

    Raises:
        WrongReturn: it is not what such a callback may return.
    """
    from pulumi_rewind.hooks import declare as undo

    allowed = undo.ALLOWED.get(kind)
    if kind == "error_hook":
        if not isinstance(result, bool):
            raise WrongReturn(f"returned a {type(result).__name__}; error_hook returns True to try again, or False")
        return {"result": "try again" if result else "give up"}
    if allowed is None:
        return None
    if not isinstance(result, allowed):
        names = [each.__name__ if each is not type(None) else "nothing" for each in allowed]
        what = "nothing" if result is None else f"a {type(result).__name__}"
        raise WrongReturn(f"returned {what}; {kind} returns {', '.join(names[:-1])} or {names[-1]}")
    if isinstance(result, undo.Restored):
        return {"result": "restored", "id": _text("Restored", "the id of what is there again", result.id)}
    if isinstance(result, undo.Recreate):
        try:
            inputs = {} if result.inputs is None else closed(result.inputs)
        except TypeError as err:
            raise WrongReturn(f"returned Recreate with inputs that can't be sent: {err}") from None
        if not isinstance(inputs, dict):
            raise WrongReturn("returned Recreate with inputs that are not a mapping")
        return {"result": "recreate", "inputs": inputs, "note": str(result.note)}
    if isinstance(result, (undo.Skip, undo.Keep)):
        name = type(result).__name__
        return {"result": name.lower(), "reason": _text(name, "a reason", result.reason)}
    return {"result": "delete", "note": str(result.note)} if isinstance(result, undo.Delete) else None


def _checked(result: dict[str, Any] | None, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Refuses early what the engine can't carry out: a dynamic provider does not learn what it is to import."""
    old = request["context"].get("old") or {}
    if result and result["result"] == "restored" and ":dynamic" in str(old.get("type", "")).partition("/")[0]:
        raise WrongReturn(
            "returned Restored, but Pulumi can't import what a dynamic provider makes; "
            "yield Recreate() and put the data back after that"
        )
    return result


class WrongReturn(Exception):
    """A callback returned what it may not."""


def _print(err: BaseException) -> None:
    """The way to an error in the project's own code, for the log."""
    if isinstance(err, (WrongReturn, SystemExit, _errors().RewindError)):
        return
    told = traceback.TracebackException(type(err), err, err.__traceback__)
    ours = {__file__, "<frozen runpy>", "<string>"}
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if frame.filename not in ours])
    sys.stderr.write("".join(told.format()))


def _text(name: str, what: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongReturn(f"returned {name} without {what}")
    return value


def _told(err: BaseException) -> str:
    if isinstance(err, SystemExit):
        return f"asked to exit ({err.code})"
    if isinstance(err, WrongReturn):
        return str(err)
    if isinstance(err, _errors().RewindError):  # of the library of callbacks: it says all that is to be said
        return f"{err}. {err.hint}" if err.hint else str(err)
    text = " ".join(str(err).split())
    return f"{type(err).__name__}: {text}" if text else type(err).__name__


def _errors() -> types.ModuleType:
    from pulumi_rewind import errors

    return errors


def _where(err: BaseException, file: str) -> int:
    """The line of the hooks file in which it was raised, 0 if none."""
    if isinstance(err, SyntaxError) and err.filename == file:
        return err.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(err.__traceback__) if frame.filename == file]
    return (lines[-1] or 0) if lines else 0


if __name__ == "__main__":
    main(int(sys.argv[2]), sys.argv[3])
