"""What a soak shows: its figures, the criteria they meet or miss, and the page that tells them."""

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
"""From this length on memory and latency drift are judged; before it they are only told."""
SETTLE_S = 8.0
"""After a fault: one window of EEG, until estimates are readings again."""
IN_FLIGHT_S = 1.0
"""What a headset that is killed may have kept in its own buffers."""
BEGIN, END = "<!-- soak: written by benchmarks/soak.py -->", "<!-- soak ends -->"


def judge(soak: Soak, status: int, counter: str) -> dict[str, Any]:
    """Return everything that was measured, and each criterion with what it came to."""
    watch = soak.watch
    began, ended = soak.began, soak.ended
    memory = _memory(np.array(watch.process), began, ended)
    latency = _latency(np.array(watch.estimates), soak.faults, began, ended)
    # In the first minute of its life a session composes the demonstration's music beside it.
    since = max(began, watch.began + 60.0)
    latency["within"] = _by_sixths(np.array(watch.within).T, soak, since)
    latency["bare"] = _by_sixths(watch.bare.latencies_ms(), soak, began)
    recording = _recordings(soak, counter)
    uncaught = watch.now["uncaught"]
    unwell = [fault["kind"] for fault in soak.faults if not np.isfinite(fault["well_after_s"])]
    long = ended - began >= LONG_RUN_S
    checks: list[dict[str, Any]] = []

    def check(name: str, value: object, goal: str, met: bool) -> None:
        checks.append({"name": name, "value": value, "goal": goal, "met": bool(met)})

    check("unhandled exceptions", len(uncaught), "0", not uncaught)
    check("exit status of the session", status, "0", status == 0)
    check("faults that the session did not get over", len(unwell), "0", not unwell)
    check("samples missing without a reason", recording["unexplained"], "0",
          recording["unexplained"] == 0)  # fmt: skip
    check("samples recorded with another value", recording["wrong"], "0", recording["wrong"] == 0)
    check("damaged places in the recordings", recording["damaged"], "0", recording["damaged"] == 0)
    check("recorded before the disk was full, but not kept (s)",
          recording["lost_at_full_disk_s"], "<= 1.5" if long else "<= 10",
          recording["lost_at_full_disk_s"] <= (1.5 if long else 10.0))  # fmt: skip
    check("lost samples: counted beside true", f"{recording['lost_counted']} / "
          f"{recording['lost_true']}", "within 2 % and 64", recording["lost_agree"])  # fmt: skip
    check("threads: last sixth beside first", f"{memory['threads'][1]} / {memory['threads'][0]}",
          f"no more than {2 if long else 10} added",
          memory["threads"][1] <= memory["threads"][0] + (2 if long else 10))  # fmt: skip
    check("open files: last sixth beside first", f"{memory['files'][1]} / {memory['files'][0]}",
          f"no more than {4 if long else 20} added",
          memory["files"][1] <= memory["files"][0] + (4 if long else 20))  # fmt: skip
    check("memory growth after warm-up (%)", memory["growth_percent"],
          "< 2" if long else "told only", not long or memory["growth_percent"] < 2.0)  # fmt: skip
    check("p99 latency, last sixth to first", latency["p99_ratio"],
          "<= 1.5" if long else "told only", not long or latency["p99_ratio"] <= 1.5)  # fmt: skip
    return {
        "seconds": ended - began,
        "machine": soak.machine,
        "disk": soak.disk.how,
        "sound": "played to a sound server" if soak.sound else "silent: there is no PulseAudio",
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
    """Return what the soak begins on: the machine, its load, and the code, which may move on."""
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
    """RSS, threads, open files and CPU, by (time, RSS, threads, files, CPU seconds, load) rows."""
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
    """Whether moments are within faults, or so soon after that windows still miss samples."""
    during = np.zeros(when.size, bool)
    for fault in faults:
        during |= (when >= fault["begin"]) & (when <= fault["end"] + SETTLE_S)
    return during


def _by_sixths(seen: np.ndarray, soak: Soak, since: float) -> dict[str, Any]:
    """Percentiles of latencies, seen (2, n) as moments and ms, where there is no fault."""
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
    """From the newest sample used to the estimate in another program's hand, over LSL."""
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
    """Compare the recordings with what the headset's log says was sent."""
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
    inside = np.zeros(sent.size, bool)  # of a recording, from its first sample to its last
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
        life = slice(int(start), int(stop))  # of a headset: found a while after birth, then killed
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
    """Put the report into a page, in place of the last one; the rest of the page stays."""
    page = path.read_text(encoding="utf-8") if path.exists() else "# Reliability\n\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    own = f"{BEGIN}\n{report(result)}{END}\n\n"
    path.write_text(before.rstrip("\n") + "\n\n" + own + after.lstrip("\n"), encoding="utf-8")


def report(result: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    machine, memory, latency = result["machine"], result["memory"], result["latency"]
    within, still = latency["within"], latency["within"]["nothing_stolen"]
    bare = latency["bare"]
    recording = result["recording"]
    lines = [
        f"`{machine['command']}` at {machine['revision']}; {machine['system']}, "
        f"{machine['cores']} cores, median load {memory['load'][0]:.1f} in the first sixth and "
        f"{memory['load'][1]:.1f} in the last; "
        f"{result['seconds']:.0f} s; the full disk was {result['disk']}; music was "
        f"{result['sound']}.",
        "",
        "| criterion | goal | measured | met |",
        "|---|---|---|---|",
        *(
            f"| {c['name']} | {c['goal']} | {_short(c['value'])} | {'yes' if c['met'] else 'NO'} |"
            for c in result["checks"]
        ),
        "",
        "| fault | times | well again after, median and most (s) | seen, the last time |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {row['times']} | {row['well_after_s_median']:.1f}, "
            f"{row['well_after_s_most']:.1f} | {row['seen']} |"
            for kind, row in result["faults"].items()
        ),
        "",
        f"Memory: {memory['MB_after_warm_up']:.0f} MB after warm-up, {memory['MB_at_end']:.0f} MB "
        f"at the end, {memory['slope_MB_per_hour']:+.1f} MB an hour by a straight line. "
        f"CPU: {100 * memory['cpu_share_of_one_core']:.0f} % of one core, window and music "
        "included.",
        "",
        "Latency (newest sample used to the estimate in another program's hand, over LSL, with "
        f"what came after that sample in its packet of {1e3 * PIECE / RATE_HZ:.0f} ms; "
        f"{SETTLE_S:.0f} s after each fault left out): p50 {latency['all']['p50_ms']:.1f} ms, "
        f"p99 {latency['all']['p99_ms']:.1f} ms; first sixth {latency['first_sixth']['p50_ms']:.1f}"
        f" and {latency['first_sixth']['p99_ms']:.1f} ms, last sixth "
        f"{latency['last_sixth']['p50_ms']:.1f} and {latency['last_sixth']['p99_ms']:.1f} ms; "
        f"{latency['estimates']} estimates.",
        "",
        "Within the session (newest sample to estimate, the same moments): p50 "
        f"{within['p50']:.1f} ms, p99 {within['p99']:.1f} ms. The machine's host took "
        f"{100 * within['stolen_share_of_a_core']:.0f} % of one core away; the {still['n']} of "
        f"{within['n']} estimates during which it took nothing: {still['p50']:.1f} and "
        f"{still['p99']:.1f} ms, its 99th percentile in the first and the last sixth "
        f"{within['first_sixth']['nothing_stolen']['p99']:.1f} and "
        f"{within['last_sixth']['nothing_stolen']['p99']:.1f} ms.",
        "",
        "The machine's own part, by a loop of 2 ms that does nothing else, in a process of its own "
        f"beside the session, at the same moments: p50 {bare['p50']:.1f} ms, p99 {bare['p99']:.1f} "
        f"ms, {bare['first_sixth']['p99']:.1f} ms in the first sixth and "
        f"{bare['last_sixth']['p99']:.1f} ms in the last ({bare['p99_ratio']:.2f} times; within "
        f"the session {within['p99_ratio']:.2f} times); where nothing was taken "
        f"{bare['nothing_stolen']['p50']:.1f} and {bare['nothing_stolen']['p99']:.1f} ms.",
        "",
        f"Recording: {recording['files']} files, {recording['MB']:.0f} MB, "
        f"{recording['recorded']:,} of {recording['sent']:,} samples sent; the others fell into "
        "the times when the disk was full, the headset had just died, or had not been found again.",
        "",
    ]
    return "\n".join(lines)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
