"""Notice to the measured person, and who has agreed to which version of it."""

from __future__ import annotations

import json
import logging

from bci_affect.resources import user_home
from bci_affect.storage import write_atomically

logger = logging.getLogger(__name__)
NOTICE_VERSION = 1
"""Increased with every change of the meaning; everyone is asked again then."""
NOTICE = (
    "This program reads the electrical activity of the brain (EEG) from a headset and estimates "
    "how pleasant (valence) and how activated (arousal) you seem to feel. It plays music that "
    "fits.",
    "The estimate is uncertain. For a person who has not been calibrated it may be no better than "
    "chance; the screen shows its confidence, and when it is not valid.",
    "It is not a medical device and makes no statement about health.",
    "Everything stays on this computer. Recordings are made only when you ask for them, and you "
    "can delete them.",
    "Estimating emotions from body signals is regulated in places. In the European Union it may "
    "not be used on people at work or in education, and the measured person has to be informed.",
    "You can stop at any time, with one key.",
)
"""Sentences of the notice; the first one introduces the others."""


def has_consented(person: str) -> bool:
    """Return True if a person has agreed to this version; "" is a person without a profile."""
    return _stored().get(person.casefold(), 0) >= NOTICE_VERSION


def store_consent(person: str) -> None:
    """Store that a person has agreed to this version of the notice."""
    stored = {**_stored(), person.casefold(): NOTICE_VERSION}
    write_atomically(user_home() / "consent.json", json.dumps(stored, sort_keys=True))


def _stored() -> dict[str, int]:
    """Return the versions by person; an unreadable file is treated as empty: it asks again."""
    try:
        read = json.loads((user_home() / "consent.json").read_text(encoding="utf-8"))
        return {str(name): int(version) for name, version in read.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("consent.json cannot be read (%s); everyone is asked again", error)
        return {}
