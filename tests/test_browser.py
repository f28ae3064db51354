"""The report of a real run in a real browser: no errors, nothing fetched, no sideways scrolling on a phone, light and dark."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

PHONE = 360  # pixels
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --allow-file-access-from-files --enable-logging=stderr"
)
ASKS = """<!doctype html><iframe src="report.html" width="{width}" height="2000"></iframe><pre></pre><script>
onload = () => {{
  const frame = document.querySelector("iframe"), page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll, pre, svg")
    && e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.outerHTML.slice(0, 80));
  document.querySelector("pre").textContent = JSON.stringify({{
    width: root.clientWidth, content: root.scrollWidth, wide, charts: page.querySelectorAll("svg").length,
    fetched: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name)}});
}};
</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")


def browse(folder: Path, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    command = [BROWSER, *QUIET.split(), f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def asked(folder: Path, page: str, width: int) -> tuple[dict[str, Any], list[str]]:
    """What the browser measures of a page in a frame, and the lines of its console."""
    (folder / "report.html").write_text(page, "utf-8")
    (folder / "asks.html").write_text(ASKS.format(width=width), "utf-8")
    ran = browse(folder, folder / "asks.html", "--dump-dom")
    answer = re.search(r"<pre>(.*?)</pre>", ran.stdout, re.DOTALL)
    assert answer is not None, ran.stdout[:2000]
    found: dict[str, Any] = json.loads(html.unescape(answer[1]))
    return found, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page(run_folder: Path) -> str:
    return (run_folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("width", [PHONE, 1100])
def test_the_page_fits_fetches_nothing_and_has_no_errors(tmp_path: Path, page: str, width: int) -> None:
    found, console = asked(tmp_path, page, width)
    assert console == []
    assert found["fetched"] == []
    assert found["wide"] == []
    assert found["content"] <= found["width"] <= width
    assert found["charts"] >= 8


def test_a_page_that_did_wrong_would_be_noticed(tmp_path: Path, page: str) -> None:
    wrong = '<img src="http://127.0.0.1:9/x.png"><p style="width: 900px">wide</p></body>'
    found, console = asked(tmp_path, page.replace("</body>", wrong), PHONE)
    assert "Content Security Policy" in "".join(console)
    assert found["content"] >= 900
    open_page = re.sub(r"<meta http-equiv=[^>]*>", "", page).replace("</body>", wrong)
    assert asked(tmp_path, open_page, PHONE)[0]["fetched"] == ["http://127.0.0.1:9/x.png"]


@pytest.mark.parametrize("width", [PHONE, 1100])
def test_it_can_be_seen_in_light_and_in_dark(tmp_path: Path, page: str, width: int) -> None:
    (tmp_path / "report.html").write_text(page, "utf-8")
    brightness = {}
    for name, scheme in (("light", 1), ("dark", 0)):
        shot = tmp_path / f"{name}.png"
        browse(tmp_path, tmp_path / "report.html", f"--window-size={width},2200", f"--screenshot={shot}",
               f"--blink-settings=preferredColorScheme={scheme}")  # fmt: skip
        with Image.open(shot) as image:
            statistics = ImageStat.Stat(image.convert("L"))
            colours = image.convert("RGB").quantize(64).getcolors() or []
        assert statistics.stddev[0] > 5
        assert len(colours) > 8
        brightness[name] = statistics.mean[0]
    assert brightness["light"] > 200
    assert brightness["dark"] < 60
