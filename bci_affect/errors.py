"""Errors that are the user's to mend; everything else is a bug and may trace back."""


class BciAffectError(Exception):
    """One sentence for the user: what is wrong and what to do about it.

    The command line prints it on one line of stderr and exits with status 1; the window shows it as
    a message. Rooms derive their own from it only where a caller must tell two failures apart.
    """
