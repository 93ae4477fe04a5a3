"""Development habits: the same tools and versions in every place, and a changelog that is kept."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from bci_affect import __version__

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ("ruff check .", "ruff format --check .", "codespell", "mypy", "lint-imports")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line)
    return {name.lower(): version for name, version in pins}


def test_pre_commit_uses_the_pinned_versions() -> None:
    revisions = {repo["repo"].split("/")[-1]: repo.get("rev") for repo in HOOKS["repos"]}
    assert revisions["ruff-pre-commit"] == "v" + pinned()["ruff"]
    assert revisions["codespell"] == "v" + pinned()["codespell"]


def test_every_test_tool_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[><=\[]", line)[0] for line in project["optional-dependencies"]["test"]]
    assert not {name.lower() for name in names} - pinned().keys()


def test_continuous_integration_runs_the_checks_of_the_test_command() -> None:
    command = (ROOT / "run").read_text()
    integration = (ROOT / ".github/workflows/ci.yml").read_text()
    for check in CHECKS:
        assert f"    {check}\n" in command
        assert f"      - run: {check}\n" in integration


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        ("music: close connections of finished threads\n", True),
        ("profiles, music: one SQLite kernel\n\nThe body explains why, at any length." * 3, True),
        ("Close connections of finished threads\n", False),
        ("music: " + "x" * 66 + "\n", False),
        ("music: " + "x" * 65 + "\n", True),
        ("music:close\n", False),
    ],
)
def test_commit_subjects(message: str, accepted: bool) -> None:
    hook = next(
        hook for repo in HOOKS["repos"] for hook in repo["hooks"] if hook["id"] == "subject"
    )
    assert "--negate" in hook["args"]
    assert bool(re.search(hook["entry"], message, re.MULTILINE)) is accepted


def test_the_changelog_begins_with_unreleased_changes_and_ends_with_this_version() -> None:
    headings = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == __version__
