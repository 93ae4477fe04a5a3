"""``profile``: list, show, export, import, and delete listeners' profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.cli.output import TYPER
from bci_affect.safe_text import echo

profile = typer.Typer(
    help="Profiles of listeners: list, show, export, import, undo, delete.",
    no_args_is_help=True,
    **TYPER,
)

Name = Annotated[str, typer.Argument(help="Name of the profile.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@profile.command("list")
def list_profiles(as_json: AsJson = False) -> None:
    """List all profiles.

    Example: bci-affect profile list
    """
    from bci_affect.cli.output import print_json
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        found = [_describe(store.load(name)) for name in store.names()]
    if as_json:
        print_json(found)
        return
    if not found:
        echo("No profiles yet; 'bci-affect calibrate' creates one.")
    for item in found:
        newest = item["calibrations"][-1] if item["calibrations"] else None
        state = "never calibrated" if newest is None else _line(newest)
        echo(f"{item['name']}: {state}")


@profile.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a profile with the history of its calibrations.

    Example: bci-affect profile show Ada
    """
    from bci_affect.cli.output import print_json
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        item = _describe(store.load(name))
    if as_json:
        print_json(item)
        return
    echo(item["name"] + (f" ({item['note']})" if item["note"] else ""))
    for entry in item["calibrations"]:
        echo(f"- {_line(entry)}")
        for dimension in entry["summary"].get("dimensions", {}).values():
            echo(f"    {dimension.get('verdict') or dimension.get('refused')}")
        if entry["report"]:
            echo(f"    report: {entry['report']}")


@profile.command()
def create(name: Name, note: Annotated[str, typer.Option(help="A note.")] = "") -> None:
    """Create an empty profile.

    Example: bci-affect profile create Ada
    """
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        store.create(name, note)
    echo(f"Created '{name}'.")


@profile.command()
def export(
    name: Name, file: Annotated[Path, typer.Argument(help="New JSON file.", show_default=False)]
) -> None:
    """Write a profile to one JSON file, without raw EEG.

    Example: bci-affect profile export Ada ada.json
    """
    from bci_affect.profiles import ProfileStore, export_profile

    with ProfileStore() as store:
        export_profile(store, name, file)
    echo(f"Wrote {file}.")


@profile.command("import")
def import_profile(
    file: Annotated[Path, typer.Argument(help="File written by export.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="New name, instead of the one in the file.")
    ] = None,
) -> None:
    """Read a profile from a file.

    Example: bci-affect profile import ada.json --name "Ada (lab)"
    """
    from bci_affect.profiles import ProfileStore, import_profile

    with ProfileStore() as store:
        loaded = import_profile(store, file, name)
    echo(f"Imported '{loaded.name}'.")


@profile.command()
def undo(name: Name) -> None:
    """Restore the calibration before the newest.

    Example: bci-affect profile undo Ada
    """
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        store.undo_calibration(name)
        left = len(store.load(name).history)
    echo(f"Undone; {left} calibrations of '{name}' are left.")


@profile.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a profile; recordings and reports are kept.

    Example: bci-affect profile delete Ada --yes
    """
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        stored = store.load(name).name
        if not yes:
            typer.confirm(f"Delete the profile '{stored}' permanently?", abort=True)
        store.delete(name)
    echo(f"Deleted '{stored}'.")


def _describe(item: Any) -> dict[str, Any]:
    return {
        "name": item.name,
        "created": item.created,
        "note": item.note,
        "calibrations": [
            {
                "created": record.created,
                "model": record.model,
                "parent": record.parent,
                "sources": list(record.sources),
                "report": record.report,
                "summary": record.summary,
            }
            for record in item.history
        ],
    }


def _line(entry: dict[str, Any]) -> str:
    """Return one line on a calibration: date, number of clips, and verdict."""
    import datetime as dt

    when = dt.datetime.fromtimestamp(entry["created"]).strftime("%Y-%m-%d %H:%M")
    dimensions = entry["summary"].get("dimensions", {})
    stand = ", ".join(
        f"{name} {value.get('standing', 'not calibrated')}" for name, value in dimensions.items()
    )
    clips = entry["summary"].get("n_clips", "?")
    return f"{when}, {clips} clips, model {entry['model']}: {stand}"
