"""Plug-ins of other packages: encoders, data sets, sources, headsets and music encoders.

A package offers them as entry points in the groups ``bci_affect.encoders``, ``.datasets``,
``.sources``, ``.headsets`` and ``.music_encoders`` (``docs/plugins.md``). Listing them imports
nothing; a plug-in is imported when it is used, and its errors name it and its package. Names of
this program come first: a plug-in cannot replace them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bci_affect.errors import BciAffectError

PlugInKind = Literal["encoders", "datasets", "sources", "headsets", "music_encoders"]
KINDS: tuple[PlugInKind, ...] = ("encoders", "datasets", "sources", "headsets", "music_encoders")


@dataclass(frozen=True)
class PlugIn:
    """Entry point of another package.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    name : str
        Name under which it is used.
    package, version : str
        Distribution that offers it.
    target : str
        Module and object, as in ``package.module:Class``.
    """

    kind: PlugInKind
    name: str
    package: str
    version: str
    target: str

    def __str__(self) -> str:
        return f"'{self.name}' of {self.package} {self.version} ({self.target})"

    def load(self) -> Any:
        """Import the plug-in.

        Raises
        ------
        BciAffectError
            If the import fails, with the name of the package and the reason.
        """
        from importlib.metadata import EntryPoint

        group = f"bci_affect.{self.kind}"
        try:
            return EntryPoint(self.name, self.target, group).load()
        except Exception as error:
            raise self.failure("cannot be loaded", error) from error

    def call(self, *arguments: Any, **options: Any) -> Any:
        """Call the plug-in, which is a class or function.

        Raises
        ------
        BciAffectError
            If it fails; its own errors of this class are passed on.
        """
        target = self.load()
        try:
            return target(*arguments, **options)
        except BciAffectError:
            raise
        except Exception as error:
            raise self.failure("failed", error) from error

    def failure(self, what: str, error: Exception | str) -> BciAffectError:
        """Return the error that names the plug-in and its package."""
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return BciAffectError(
            f"The plug-in {self} {what}: {reason[0].rstrip('.')}; update or uninstall "
            f"{self.package}."
        )


def find_plugins(kind: PlugInKind) -> dict[str, PlugIn]:
    """Return the installed plug-ins of a kind by name, without importing them.

    Of two packages that offer the same name, the first in alphabetical order counts.
    """
    from importlib.metadata import entry_points  # slow to import, and most commands need none

    found: dict[str, PlugIn] = {}
    for point in entry_points(group=f"bci_affect.{kind}"):
        package = point.dist.name if point.dist else "an unknown package"
        version = point.dist.version if point.dist else ""
        plug_in = PlugIn(kind, point.name, package, version, point.value)
        if point.name not in found or package < found[point.name].package:
            found[point.name] = plug_in
    return dict(sorted(found.items()))
