"""The pages for people: to try a model, and to read the interface. They fetch nothing from anywhere else.

All pages of surfaces have one frame and one script. A surface may put something of its own into the frame; without it the page
is a form made from the schema of the request, and answers are drawn by hints.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from framework.contracts.serving.drawing import plain_drawing
from framework.contracts.serving.replies import RefusedError
from framework.contracts.serving.surface import Page
from framework.server.model_store import LoadedModel
from framework.server.surfaces.registry import BoundSurface

TEMPLATES = Path(__file__).parent.parent / "templates"
FORM = TEMPLATES / "form"
UNKNOWN = "A model"  # the title of a page until it has found out which is wanted
SWAGGER = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


class Pages:
    """The pages of the surfaces. root: the path that a proxy shows the server under."""

    def __init__(self, surfaces: Sequence[BoundSurface], root: str) -> None:
        self.root = root
        self._pages: dict[str, Page] = {each.name: each.surface.page for each in surfaces if each.surface.page is not None}

    def of(self, served: LoadedModel) -> dict[str, Mapping[str, Any]]:
        """By surface what a model is tried with, as the script reads it."""
        return {name: _plain(page, served) for name, page in self._pages.items() if name in served.surfaces}

    def first(self, served: LoadedModel) -> str:
        """The surface whose page people see first: the codec's, else the first that serves the model; empty: none does."""
        names = [name for name in self._pages if name in served.surfaces]
        return served.interface.page if served.interface.page in names else next(iter(names), "")

    def home(self, served: LoadedModel | None, surface: str | None) -> Response:
        """The page of a model. None: it is not there, or not loaded yet, and the page finds out."""
        if served is None:
            return _framed("", UNKNOWN, FORM, self.root)
        name = surface if surface in self._pages and surface in served.surfaces else self.first(served)
        page = self._pages.get(name)
        return _framed(name, page.title if page else UNKNOWN, page.folder if page and page.folder else FORM, self.root)


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
def _framed(surface: str, title: str, folder: Path, root: str) -> Response:
    parts = {
        "surface": html.escape(surface),
        "title": html.escape(title),
        "style": _file(folder / "page.css"),
        "page": _file(folder / "page.html"),
        "common": _file(TEMPLATES / "common.js"),
        "script": _file(folder / "page.js"),
    }
    frame = (TEMPLATES / "frame.html").read_text(encoding="utf-8")
    text = re.sub(r"<!-- (\w+) -->", lambda place: parts[place[1]], frame)
    if root:
        text = text.replace("<head>", f'<head>\n<base href="{root}/">', 1)
    return _sent(text, "", (parts["common"], parts["script"]), root)


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
