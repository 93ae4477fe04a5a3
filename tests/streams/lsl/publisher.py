"""A headset in a process of its own: ``python -m tests.streams.lsl.publisher NAME SOURCE_ID ...``.

Channel 0 carries the sample's number since `base`, so that a reader can prove what it lost; the
stamp of number n is ``base + n / rate``. A paused publisher catches up afterwards, as a device with
a buffer does; one that is restarted continues at the due number. At SIGUSR1 it sets its
clock 500 s back, at SIGUSR2 9000 s forward. With ``--clock`` all stamps are that much
later, as Unix time is. With ``--announced`` it claims another rate than it has.
With ``--trigger LABEL`` the last channel holds 3 and 7 in turn at each full second, for 5 samples.
Imports little, so that many can be started at once.
"""

from __future__ import annotations

import argparse
import signal
import time

import numpy as np
import pylsl


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("source_id")
    parser.add_argument("--base", type=float, required=True)
    parser.add_argument("--rate", type=float, default=250.0)
    parser.add_argument("--announced", type=float)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--piece", type=float, default=0.01)
    parser.add_argument("--units", default="microvolts")
    parser.add_argument("--type", default="EEG")
    parser.add_argument("--trigger", default="")
    parser.add_argument("--clock", type=float, default=0.0)
    parser.add_argument("--stamps", choices=["true", "arrival", "random"], default="true")
    args = parser.parse_args()
    jumps: list[float] = []
    for name, jump in (("SIGUSR1", -500.0), ("SIGUSR2", 9000.0)):
        if hasattr(signal, name):  # not on Windows
            signal.signal(getattr(signal, name), lambda *_, jump=jump: jumps.append(jump))
    labels = ["Fz", "Cz", "Pz", "Oz", "C3", "C4", "P3", "P4"][: args.channels]
    labels += [f"X{i}" for i in range(len(labels), args.channels)]
    if args.trigger:
        labels[-1] = args.trigger
    info = pylsl.StreamInfo(
        args.name,
        args.type,
        args.channels,
        args.rate if args.announced is None else args.announced,
        pylsl.cf_float32,
        args.source_id,
    )
    channels = info.desc().append_child("channels")
    for label in labels:
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        if args.units:
            channel.append_child_value("unit", args.units)
    outlet = pylsl.StreamOutlet(info)
    number = round((pylsl.local_clock() - args.base) * args.rate)
    end = pylsl.local_clock() + args.seconds
    while (now := pylsl.local_clock()) < end:
        due = int((now - args.base) * args.rate)
        if due > number:
            n = np.arange(number, due)
            samples = np.random.default_rng(number).normal(0, 20, (n.size, args.channels))
            samples[:, 0] = n
            if args.trigger:
                second = n // args.rate
                samples[:, -1] = np.where(n - second * args.rate < 5, 3 + 4 * (second % 2), 0)
            stamps = args.base + n / args.rate
            stamps += args.clock + sum(jumps)
            if args.stamps == "arrival":
                stamps = np.full(n.size, now) + 1e-5 * np.arange(n.size)
            elif args.stamps == "random":
                stamps += np.random.default_rng(number).normal(0, 0.5, n.size)
            outlet.push_chunk(samples.astype(np.float32), stamps.tolist())
            number = due
        time.sleep(args.piece)


if __name__ == "__main__":
    main()
