"""Themes as data: colours, and the style sheet made from them.

The hues are those of Okabe and Ito (2008), which colour-blind people can distinguish; the light
theme uses darker shades of them, so that text on white has a contrast of at least 4.5 to 1. Colour
never carries a meaning alone: shape or text repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one look, as ``#rrggbb``."""

    name: str
    back: str
    panel: str
    raised: str
    line: str
    grid: str
    text: str
    muted: str
    accent: str
    good: str
    fair: str
    bad: str
    eeg: str
    eeg_alt: str
    music: str
    fused: str
    target: str
    report: str
    mark: str
    dark: bool


DARK = Theme(
    name="dark",
    back="#0E1013",
    panel="#15181D",
    raised="#20252C",
    line="#2D343D",
    grid="#252B33",
    text="#E4E6E9",
    muted="#98A1AC",
    accent="#56B4E9",
    good="#19B389",
    fair="#E69F00",
    bad="#F07A3C",
    eeg="#7CC4EE",
    eeg_alt="#A9B8C6",
    music="#E69F00",
    fused="#F0E442",
    target="#CC79A7",
    report="#19B389",
    mark="#F0E442",
    dark=True,
)

LIGHT = Theme(
    name="light",
    back="#E9ECF0",
    panel="#FFFFFF",
    raised="#F1F3F6",
    line="#CBD2DA",
    grid="#E3E7EC",
    text="#1B1F24",
    muted="#5A636E",
    accent="#0B6FA8",
    good="#00704F",
    fair="#8F5E00",
    bad="#B0003A",
    eeg="#0B6FA8",
    eeg_alt="#55616D",
    music="#9A6400",
    fused="#6E6500",
    target="#A03F79",
    report="#00704F",
    mark="#6E6500",
    dark=False,
)

THEMES: dict[str, Theme] = {theme.name: theme for theme in (DARK, LIGHT)}


def style_sheet(t: Theme) -> str:
    """Return the Qt style sheet of a theme."""
    return f"""
* {{ outline: none; }}
QWidget {{ color: {t.text}; font-size: 12px; }}
QMainWindow, QDialog, #home {{ background: {t.back}; }}
QMainWindow::separator {{ background: {t.back}; width: 5px; height: 5px; }}
QMainWindow::separator:hover {{ background: {t.accent}; }}
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}
#panel {{ background: {t.panel}; border: 1px solid {t.line}; border-top: none;
    border-bottom-left-radius: 6px; border-bottom-right-radius: 6px; }}
#dockTitle {{ background: {t.panel}; border: 1px solid {t.line}; border-bottom: none;
    border-top-left-radius: 6px; border-top-right-radius: 6px; }}
#dockTitle QLabel {{ font-weight: 600; }}
#caption, #muted {{ color: {t.muted}; font-size: 11px; }}
#bar {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 6px; }}
#badge {{ background: {t.fair}; color: {t.back if t.dark else "#FFFFFF"}; border-radius: 4px;
    padding: 1px 6px; font-weight: 700; font-size: 11px; }}
#title {{ font-size: 15px; font-weight: 600; }}
#heading {{ font-size: 18px; font-weight: 600; }}
#number {{ font-weight: 600; }}
QLabel:disabled {{ color: {t.muted}; }}
QPushButton, QToolButton {{ background: {t.raised}; border: 1px solid {t.line};
    border-radius: 5px; padding: 3px 9px; min-height: 18px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {t.accent}; }}
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus,
    QListView:focus, QCheckBox:focus, QSpinBox:focus, QDoubleSpinBox:focus
    {{ border: 1px solid {t.accent}; }}
QPushButton:checked, QToolButton:checked {{ background: {t.accent};
    color: {t.back if t.dark else "#FFFFFF"}; border-color: {t.accent}; font-weight: 600; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; border-color: {t.grid}; }}
QPushButton:checked:disabled {{ background: {t.raised}; color: {t.muted};
    border-color: {t.line}; }}
QPushButton#primary {{ background: {t.accent}; color: {t.back if t.dark else "#FFFFFF"};
    font-weight: 600; border-color: {t.accent}; }}
QPushButton#primary:disabled {{ background: {t.raised}; color: {t.muted};
    border-color: {t.grid}; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton#flat {{ background: transparent; border: 1px solid transparent; padding: 1px 4px; }}
QToolButton#flat:checked {{ background: transparent; border-color: {t.accent}; }}
QToolButton#flat:hover, QToolButton#flat:focus {{ border-color: {t.accent}; }}
QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox {{ background: {t.raised};
    border: 1px solid {t.line}; border-radius: 5px; padding: 2px 6px; min-height: 18px;
    selection-background-color: {t.accent}; }}
QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.line};
    selection-background-color: {t.accent}; selection-color: {t.back if t.dark else "#FFFFFF"}; }}
QListView, QTableView, QTreeView, QPlainTextEdit, QTextBrowser {{ background: {t.panel};
    border: 1px solid {t.line}; border-radius: 5px; alternate-background-color: {t.raised}; }}
QListView#streams::item {{ padding: 9px 12px; }}
QListView::item:selected, QTableView::item:selected {{ background: {t.accent};
    color: {t.back if t.dark else "#FFFFFF"}; }}
QHeaderView {{ background: {t.raised}; border: none; }}
QHeaderView::section {{ background: {t.raised}; border: none; padding: 3px 6px; }}
QComboBox {{ padding-right: 18px; }}
QComboBox::drop-down {{ border: none; width: 18px; }}
QSpinBox::up-button, QSpinBox::down-button {{ border: none; background: transparent;
    width: 18px; }}
QProgressBar {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: 4px;
    text-align: center; min-height: 16px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 14px; height: 14px;
    border: 1px solid {t.muted}; background: {t.raised}; }}
QCheckBox::indicator {{ border-radius: 3px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; }}
QRadioButton::indicator:checked {{ border-color: {t.accent}; background: qradialgradient(
    cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 {t.accent}, stop: 0.52 {t.accent},
    stop: 0.62 {t.raised}, stop: 1 {t.raised}); }}
QScrollBar:vertical {{ width: 8px; background: transparent; }}
QScrollBar:horizontal {{ height: 8px; background: transparent; }}
QScrollBar::handle {{ background: {t.line}; border-radius: 4px; min-height: 24px;
    min-width: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QTabBar {{ background: transparent; }}
QTabBar::tab {{ background: {t.raised}; border: 1px solid {t.line}; padding: 3px 10px;
    margin-right: 2px; border-radius: 4px; color: {t.muted}; }}
QTabBar::tab:selected {{ color: {t.text}; border-color: {t.accent}; }}
QMenu {{ background: {t.raised}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 4px 18px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.accent}; color: {t.back if t.dark else "#FFFFFF"}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 8px; }}
QGroupBox {{ border: 1px solid {t.line}; border-radius: 6px; margin-top: 8px; padding-top: 8px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 10px; color: {t.muted}; }}
"""
