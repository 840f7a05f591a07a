"""What a runner of GitHub Actions makes of a line of a log, as its own ``ActionCommand`` reads it."""

from __future__ import annotations

from dataclasses import dataclass

_KNOWN = {
    *("add-mask", "add-matcher", "remove-matcher", "debug", "error", "warning", "notice", "group", "endgroup"),
    *("stop-commands", "echo", "save-state", "set-output", "set-env", "add-path"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A line that a runner acts on."""

    name: str
    properties: dict[str, str]
    data: str


def commands(log: str) -> list[Command]:
    """Return what a runner acts on in ``log``, line by line."""
    return [found for line in log.splitlines() if (found := _second(line) or _first(line))]


def _second(line: str) -> Command | None:
    """Read ``::name key=value,key=value::data``; blanks before it do not matter."""
    text = line.lstrip()
    if not text.startswith("::") or "::" not in text[2:]:
        return None
    head, _, data = text[2:].partition("::")
    name, _, rest = head.partition(" ")
    if name.lower() not in _KNOWN:
        return None
    pairs = (pair.split("=", 1) for pair in rest.strip().split(",") if "=" in pair)
    properties = {key.strip(): _property(value) for key, value in pairs}
    return Command(name=name, properties=properties, data=_data(data))


def _first(line: str) -> Command | None:
    """Read the older ``##[name key=value;]data``, anywhere in a line."""
    before, mark, rest = line.partition("##[")
    head, end, data = rest.partition("]")
    del before
    name = head.partition(" ")[0]
    if not mark or not end or name.lower() not in _KNOWN:
        return None
    return Command(name=name, properties={}, data=data)


def _data(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _property(text: str) -> str:
    return _data(text.replace("%3A", ":").replace("%2C", ","))
