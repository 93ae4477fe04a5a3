"""Notice before a person is measured: in the terminal, or in a dialog of the window."""

from __future__ import annotations

from bci_affect.errors import BciAffectError
from bci_affect.safe_text import echo


def require_consent(person: str, *, accept: bool, ask: bool) -> None:
    """Show the notice unless the person has agreed to it, once per person and version.

    Parameters
    ----------
    person : str
        Name of the profile; "" without one.
    accept : bool
        Agree on the command line.
    ask : bool
        Ask in a dialog of the window; otherwise the notice is printed.

    Raises
    ------
    BciAffectError
        If the person has not agreed.
    """
    from bci_affect.profiles import NOTICE, has_consented, store_consent

    if has_consented(person):
        return
    if ask and not accept:
        from bci_affect.gui import ask_consent

        if not ask_consent(person):
            raise BciAffectError("A session needs agreement to the notice; it was not given.")
        store_consent(person)
        return
    for sentence in NOTICE:
        echo(sentence, err=True)
    if not accept:
        raise BciAffectError("Read the notice above, and add --accept-notice to agree to it.")
    store_consent(person)
