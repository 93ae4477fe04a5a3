"""Profiles as files, to take them to another machine: one JSON document, no raw EEG in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.profiles.personal_model import join, split
from bci_affect.profiles.records import Profile
from bci_affect.profiles.schema import PROFILES
from bci_affect.profiles.store import ProfileStore
from bci_affect.resources import read_document
from bci_affect.storage import decode, encode, write_atomically

FORMAT = "bci_affect profile"


def export_profile(store: ProfileStore, name: str, path: Path) -> None:
    """Write a profile with its history to a file.

    Raises
    ------
    BciAffectError
        If there is no such profile, or the file exists already or cannot be written.
    """
    profile = store.load(name)
    calibrations = []
    for record in profile.history:
        personal = store.personal_of(name, record.created)
        assert personal is not None
        header, arrays = split(personal)
        calibrations.append(
            {
                "created": record.created,
                "model": record.model,
                "summary": record.summary,
                "personal": header,
                "sources": list(record.sources),
                "report": record.report,
                "arrays": encode(arrays),
            }
        )
    document = {
        "format": FORMAT,
        "version": PROFILES.version,
        "name": profile.name,
        "created": profile.created,
        "note": profile.note,
        "calibrations": calibrations,
        "normalisation": [
            {"key": key, "arrays": encode(state)}
            for key, state in store.normalisations(name).items()
        ],
    }
    document["sum"] = document_sum(document)
    write_atomically(path, json.dumps(document), overwrite=False)


def import_profile(store: ProfileStore, path: Path, name: str | None = None) -> Profile:
    """Read a profile that `export_profile` wrote, all of it or nothing.

    Parameters
    ----------
    store : ProfileStore
    path : Path
    name : str, optional
        New name; the file's own when left out.

    Raises
    ------
    BciAffectError
        If the file is damaged, of a newer version, or the name is taken.
    """
    try:
        document = json.loads(read_document(path))
        json.dumps(document, ensure_ascii=False).encode()  # half a character cannot be stored
        if document["format"] != FORMAT:
            raise ValueError("another format")
        if document["version"] > PROFILES.version:
            raise BciAffectError(f"{path} was written by a newer version; update bci_affect.")
        if document["version"] > 2 and document["sum"] != document_sum(document):
            raise ValueError("its content does not match its checksum")
        for item in document["calibrations"]:
            if not isinstance(item["summary"], dict) or not isinstance(item["report"], str):
                raise ValueError("a calibration without a summary or report")
            if not all(isinstance(source, str) for source in [*item["sources"]]):
                raise ValueError("a calibration whose sources are no paths")
        calibrations = [
            (
                join(item["personal"], decode(item["arrays"])),  # refuses what does not fit
                dict(item["summary"]),
                tuple(item["sources"]),
                str(item["report"]),
            )
            for item in document["calibrations"]
        ]
        states = [(item["key"], decode(item["arrays"])) for item in document["normalisation"]]
        name = name or str(document["name"])
        note, created = str(document["note"]), float(document["created"])
    except OSError as error:
        raise BciAffectError(f"Cannot read {path} ({error.strerror}).") from None
    except RecursionError:
        raise BciAffectError(f"{path} is no profile: its values are nested too deeply.") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BciAffectError(f"{path} is no profile, or it is damaged ({reason}).") from None
    with store.transaction():
        store.create(name, note, created)
        for personal, summary, sources, report in calibrations:
            store.add_calibration(name, personal, summary, sources=sources, report=report)
        for key, state in states:
            store.save_normalisation(name, key, state)
    return store.load(name)


def document_sum(document: Mapping[str, Any]) -> str:
    """Return a checksum over an exported profile."""
    content = {key: value for key, value in document.items() if key != "sum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
