"""Figures and criteria of a soak test, and the Markdown report of them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bci_affect.app.benchmarks.machine import percentiles
from benchmarks.soak_headset import PIECE, RATE_HZ, RECORD, expected

if TYPE_CHECKING:
    from benchmarks.soak import Soak

LONG_RUN_S = 1200.0
"""Shortest run in which memory growth and latency drift are criteria and not only reported."""
SETTLE_S = 8.0
"""Time after a fault until estimates are valid again: one window of EEG."""
IN_FLIGHT_S = 1.0
"""Longest time that samples stay in the buffers of a headset that is killed."""
BEGIN, END = "<!-- soak: written by benchmarks/soak.py -->", "<!-- soak ends -->"


def judge(soak: Soak, status: int, counter: str) -> dict[str, Any]:
    """Return all figures, and each criterion with its result."""
    watch = soak.watch
    began, ended = soak.began, soak.ended
    memory = _memory(np.array(watch.process), began, ended)
    latency = _latency(np.array(watch.estimates), soak.faults, began, ended)
    # A session generates the demonstration's music during its first minute.
    since = max(began, watch.began + 60.0)
    latency["within"] = _by_sixths(np.array(watch.within).T, soak, since)
    latency["bare"] = _by_sixths(watch.control.latencies_ms(), soak, began)
    recording = _recordings(soak, counter)
    uncaught = watch.now["uncaught"]
    unwell = [fault["kind"] for fault in soak.faults if not np.isfinite(fault["well_after_s"])]
    long = ended - began >= LONG_RUN_S
    checks: list[dict[str, Any]] = []

    def check(name: str, value: object, goal: str, met: bool) -> None:
        checks.append({"name": name, "value": value, "goal": goal, "met": bool(met)})

    check("unhandled exceptions", len(uncaught), "0", not uncaught)
    check("exit status of the session", status, "0", status == 0)
    check("faults without recovery", len(unwell), "0", not unwell)
    check("unexplained missing samples", recording["unexplained"], "0",
          recording["unexplained"] == 0)  # fmt: skip
    check("samples recorded with a wrong value", recording["wrong"], "0", recording["wrong"] == 0)
    check(
        "damaged intervals in the recordings", recording["damaged"], "0", recording["damaged"] == 0
    )
    check("recording lost before the disk was full (s)",
          recording["lost_at_full_disk_s"], "<= 1.5" if long else "<= 10",
          recording["lost_at_full_disk_s"] <= (1.5 if long else 10.0))  # fmt: skip
    check("lost samples: counted / true", f"{recording['lost_counted']} / "
          f"{recording['lost_true']}", "within 2 % and 64", recording["lost_agree"])  # fmt: skip
    check("threads: last / first sixth", f"{memory['threads'][1]} / {memory['threads'][0]}",
          f"no more than {2 if long else 10} added",
          memory["threads"][1] <= memory["threads"][0] + (2 if long else 10))  # fmt: skip
    check("open files: last / first sixth", f"{memory['files'][1]} / {memory['files'][0]}",
          f"no more than {4 if long else 20} added",
          memory["files"][1] <= memory["files"][0] + (4 if long else 20))  # fmt: skip
    check("memory growth after warm-up (%)", memory["growth_percent"],
          "< 2" if long else "reported", not long or memory["growth_percent"] < 2.0)  # fmt: skip
    check("p99 latency, last / first sixth", latency["p99_ratio"],
          "<= 1.5" if long else "reported", not long or latency["p99_ratio"] <= 1.5)  # fmt: skip
    return {
        "seconds": ended - began,
        "machine": soak.machine,
        "disk": soak.disk.how,
        "sound": "played to a sound server"
        if soak.sound
        else "silent, because PulseAudio is not installed",
        "checks": checks,
        "faults": _by_kind(soak.faults),
        "latency": latency,
        "memory": memory,
        "recording": recording,
        "uncaught": uncaught,
        "messages": [text for _, text in watch.messages],
        "threads": watch.now["threads"],
    }


def machine() -> dict[str, Any]:
    """Return the machine, its load and the code revision at the start of the soak."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True, text=True, cwd=Path(__file__).parent,
    )  # fmt: skip
    return {
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "cores": os.cpu_count(),
        "load_1_5_15_min": [round(load, 1) for load in os.getloadavg()],
        "revision": revision.stdout.strip(),
        "command": " ".join(["python", *sys.argv]),
    }


def _sixths(times: np.ndarray, began: float, ended: float) -> tuple[np.ndarray, np.ndarray]:
    sixth = (ended - began) / 6.0
    return times < began + sixth, times >= ended - sixth


def _memory(seen: np.ndarray, began: float, ended: float) -> dict[str, Any]:
    """Summarise rows of (time, RSS, threads, open files, CPU seconds, load)."""
    seen = seen[(seen[:, 0] >= began) & (seen[:, 0] <= ended)]
    times, rss = seen[:, 0], seen[:, 1] / 1e6
    warm = times >= began + min(600.0, (ended - began) / 4.0)
    slope, start = np.polyfit(times[warm] - times[warm][0], rss[warm], 1)
    span = float(times[warm][-1] - times[warm][0])
    first, last = _sixths(times, began, ended)
    return {
        "MB_after_warm_up": float(start),
        "MB_at_end": float(np.median(rss[-10:])),
        "MB_most": float(rss.max()),
        "slope_MB_per_hour": float(slope * 3600.0),
        "growth_percent": float(100.0 * slope * span / start),
        "threads": [int(np.median(seen[part, 2])) for part in (first, last)],
        "files": [int(np.median(seen[part, 3])) for part in (first, last)],
        "load": [float(np.median(seen[part, 5])) for part in (first, last)],
        "cpu_share_of_one_core": float((seen[-1, 4] - seen[0, 4]) / (times[-1] - times[0])),
    }


def _at_faults(when: np.ndarray, faults: list[dict[str, Any]]) -> np.ndarray:
    """Mark times within faults, or so soon after them that windows still miss samples."""
    during = np.zeros(when.size, bool)
    for fault in faults:
        during |= (when >= fault["begin"]) & (when <= fault["end"] + SETTLE_S)
    return during


def _by_sixths(seen: np.ndarray, soak: Soak, since: float) -> dict[str, Any]:
    """Return percentiles of latencies outside faults; `seen` (2, n) holds times and ms."""
    when, ms = seen
    stolen = soak.watch.stolen
    keep = ~_at_faults(when, soak.faults) & (when >= since) & (when <= soak.ended)
    first, last = _sixths(when, soak.began, soak.ended)
    figures = {
        **percentiles(when[keep], ms[keep], stolen),
        "first_sixth": percentiles(when[keep & first], ms[keep & first], stolen),
        "last_sixth": percentiles(when[keep & last], ms[keep & last], stolen),
    }
    return figures | {"p99_ratio": figures["last_sixth"]["p99"] / figures["first_sixth"]["p99"]}


def _latency(
    seen: np.ndarray, faults: list[dict[str, Any]], began: float, ended: float
) -> dict[str, Any]:
    """Return latencies from the newest sample used to the estimate in an LSL receiver."""
    when, stamp = seen.T
    during = _at_faults(when, faults)
    keep = ~during & (when >= began) & (when <= ended)
    latency = 1e3 * (when - stamp)
    first, last = _sixths(when, began, ended)

    def percentiles(part: np.ndarray) -> dict[str, float]:
        chosen = latency[part]
        if not chosen.size:
            return dict.fromkeys(("p50_ms", "p99_ms", "least_ms"), float("nan"))
        p50, p99 = np.percentile(chosen, (50, 99))
        return {"p50_ms": float(p50), "p99_ms": float(p99), "least_ms": float(chosen.min())}

    figures = {"all": percentiles(keep), "first_sixth": percentiles(keep & first)}
    figures |= {"last_sixth": percentiles(keep & last)}
    inside = (when >= began) & (when <= ended)
    return {
        **figures,
        "p99_ratio": figures["last_sixth"]["p99_ms"] / figures["first_sixth"]["p99_ms"],
        "estimates": int(inside.sum()),
        "estimates_per_s": float(inside.sum() / (ended - began)),
        "left_out_around_faults": int((during & inside).sum()),
    }


def _recordings(soak: Soak, counter: str) -> dict[str, Any]:
    """Compare the recordings with the headset's log of sent samples."""
    from bci_affect.streams import read_xdf

    log = np.fromfile(soak.log, RECORD)
    counts = log["stop"] - log["first"]
    sent = np.concatenate([np.arange(a, b) for a, b in zip(log["first"], log["stop"], strict=True)])
    sent_at, spoilt = np.repeat(log["sent"], counts), np.repeat(log["spoilt"] > 0, counts)
    births = np.concatenate(([0], np.cumsum(counts)[:-1][log["first"][1:] != log["stop"][:-1]]))
    template = np.load(soak.template)
    files = sorted(soak.disk.folder.rglob("*.xdf"))
    got = np.zeros(sent.size, bool)
    unexplained = wrong = damaged = 0
    numbers = np.zeros(0, np.int64)
    inside = np.zeros(sent.size, bool)  # a recording, from its first sample to its last
    edges: list[tuple[int, int]] = []
    for file in files:
        recording = read_xdf(file)
        cap = next(s for s in recording.streams if counter in s.header.labels)
        damaged += len(recording.damage)
        samples = np.asarray(cap.samples())
        numbers = samples[:, cap.header.labels.index(counter)].astype(np.int64)
        at = np.searchsorted(sent, numbers)
        wrong += int(np.count_nonzero(sent[np.minimum(at, sent.size - 1)] != numbers))
        wrong += int(np.count_nonzero(np.diff(numbers) <= 0))
        differs = (samples[:, :-1] != expected(template, numbers)).any(axis=1)
        wrong += int(np.count_nonzero(differs & ~spoilt[at]))
        got[at] = True
        inside[int(at[0]) : int(at[-1]) + 1] = True
        edges.append((int(at[0]), int(at[-1])))
    for start, stop in zip(births, [*births[1:], sent.size], strict=True):
        life = slice(int(start), int(stop))  # of a headset: discovered after a while, then killed
        found = np.maximum.accumulate(got[life])
        dying = sent_at[life] > sent_at[life][-1] - IN_FLIGHT_S
        unexplained += int(np.count_nonzero(inside[life] & ~got[life] & found & ~dying))
    full = [fault["begin"] for fault in soak.faults if fault["kind"] == "disk full"]
    kept = [begin - sent_at[last] for begin, (_, last) in zip(full, edges, strict=False)]
    late = soak.ended - sent_at[edges[-1][1]]
    unexplained += int(late > 2.0)
    received = soak.watch.now["received"]
    due = int(numbers[-1] - sent[edges[0][0]]) + 1
    true, counted = due - received, soak.watch.now["lost"]
    return {
        "files": len(files),
        "MB": sum(file.stat().st_size for file in files) / 1e6,
        "sent": int(sent.size),
        "recorded": int(got.sum()),
        "unexplained": unexplained,
        "wrong": wrong,
        "damaged": damaged,
        "lost_at_full_disk_s": float(max(kept, default=0.0)),
        "lost_counted": int(counted),
        "lost_true": true,
        "lost_agree": bool(abs(counted - true) <= max(64, 0.02 * true)),
    }


def _by_kind(faults: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    table = {}
    for kind in sorted({fault["kind"] for fault in faults}):
        own = [fault for fault in faults if fault["kind"] == kind]
        well = [fault["well_after_s"] for fault in own]
        table[kind] = {
            "times": len(own),
            "well_after_s_median": float(np.median(well)),
            "well_after_s_most": float(max(well)),
            "seen": own[-1]["seen"],
        }
    return table


def write_report(path: Path, result: dict[str, Any]) -> None:
    """Replace the report in a page; the rest of the page stays."""
    page = path.read_text(encoding="utf-8") if path.exists() else "# Reliability\n\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    own = f"{BEGIN}\n{report(result)}{END}\n\n"
    path.write_text(before.rstrip("\n") + "\n\n" + own + after.lstrip("\n"), encoding="utf-8")


def report(result: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    machine, memory, latency = result["machine"], result["memory"], result["latency"]
    within = latency["within"]
    recording = result["recording"]
    lines = [
        f"`{machine['command']}` at revision {machine['revision']}; {machine['system']}, "
        f"{machine['cores']} cores, median load {memory['load'][0]:.1f} in the first sixth and "
        f"{memory['load'][1]:.1f} in the last; duration {result['seconds']:.0f} s; full disk: "
        f"{result['disk']}; music: {result['sound']}.",
        "",
        "| criterion | goal | measured | met |",
        "|---|---|---|---|",
        *(
            f"| {c['name']} | {c['goal']} | {_short(c['value'])} | {'yes' if c['met'] else 'NO'} |"
            for c in result["checks"]
        ),
        "",
        "| fault | count | recovery time, median and maximum (s) | last observation |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {row['times']} | {row['well_after_s_median']:.1f}, "
            f"{row['well_after_s_most']:.1f} | {row['seen']} |"
            for kind, row in result["faults"].items()
        ),
        "",
        "| latency outside faults (ms) | p50 | p99 | p99, last / first sixth "
        "| p50, no steal | p99, no steal |",
        "|---|---|---|---|---|---|",
        f"| newest sample to the estimate in an LSL receiver | {latency['all']['p50_ms']:.1f} | "
        f"{latency['all']['p99_ms']:.1f} | {latency['p99_ratio']:.2f} | | |",
        _latency_row("newest sample to the estimate within the session", within),
        _latency_row("control loop of 2 ms in its own process", latency["bare"]),
        "",
        f"Faults and the {SETTLE_S:.0f} s after each are excluded. The latency in an LSL receiver "
        "includes the samples that follow the newest one used in its packet of "
        f"{1e3 * PIECE / RATE_HZ:.0f} ms ({latency['estimates']} estimates). The host of the "
        f"virtual machine took {100 * within['stolen_share_of_a_core']:.0f} % of one core; "
        '"no steal" covers estimates during which it took nothing '
        f"({within['nothing_stolen']['n']} of {within['n']}).",
        "",
        f"Memory: {memory['MB_after_warm_up']:.0f} MB after warm-up, {memory['MB_at_end']:.0f} MB "
        f"at the end, {memory['slope_MB_per_hour']:+.1f} MB per hour by linear fit. CPU: "
        f"{100 * memory['cpu_share_of_one_core']:.0f} % of one core, window and music included.",
        "",
        f"Recording: {recording['files']} files, {recording['MB']:.0f} MB, "
        f"{recording['recorded']:,} of {recording['sent']:,} sent samples. The others were sent "
        "while the disk was full, just before a headset was killed, or before it was found again.",
        "",
    ]
    return "\n".join(lines)


def _latency_row(name: str, figures: dict[str, Any]) -> str:
    idle = figures["nothing_stolen"]
    return (
        f"| {name} | {figures['p50']:.1f} | {figures['p99']:.1f} | {figures['p99_ratio']:.2f} | "
        f"{idle['p50']:.1f} | {idle['p99']:.1f} |"
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
