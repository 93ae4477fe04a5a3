"""An outlet that contradicts itself: ``python -m tests.streams.lsl.hostile_publisher NAME KIND``.

liblsl keeps the short description apart from the complete one, which its owner may edit.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pylsl

KINDS = {
    "bytes": (64, pylsl.cf_double64, {"channel_format": "int8"}),
    "channels": (2, pylsl.cf_float32, {"channel_count": "64"}),
    "not-text": (1, pylsl.cf_string, {"channel_format": "float32"}),
    "not-numbers": (1, pylsl.cf_float32, {"channel_format": "string"}),
    "honest": (4, pylsl.cf_float32, {}),
    "long-text": (1, pylsl.cf_string, {}),
    "many-texts": (1, pylsl.cf_string, {}),
}


def main() -> None:
    name, kind, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    n_channels, fmt, claims = KINDS[kind]
    info = pylsl.StreamInfo(name, "EEG", n_channels, 250.0, fmt, f"{name}-{kind}")
    for tag, value in claims.items():
        assert info.desc().parent().child(tag).first_child().set_value(value)
    outlet = pylsl.StreamOutlet(info)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if kind == "long-text":
            outlet.push_sample(["x" * (2 << 20)])
        elif kind == "many-texts":
            outlet.push_chunk([["x"]] * 500)
        elif fmt == pylsl.cf_string:
            outlet.push_sample(["mark"])
        else:
            outlet.push_chunk(np.ones((25, n_channels)))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
