"""``music``: add, list, query, like, ban, exclude, remove and embed tracks of the library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_affect.cli.output import TYPER
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import echo, make_console

if TYPE_CHECKING:
    from bci_affect.music import Library, Suggestion, Track

music = typer.Typer(
    help="Music library: add folders, list, search, like and ban.",
    no_args_is_help=True,
    **TYPER,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Number = Annotated[int, typer.Argument(help="The track's number, as `music list` shows it.")]
Undo = Annotated[bool, typer.Option("--undo", help="Undo it.")]


@contextmanager
def _library() -> Iterator[Library]:
    from bci_affect.music import Library

    with Library() as library:
        yield library


@music.command()
def add(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Folders (with subfolders) or files.")
    ],
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: chosen automatically.")] = 0,
    as_json: Json = False,
) -> None:
    """Add all music in folders; known files are skipped.

    Ctrl-C keeps the tracks added so far.

    Example: bci-affect music add ~/Music
    """
    from bci_affect.app import scan_with_progress
    from bci_affect.cli.output import print_json

    with _library() as library:
        report = scan_with_progress(folders, library, workers or None)
        total = len(library)
    if as_json:
        print_json(
            {
                "found": report.found,
                "added": report.added,
                "moved": report.moved,
                "unchanged": report.unchanged,
                "failed": [{"path": path, "reason": reason} for path, reason in report.failed],
                "cancelled": report.cancelled,
                "tracks": total,
            }
        )
        return
    for path, reason in report.failed:
        echo(f"left out {path}: {reason}", err=True)
    echo(
        f"{report.added} added, {report.moved} moved, {report.unchanged} known, "
        f"{len(report.failed)} left out; {total} tracks in the library."
        + (" Stopped; run it again to continue." if report.cancelled else "")
    )


@music.command("list")
def list_tracks(
    failed: Annotated[
        bool, typer.Option(help="List the files that could not be added, with reasons.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the tracks whose files exist.

    Example: bci-affect music list --json
    """
    from bci_affect.cli.output import print_json

    with _library() as library:
        if failed:
            broken = library.failures()
            if as_json:
                print_json([{"path": path, "reason": reason} for path, reason in broken])
            else:
                echo("\n".join(f"{path}: {why}" for path, why in broken) or "None failed.")
            return
        tracks = library.tracks()
    if as_json:
        print_json([_plain(track) for track in tracks])
    elif not tracks:
        echo("The library is empty; add music with `bci-affect music add FOLDER`.")
    else:
        _table([(track, "") for track in tracks])


@music.command()
def query(
    valence: Annotated[float | None, typer.Option(min=-1, max=1, help="Mood wanted.")] = None,
    arousal: Annotated[float | None, typer.Option(min=-1, max=1, help="Mood wanted.")] = None,
    track: Annotated[int | None, typer.Option(help="Like this track.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="With this tag; repeatable.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of results.")] = 10,
    as_json: Json = False,
) -> None:
    """Search music by mood, by a track, or by tags, with reasons.

    Example: bci-affect music query --valence 0.6 --arousal -0.4
    """
    from bci_affect.cli.output import print_json
    from bci_affect.music import Retriever

    asked = [valence is not None or arousal is not None, track is not None, bool(tag)]
    if sum(asked) != 1:
        raise BciAffectError("Give --valence and --arousal, or --track, or --tag.")
    with _library() as library:
        retriever = Retriever(library)
        if track is not None:
            found = retriever.by_track(track, count=count)
        elif tag:
            found = retriever.by_tags(tag, count=count)
        else:
            found = retriever.by_point(valence or 0.0, arousal or 0.0, count=count)
    if as_json:
        print_json([_reasons(suggestion) for suggestion in found])
    elif not found:
        echo("Nothing found; add music with `bci-affect music add FOLDER`.")
    else:
        _table([(suggestion.track, _why(suggestion)) for suggestion in found])


@music.command()
def embed(
    file: Annotated[Path, typer.Argument(help="An audio file.")],
    out: Annotated[
        Path, typer.Option(help="Output: embeddings as .npy, or times and embeddings as .npz.")
    ],
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Keep the level instead of normalising to -14 LUFS.")
    ] = False,
    encoder: Annotated[str, typer.Option(help="tagger, logmel, or an .onnx file.")] = "tagger",
    as_json: Json = False,
) -> None:
    """Write the encoder's embeddings of one file.

    Example: bci-affect music embed song.mp3 --out song.npy
    """
    from bci_affect.cli.output import print_json
    from bci_affect.music import embed_file, save_embeddings

    times, rows = embed_file(file, encoder, as_is=as_is)
    save_embeddings(out, times, rows)
    if as_json:
        print_json({"rows": rows.shape[0], "dim": rows.shape[1], "out": str(out)})
    else:
        echo(f"{rows.shape[0]} rows of {rows.shape[1]} in {out}")


@music.command()
def like(track: Number, undo: Undo = False) -> None:
    """Like a track, so that it is preferred.

    Example: bci-affect music like 12
    """
    with _library() as library:
        library.like(track, not undo)


@music.command()
def ban(track: Number, undo: Undo = False) -> None:
    """Ban a track, so that it is never selected.

    Example: bci-affect music ban 12
    """
    with _library() as library:
        library.ban(track, not undo)


@music.command()
def exclude(track: Number, undo: Undo = False) -> None:
    """Hide a track from lists and search.

    Example: bci-affect music exclude 12
    """
    with _library() as library:
        library.exclude(track, not undo)


@music.command()
def head(
    file: Annotated[
        Path | None, typer.Argument(help="A run's music_emotion.json; none: show the head in use.")
    ] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Use the shipped head again.")] = False,
) -> None:
    """Choose the head that predicts the emotion of music: the shipped or a trained one.

    Example: bci-affect music head runs/first/music_emotion.json
    """
    from bci_affect.music import load_emotion_head, save_emotion_head, user_head_path

    if file is not None:
        save_emotion_head(load_emotion_head(file), user_head_path())
    elif shipped:
        user_head_path().unlink(missing_ok=True)
    with _library() as library:  # which predicts again where the head is another
        tracks = library.tracks()
        known = sum(track.valence == track.valence for track in tracks)
        echo(f"{library.head.id}: {library.head.provenance}")
        echo(f"It predicts {known} of {len(tracks)} tracks.")


@music.command()
def remove(track: Number) -> None:
    """Remove a track from the library; its file is kept.

    Example: bci-affect music remove 12
    """
    with _library() as library:
        library.remove(track)


def _plain(track: Track) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(track) | {"tags": dict(track.tags)}


def _reasons(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "track": _plain(suggestion.track),
        "score": suggestion.score,
        "segment_s": suggestion.segment_s,
        "distance": suggestion.distance,
        "shared_tags": list(suggestion.shared_tags),
        "rule": suggestion.rule,
    }


def _why(suggestion: Suggestion) -> str:
    parts = [f"{suggestion.score:.2f}"]
    if suggestion.segment_s > 0:
        parts.append(f"at {suggestion.segment_s // 60:.0f}:{suggestion.segment_s % 60:02.0f}")
    if suggestion.distance == suggestion.distance:
        parts.append(f"{suggestion.distance:.2f} away")
    if suggestion.shared_tags:
        parts.append(", ".join(suggestion.shared_tags))
    return "; ".join([*parts, suggestion.rule])


def _table(lines: list[tuple[Track, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("#", "title", "artist", "length", "valence", "arousal", "tags", "why"):
        if name != "why" or any(why for _, why in lines):
            table.add_column(name, justify="right" if name in ("#", "length") else "left")
    for track, why in lines:
        mark = " ♥" if track.liked else " (banned)" if track.banned else ""
        cells = [
            str(track.id),
            track.title + mark,
            track.artist,
            f"{track.duration_s // 60:.0f}:{track.duration_s % 60:02.0f}",
            f"{track.valence:+.2f} ± {track.valence_sd:.2f}",
            f"{track.arousal:+.2f} ± {track.arousal_sd:.2f}",
            ", ".join(tag for tag, _ in track.tags[:3]),
        ]
        table.add_row(*cells, *([why] if why else []))
    make_console(soft_wrap=True).print(table)
