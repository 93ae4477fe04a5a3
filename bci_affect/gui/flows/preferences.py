"""Preferences: theme, self-reports, and the interval between prompts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.panels.base import Caption, Choice, Stepper
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import THEMES


@dataclass(frozen=True, slots=True)
class Preferences:
    """The user's settings of the window.

    Attributes
    ----------
    theme : str
        ``dark`` or ``light``.
    manikins : bool
        Self-reports on manikins (SAM) instead of the Affective Slider.
    ask_every_min : int
        Minutes between prompts for a self-report; 0 never asks.
    hide_reasons : bool
        Hide the reasons for the choice of music, for blind comparisons.
    music_folder, record_folder : str
        Last chosen folders.
    """

    theme: str = "dark"
    manikins: bool = False
    ask_every_min: int = 0
    hide_reasons: bool = False
    music_folder: str = ""
    record_folder: str = str(Path.home() / "bci-affect-recordings")

    @classmethod
    def load(cls, settings: Any) -> Preferences:
        """Read the stored preferences; unreadable ones have their defaults."""
        theme = str(settings.value("theme", cls().theme))
        try:
            every = min(60, max(0, int(settings.value("ask_every_min", 0))))
        except (TypeError, ValueError):
            every = 0
        return cls(
            theme=theme if theme in THEMES else "dark",
            manikins=str(settings.value("manikins", "false")).lower() == "true",
            ask_every_min=every,
            hide_reasons=str(settings.value("hide_reasons", "false")).lower() == "true",
            music_folder=str(settings.value("music_folder", "")),
            record_folder=str(settings.value("record_folder", cls().record_folder)),
        )

    def save(self, settings: Any) -> None:
        """Store the preferences."""
        for name in self.__slots__:
            settings.setValue(name, getattr(self, name))
        settings.sync()

    def with_theme(self, theme: str) -> Preferences:
        """Return a copy with another theme."""
        return replace(self, theme=theme)


class PreferencesDialog(QtWidgets.QDialog):
    """Dialog of preferences; changes apply at once, and the session continues."""

    changed = QtCore.Signal(object)

    def __init__(self, preferences: Preferences, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Preferences"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._preferences = preferences
        self.theme_box = Choice()
        for name, word in (("dark", tr("Dark")), ("light", tr("Light"))):
            self.theme_box.addItem(word, name)
        self.theme_box.setCurrentIndex(self.theme_box.findData(preferences.theme))
        self.scale_box = Choice()
        self.scale_box.addItems([tr("Affective Slider"), tr("Manikins (SAM)")])
        self.scale_box.setCurrentIndex(int(preferences.manikins))
        self.every_box = Stepper()
        self.every_box.setRange(0, 60)
        self.every_box.setSuffix(tr(" min"))
        self.every_box.setSpecialValueText(tr("never"))
        self.every_box.setValue(preferences.ask_every_min)
        self.blind_box = QtWidgets.QCheckBox(tr("Hide why (for blind comparisons)"))
        self.blind_box.setChecked(preferences.hide_reasons)
        form = QtWidgets.QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.addRow(tr("Colours"), self.theme_box)
        form.addRow(tr("Self-report"), self.scale_box)
        form.addRow(tr("Ask for a self-report every"), self.every_box)
        form.addRow(tr("Choice of music"), self.blind_box)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(14)
        box.addLayout(form)
        box.addWidget(
            Caption(tr("Places and sizes of the panels are kept when the window closes."))
        )
        close = QtWidgets.QPushButton(tr("Close"))
        close.clicked.connect(self.close)
        box.addWidget(close, 0, QtCore.Qt.AlignmentFlag.AlignRight)
        self.theme_box.currentIndexChanged.connect(self._change)
        self.scale_box.currentIndexChanged.connect(self._change)
        self.every_box.valueChanged.connect(self._change)
        self.blind_box.toggled.connect(self._change)
        self.setMinimumWidth(380)

    def _change(self, *_: object) -> None:
        self._preferences = replace(
            self._preferences,
            theme=self.theme_box.currentData(),
            manikins=self.scale_box.currentIndex() == 1,
            ask_every_min=self.every_box.value(),
            hide_reasons=self.blind_box.isChecked(),
        )
        self.changed.emit(self._preferences)
