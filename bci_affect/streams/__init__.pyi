from .bridge.board import BoardSettings as BoardSettings
from .bridge.board import board_names as board_names
from .bridge.feeds import board_source_id as board_source_id
from .bridge.scan import FoundDevice as FoundDevice
from .bridge.scan import ScanResult as ScanResult
from .bridge.scan import scan_devices as scan_devices
from .bridge.service import Bridge as Bridge
from .bridge.service import BridgeOptions as BridgeOptions
from .bridge.service import BridgeStatus as BridgeStatus
from .event_stream import EVENT_STREAM as EVENT_STREAM
from .event_stream import event_header as event_header
from .event_stream import is_event_stream as is_event_stream
from .event_stream import new_session_id as new_session_id
from .event_stream import simulated_event_header as simulated_event_header
from .header import StreamHeader as StreamHeader
from .header import build_header as build_header
from .lsl.collector import Collector as Collector
from .lsl.discovery import FoundStream as FoundStream
from .lsl.discovery import find_streams as find_streams
from .lsl.discovery import local_clock as local_clock
from .lsl.inlet import LslSource as LslSource
from .lsl.isolation import write_lsl_config as write_lsl_config
from .lsl.outlet import EventOutlet as EventOutlet
from .lsl.outlet import FloatOutlet as FloatOutlet
from .lsl.outlet import RawOutlet as RawOutlet
from .lsl.recognition import accompanies as accompanies
from .plugin_source import make_source as make_source
from .record import record_streams as record_streams
from .source import ConnectionState as ConnectionState
from .source import EndOfStream as EndOfStream
from .source import Health as Health
from .source import Marker as Marker
from .source import SideStream as SideStream
from .source import Source as Source
from .source import StreamInfo as StreamInfo
from .source import read_to_end as read_to_end
from .tap import RawTap as RawTap
from .xdf.inspection import inspect_xdf as inspect_xdf
from .xdf.naming import recording_path as recording_path
from .xdf.player import MARKER_PATIENCE_S as MARKER_PATIENCE_S
from .xdf.player import XdfPlayer as XdfPlayer
from .xdf.reader import read_xdf as read_xdf
from .xdf.recorder import Recorder as Recorder
from .xdf.source import FAST_CHUNK_S as FAST_CHUNK_S
from .xdf.source import XdfSource as XdfSource
from .xdf.writer import XdfWriter as XdfWriter

__all__ = [
    "EVENT_STREAM",
    "FAST_CHUNK_S",
    "MARKER_PATIENCE_S",
    "BoardSettings",
    "Bridge",
    "BridgeOptions",
    "BridgeStatus",
    "Collector",
    "ConnectionState",
    "EndOfStream",
    "EventOutlet",
    "FloatOutlet",
    "FoundDevice",
    "FoundStream",
    "Health",
    "LslSource",
    "Marker",
    "RawOutlet",
    "RawTap",
    "Recorder",
    "ScanResult",
    "SideStream",
    "Source",
    "StreamHeader",
    "StreamInfo",
    "XdfPlayer",
    "XdfSource",
    "XdfWriter",
    "accompanies",
    "board_names",
    "board_source_id",
    "build_header",
    "event_header",
    "find_streams",
    "inspect_xdf",
    "is_event_stream",
    "local_clock",
    "make_source",
    "new_session_id",
    "read_to_end",
    "read_xdf",
    "record_streams",
    "recording_path",
    "scan_devices",
    "simulated_event_header",
    "write_lsl_config",
]
