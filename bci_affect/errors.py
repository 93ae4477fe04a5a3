"""Error class for mistakes that the user can correct; other exceptions are bugs."""


class BciAffectError(Exception):
    """Error with one sentence for the user: the fault and its remedy.

    The command line prints it on one line of stderr and exits with status 1; the window shows it as
    a message. Rooms derive their own class only if a caller must distinguish failures.

    Examples
    --------
    >>> import bci_affect as ba
    >>> try:
    ...     ba.read_xdf("absent.xdf")
    ... except ba.BciAffectError as error:
    ...     print(error)
    Cannot read absent.xdf: No such file or directory.
    """


class StreamTimeout(BciAffectError, TimeoutError):
    """Error for a stream or session from which nothing arrived in the time that a caller allows.

    Examples
    --------
    >>> issubclass(StreamTimeout, TimeoutError)
    True
    """
