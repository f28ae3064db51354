"""The pages for people: to try a model, and to read the interface. They fetch nothing from anywhere else.

All pages of surfaces have one frame and one script. A surface may put something of its own into the frame; without it the page
is a form made from the schema of the request, and answers are drawn by hints. Scripts are the same in every language: the texts
that they name stand in the page as data, which needs no hash in its policy.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from framework.contracts.message import message
from framework.contracts.serving.drawing import plain_drawing
from framework.contracts.serving.replies import RefusedError
from framework.contracts.serving.surface import Page
from framework.report.language import TAGS, Language, accepted, language
from framework.server.model_store import LoadedModel
from framework.server.surfaces.registry import BoundSurface

TEMPLATES = Path(__file__).parent.parent / "templates"
FORM = TEMPLATES / "form"
MESSAGE = re.compile(r"""<!-- message\(("(?:[^"\\]|\\.)*")\) -->""")
UNKNOWN = message("A model")  # the title of a page until it has found out which is wanted
BY_LANGUAGE = {"Vary": "Accept-Language"}  # of what is answered in the language of a browser
SWAGGER = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


class Pages:
    """The pages of the surfaces. root: the path that a proxy shows the server under."""

    def __init__(self, surfaces: Sequence[BoundSurface], root: str) -> None:
        self.root = root
        self._languages = {name: language(name) for name in TAGS}
        self._pages: dict[str, Page] = {each.name: each.surface.page for each in surfaces if each.surface.page is not None}

    def language(self, request: Request) -> Language:
        """That of the browser."""
        return self._languages[accepted(request.headers.get("accept-language"))]

    def of(self, served: LoadedModel) -> dict[str, Mapping[str, Any]]:
        """By surface what a model is tried with, as the script reads it."""
        return {name: _plain(page, served) for name, page in self._pages.items() if name in served.surfaces}

    def first(self, served: LoadedModel) -> str:
        """The surface whose page people see first: the codec's, else the first that serves the model; empty: none does."""
        names = [name for name in self._pages if name in served.surfaces]
        return served.interface.page if served.interface.page in names else next(iter(names), "")

    def home(self, served: LoadedModel | None, surface: str | None, chosen: Language) -> Response:
        """The page of a model. None: it is not there, or not loaded yet, and the page finds out."""
        if served is None:
            return _framed("", UNKNOWN, FORM, self.root, chosen)
        name = surface if surface in self._pages and surface in served.surfaces else self.first(served)
        page = self._pages.get(name)
        return _framed(name, page.title if page else UNKNOWN, page.folder if page and page.folder else FORM, self.root, chosen)


def docs() -> Response:
    """Swagger UI over /openapi.json."""
    return _sent((TEMPLATES / "docs.html").read_text(encoding="utf-8"), "'self'")


async def docs_file(request: Request) -> Response:
    from swagger_ui_bundle import swagger_ui_path

    name = request.path_params["file"]
    if name not in SWAGGER:
        raise RefusedError(404, "no such file; GET /docs is the page")
    return FileResponse(Path(swagger_ui_path) / name, media_type=SWAGGER[name], headers={"Cache-Control": "max-age=86400"})


def _plain(page: Page, served: LoadedModel) -> dict[str, Any]:
    interface = served.interface
    return {
        "title": page.title,
        "path": page.path.replace("{name}", served.name).lstrip("/"),
        "listed": page.listed,
        "request": page.request or interface.request,
        "example": interface.example if page.request is None and page.example is None else page.example,
        "drawing": plain_drawing(page.drawing or interface.drawing),
    }


@cache
def _framed(surface: str, title: str, folder: Path, root: str, chosen: Language) -> Response:
    frame, page = _file(TEMPLATES / "frame.html"), _file(folder / "page.html")
    common, script = _file(TEMPLATES / "common.js"), _file(folder / "page.js")
    texts = chosen.of_page(frame + page + common + script)
    parts = {
        "tag": chosen.tag,
        "surface": html.escape(surface),
        "title": html.escape(chosen.text(title)),
        "style": _file(folder / "page.css"),
        "page": _translated(page, texts),
        "messages": json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"),
        "common": common,
        "script": script,
    }
    text = re.sub(r"<!-- (\w+) -->", lambda place: parts[place[1]], _translated(frame, texts))
    if root:
        text = text.replace("<head>", f'<head>\n<base href="{root}/">', 1)
    response = _sent(text, "", (common, script), root)
    response.headers.update(BY_LANGUAGE)
    return response


def _translated(markup: str, texts: Mapping[str, str]) -> str:
    """The markup with its messages, ``<!-- message("TEMPLATE") -->``, in a language."""
    return MESSAGE.sub(lambda place: html.escape(texts[json.loads(place[1])]), markup)


def _sent(text: str, more: str, scripts: Sequence[str] | None = None, root: str = "") -> Response:
    """A page whose own scripts are the only ones a browser runs.

    more: further sources of scripts and styles. scripts: its own; None: those that stand in it.
    """
    if scripts is None:
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    bases = "'self'" if root else "'none'"
    policy = (
        f"default-src 'none'; script-src {hashes} {more}; style-src 'unsafe-inline' {more}; img-src data: {more}; "
        f"connect-src 'self'; base-uri {bases}; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})


def _file(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
