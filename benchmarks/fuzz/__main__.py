"""Table of the results of reading damaged files.

    python -m benchmarks.fuzz                      # the documented run: over 100,000 inputs
    python -m benchmarks.fuzz --share 0.01         # a hundredth of it
    python -m benchmarks.fuzz --only xdf,model     # some kinds of file
    python -m benchmarks.fuzz --only xdf --case 17 --save broken.xdf    # one case, saved

Every kind of file is read in its own process, with limits on memory and on CPU time per input.
Findings are listed with the numbers that repeat them; the exit status is 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.fuzz.targets import TARGETS
from benchmarks.fuzz.worker import judge, rng_of

SLOW_S = 30.0
"""CPU time after which an input counts as a hang."""
GOOD = ("refused", "reported", "read")
FINDINGS = ("traceback", "wrong", "executed", "hang", "crash", "unclear", "warned")


@dataclass
class Tally:
    """Outcomes of the inputs of one kind of file."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[int]] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, case: int, outcome: str, what: str) -> None:
        """Count one case."""
        self.outcomes[outcome] += 1
        if outcome not in GOOD:
            self.findings.setdefault(f"{outcome}: {what}", []).append(case)


def run_target(name: str, seed: int, count: int) -> Tally:
    """Run all cases of one kind of file, with a new worker after each hang or crash."""
    tally = Tally()
    began = time.monotonic()
    case = 0
    while case < count:
        case = _run_from(name, seed, case, count, tally)
    tally.seconds = time.monotonic() - began
    return tally


def _run_from(name: str, seed: int, start: int, stop: int, tally: Tally) -> int:
    """Run one worker to its end and return the next case."""
    command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.fuzz.worker"]
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(
            [*command, name, str(seed), str(start), str(stop)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(worker, lines), daemon=True).start()
        current, spent, done = start, 0.0, False
        while True:
            try:
                line = lines.get(timeout=2.0)
            except queue.Empty:
                if _cpu(worker.pid) - spent > SLOW_S:
                    worker.kill()
                    worker.wait()
                    tally.note(current, "hang", f"over {SLOW_S:g} s of CPU time")
                    return current + 1
                continue
            if line is None:
                break
            message = json.loads(line)
            spent = _cpu(worker.pid) if "begin" not in message or lines.empty() else spent
            if "begin" in message:
                current, done = message["begin"], False
            else:
                tally.note(message["case"], message["outcome"], message["what"])
                done = True
        status = worker.wait()
        if status == 0:
            return stop
        errors.seek(0)
        told = errors.read().decode(errors="replace").strip().splitlines()[-25:]
        if not done and current == start and not tally.outcomes:
            raise SystemExit("\n".join([f"The worker of '{name}' does not start:", *told]))
        why = next((t for t in told if "Fatal" in t or "File" in t), " ".join(told[-1:]))
        tally.note(current, "crash", f"exit {status}: {why[:200]}")
        return current + 1


def _pump(worker: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put(line)
    lines.put(None)


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def table(tallies: dict[str, Tally]) -> str:
    """Return the Markdown table of docs/bad-input.md."""
    head = ("rejected in one line", "read with a report", "read correctly", "findings")
    rows = [f"| kind of file | inputs | {' | '.join(head)} |", "|" + "---|" * 6]
    total: Counter[str] = Counter()
    for name, tally in tallies.items():
        rows.append(_row(TARGETS[name].title, tally.outcomes))
        total += tally.outcomes
    return "\n".join([*rows, _row("**all**", total)])


def _row(title: str, outcomes: Counter[str]) -> str:
    bad = sum(outcomes[kind] for kind in FINDINGS)
    cells = [sum(outcomes.values()), *(outcomes[kind] for kind in GOOD), bad]
    return f"| {title} | " + " | ".join(f"{n:,}" for n in cells) + " |"


def one_case(name: str, seed: int, case: int, save: Path | None) -> None:
    """Run one case in this process, for a debugger."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["BCI_AFFECT_HOME"] = str(Path(place) / "home")
        target = TARGETS[name]()
        target.prepare(Path(place))
        data = target.make(rng_of(seed, name, case))
        if save is not None:
            save.write_bytes(data)
        print(*judge(target, data, Path(place)))
        if judge(target, data, Path(place))[0] == "traceback":
            target.use(data, Path(place))


def main() -> None:
    """Run the requested targets and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="share of the documented run")
    parser.add_argument("--only", default=",".join(TARGETS), help="comma-separated kinds of file")
    parser.add_argument("--case", type=int, help="run one case in this process")
    parser.add_argument("--save", type=Path, help="with --case: save its bytes")
    parser.add_argument("--json", type=Path, help="also write all counts and findings")
    given = parser.parse_args()
    names = given.only.split(",")
    if given.case is not None:
        one_case(names[0], given.seed, given.case, given.save)
        return
    tallies: dict[str, Tally] = {}
    for name in names:
        count = max(20, round(TARGETS[name].count * given.share))
        tallies[name] = run_target(name, given.seed, count)
        tally = tallies[name]
        print(f"{name}: {count} in {tally.seconds:.0f} s, {dict(tally.outcomes)}", flush=True)
        for what, cases in sorted(tally.findings.items(), key=lambda item: -len(item[1])):
            print(f"    {len(cases)} x {what}  (cases {cases[:4]})", flush=True)
    print(table(tallies))
    if given.json:
        found = {n: {"outcomes": t.outcomes, "findings": t.findings} for n, t in tallies.items()}
        given.json.write_text(json.dumps(found, indent=1))
    raise SystemExit(any(tally.findings for tally in tallies.values()))


if __name__ == "__main__":
    main()
