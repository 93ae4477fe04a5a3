"""Table of a session's events in ``docs/file-formats.md``, from `bci_affect.events`.

python docs/event_table.py            write the table into the page
python docs/event_table.py --check    exit with status 1 where the page is not current
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from bci_affect import events
from bci_affect.events import EVENTS, FORMER_NAMES, EventKind, SessionEvent

PAGE = Path(__file__).resolve().parent / "file-formats.md"
START, END = "<!-- events: python docs/event_table.py -->\n", "<!-- end of events -->\n"
WORDS = {str: "text", float: "number", int: "integer", bool: "true or false", dict: "object"}


def render() -> str:
    """Return the table, one row per event."""
    meanings = field_meanings()
    former = {kind: name for name, kind in FORMER_NAMES.items()}
    rows = ["| event | meaning | fields |", "|---|---|---|"]
    for kind in EventKind:
        if kind not in EVENTS:
            continue
        cls = EVENTS[kind]
        meaning = " ".join((cls.__doc__ or "").split()).replace("|", "\\|")
        if kind in former:
            meaning += f" Written as `{former[kind]}` by earlier versions."
        hints = get_type_hints(cls)
        described = [
            f"`{field.name}` ({type_name(hints[field.name])}): {meanings[cls, field.name]}"
            for field in dataclasses.fields(cls)
        ]
        rows.append(f"| `{kind}` | {meaning} | {'<br>'.join(described)} |")
    return "\n".join(rows) + "\n"


def field_meanings() -> dict[tuple[type[SessionEvent], str], str]:
    """Return the documentation of each field: the text below it in the module."""
    tree = ast.parse(Path(events.__file__).read_text(encoding="utf-8"))
    own: dict[tuple[str, str], str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                assert isinstance(text, ast.Expr), f"{node.name}.{field.target.id} has no text"
                assert isinstance(text.value, ast.Constant)
                words = str(text.value.value).replace("``", "`").rstrip(".")
                own[node.name, field.target.id] = " ".join(words.split())
    return {
        (cls, field.name): next(
            own[base.__name__, field.name]
            for base in cls.__mro__
            if (base.__name__, field.name) in own
        )
        for cls in EVENTS.values()
        for field in dataclasses.fields(cls)
    }


def type_name(hint: Any) -> str:
    """Return the JSON type of a field in words."""
    if get_origin(hint) is Annotated:
        return type_name(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return type_name(next(one for one in get_args(hint) if one is not type(None)))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if inner[-1] is Ellipsis:
            return f"list of {type_name(inner[0])}"
        return "pair of " + " and ".join(sorted({type_name(one) for one in inner}))
    return WORDS[get_origin(hint) or hint]


def current() -> tuple[str, str]:
    """Return the page as it is, and with a current table."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    _, after = rest.split(END)
    return page, f"{before}{START}{render()}{END}{after}"


def main() -> int:
    """Write the table, or check it; return the exit status."""
    page, wanted = current()
    if "--check" in sys.argv[1:]:
        if page != wanted:
            print(f"{PAGE} is not current: run python docs/event_table.py", file=sys.stderr)
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
