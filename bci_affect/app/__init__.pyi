from .benchmarks import BENCHMARKS as BENCHMARKS
from .benchmarks.runner import BenchmarkResult as BenchmarkResult
from .benchmarks.runner import run_benchmark as run_benchmark
from .consent import require_consent as require_consent
from .demo import DEMO_RECORDING as DEMO_RECORDING
from .demo import demo_library as demo_library
from .demo import publisher as publisher
from .guided import GuidedOptions as GuidedOptions
from .guided import run_guided as run_guided
from .live_run import live as live
from .live_run import load_model as load_model
from .offline_calibration import calibrate as calibrate
from .recording_analysis import ProcessedRecording as ProcessedRecording
from .recording_analysis import RecordingAnalysis as RecordingAnalysis
from .recording_analysis import features as features
from .recording_analysis import process as process
from .run import bring_in_music as bring_in_music
from .run import run_home as run_home
from .run import run_session as run_session
from .scan import scan_with_progress as scan_with_progress
from .session_report import report_recording as report_recording
from .stream_search import find_stream as find_stream

__all__ = [
    "BENCHMARKS",
    "DEMO_RECORDING",
    "BenchmarkResult",
    "GuidedOptions",
    "ProcessedRecording",
    "RecordingAnalysis",
    "bring_in_music",
    "calibrate",
    "demo_library",
    "features",
    "find_stream",
    "live",
    "load_model",
    "process",
    "publisher",
    "report_recording",
    "require_consent",
    "run_benchmark",
    "run_guided",
    "run_home",
    "run_session",
    "scan_with_progress",
]
