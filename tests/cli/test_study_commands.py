"""The research user's way: simulate, train, evaluate, report, and mistakes in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bci_affect.cli.app import app
from bci_affect.errors import BciAffectError
from tests.training.test_study import TOML

runner = CliRunner()


def document(*arguments: str) -> dict[str, object]:
    result = runner.invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)  # one document and nothing else
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    root = tmp_path_factory.mktemp("study")
    size = ("--subjects", "3", "--trials", "6", "--seconds", "8")
    made = document("simulate", "deap", str(root / "data"), *size)
    assert len(made["files"]) == 3  # type: ignore[arg-type]
    config = root / "small.toml"
    config.write_text(TOML.replace("baselines = false", "").replace("cotrain = true", ""))
    where = ("--data", str(root / "data"), "--out", str(root / "run"))
    metrics = document("train", str(config), *where, "--cache", str(root / "cache"))
    return root, metrics


def test_train_evaluate_and_report(finished: tuple[Path, dict[str, object]]) -> None:
    root, metrics = finished
    baselines = metrics["baselines"]
    assert isinstance(baselines, dict)
    assert {"majority", "music", "linear", "permuted", "riemann"} == set(baselines)
    assert baselines["majority"]["valence"]["trial"]["balanced_accuracy"]["mean"] == 0.5

    run, cache = str(root / "run"), ("--cache", str(root / "cache"))
    assert document("evaluate", run, *cache) == metrics
    assert document("report", run, *cache) == {"report": f"{run}/report.html"}
    page = (root / "run" / "report.html").read_text()
    assert "Simulated people" in page
    assert "not shown to be above chance" in page or "is above chance" in page
    for name in ("streaming", "baseline: linear", "MRR", "t-SNE", "most attended"):
        assert name in page
    # Nothing is fetched from anywhere: all addresses are data in the page itself.
    assert set(re.findall(r'(?:src|href)="([^"]{0,5})', page)) == {"data:"}
    assert "://" not in re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+|<pre>.*</pre>", "", page,
                                flags=re.DOTALL)  # fmt: skip


def test_the_table_is_printed_for_people(finished: tuple[Path, dict[str, object]]) -> None:
    root, _ = finished
    result = runner.invoke(
        app, ["evaluate", str(root / "run"), "--cache", str(root / "cache")],
        catch_exceptions=False, env={"COLUMNS": "160"},
    )  # fmt: skip
    assert "streaming" in result.stdout
    assert "0.500 [0.500, 0.500]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("train", "no-such-preset", "--data", ".", "--out", "x"), "no preset"),
        (("train", "streaming", "--data", "absent", "--out", "x"), "does not exist"),
        (("evaluate", "absent"), "not a finished study"),
        (("report", "absent"), "not a finished study"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BciAffectError, match=named) as caught:
        runner.invoke(app, list(arguments), catch_exceptions=False)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
