"""Check of HTML pages in a real browser at two widths: screenshots, console, requests.

    python docs/open_pages.py OUT PAGE.html [PAGE.html or FOLDER ...]

Requires ``pip install playwright`` and Chromium (``apt-get install chromium``, or its path in
CHROMIUM). Pages are opened from disk. A request outside the page's own folder, a console message,
or a page wider than the screen is a fault; the exit status is 1 if there are faults.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

WIDTHS = (390, 1280)


def main() -> int:
    """Open all pages and return the number of faults."""
    from playwright.sync_api import sync_playwright

    out, *named = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    pages = [p for n in named for p in (sorted(n.rglob("*.html")) if n.is_dir() else [n])]
    pages = [page for page in pages if page.name != "404.html"]  # shown by servers only
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
    faults: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in pages:
            own = path.resolve().parent.as_uri()
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 900})
                name = f"{path.stem}-{width}"
                page.on(
                    "request",
                    lambda request, name=name, own=own: (
                        request.url.startswith((own, "data:", "blob:"))
                        or faults.append(f"{name}: requests {request.url[:120]}")
                    ),
                )
                page.on(
                    "console", lambda message, name=name: faults.append(f"{name}: {message.text}")
                )
                page.on("pageerror", lambda error, name=name: faults.append(f"{name}: {error}"))
                page.goto(path.resolve().as_uri(), wait_until="load")
                page.wait_for_timeout(300)
                over = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if over > 1:
                    faults.append(f"{name}: {over} pixels wider than the screen")
                page.screenshot(
                    path=out / f"{name}.png", full_page=path.stem in ("report", "index")
                )
                page.close()
        browser.close()
    print("\n".join(faults) or "no request, no console message")
    print(f"{len(pages)} pages at {WIDTHS}: {len(faults)} faults; screenshots in {out}")
    return len(faults)


if __name__ == "__main__":
    raise SystemExit(main() > 0)
