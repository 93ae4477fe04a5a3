from .app import application as application
from .app import ask_consent as ask_consent
from .app import run_start as run_start
from .app import run_window as run_window
from .desktop import write_desktop_entry as write_desktop_entry
from .display import check_display as check_display
from .display import has_display as has_display
from .services import CalibrationResult as CalibrationResult
from .services import HeadsetStatus as HeadsetStatus
from .services import PastSession as PastSession
from .services import ProfileSummary as ProfileSummary
from .services import ScanStatus as ScanStatus
from .services import Services as Services
from .services import StartChoice as StartChoice
from .services import Started as Started
from .theme import THEMES as THEMES
from .window import MainWindow as MainWindow

__all__ = [
    "THEMES",
    "CalibrationResult",
    "HeadsetStatus",
    "MainWindow",
    "PastSession",
    "ProfileSummary",
    "ScanStatus",
    "Services",
    "StartChoice",
    "Started",
    "application",
    "ask_consent",
    "check_display",
    "has_display",
    "run_start",
    "run_window",
    "write_desktop_entry",
]
