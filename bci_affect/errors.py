"""Error class for mistakes that the user can correct; other exceptions are bugs."""


class BciAffectError(Exception):
    """Error with one sentence for the user: the fault and its remedy.

    The command line prints it on one line of stderr and exits with status 1; the window shows it as
    a message. Rooms derive their own class only if a caller must distinguish failures.
    """
