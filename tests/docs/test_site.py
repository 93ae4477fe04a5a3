"""The documentation builds without a warning and asks nothing of any other machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)[^>]*\ssrc=["'](?:https?:)?//[^"']*"""
    r"""|<link[^>]*rel=["']?(?:stylesheet|icon|preconnect|preload)[^>]*href=["'](?:https?:)?//[^"']*"""
    r"""|@import[^;]*//|url\(["']?(?:https?:)?//(?!www\.w3\.org)""",
    re.IGNORECASE,
)


def test_the_site_builds_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(site)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARNING" not in built.stdout + built.stderr
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for path in [*pages, *site.rglob("*.css")]:
        found = FETCHED.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.name}: {found[0] if found else ''}"
