from .app import application as application
from .app import run_start as run_start
from .app import run_window as run_window
from .display import check_display as check_display
from .display import has_display as has_display
from .services import CalibrationResult as CalibrationResult
from .services import Services as Services
from .services import StartChoice as StartChoice
from .services import Started as Started
from .window import MainWindow as MainWindow

__all__ = [
    "CalibrationResult",
    "MainWindow",
    "Services",
    "StartChoice",
    "Started",
    "application",
    "check_display",
    "has_display",
    "run_start",
    "run_window",
]
