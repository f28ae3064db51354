"""The pages on which users try a model and read the documentation of the API. Pages load nothing from other hosts.

All pages of surfaces share one frame and one script. A surface may bring content for the frame; otherwise the page is a form
made from the schema of the request, and draws answers as `Interface.drawing` says. Scripts are the same in every language:
their texts are in the page as data, which needs no hash in the Content-Security-Policy.
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
UNKNOWN = message("A model")  # the title of a page whose model is not loaded yet
BY_LANGUAGE = {"Vary": "Accept-Language"}  # headers of a response in the language of the browser
SWAGGER = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


class Pages:
    """The pages of the surfaces. root: the path prefix under which a proxy shows the server."""

    def __init__(self, surfaces: Sequence[BoundSurface], root: str) -> None:
        self.root = root
        self._languages = {name: language(name) for name in TAGS}
        self._pages: dict[str, Page] = {bound.name: bound.surface.page for bound in surfaces if bound.surface.page is not None}

    def language(self, request: Request) -> Language:
        """The language that the browser asks for, else English."""
        return self._languages[accepted(request.headers.get("accept-language"))]

    def of(self, served: LoadedModel) -> dict[str, Mapping[str, Any]]:
        """The pages of a model by name of the surface, in the form that the script reads."""
        return {name: _plain(page, served) for name, page in self._pages.items() if name in served.surfaces}

    def first(self, served: LoadedModel) -> str:
        """The name of the surface whose page users see first: `Interface.page`, else the first that has a page and serves the
        model; empty: there is none.
        """
        names = [name for name in self._pages if name in served.surfaces]
        return served.interface.page if served.interface.page in names else next(iter(names), "")

    def home(self, served: LoadedModel | None, surface: str | None, chosen: Language) -> Response:
        """The page of a model on one surface.

        served: None for a model that is not loaded, perhaps not yet; the page then asks the server again. surface: a name;
        None, or a surface without a page for this model: see `first`. chosen: the language.
        """
        if served is None:
            return _page("", UNKNOWN, FORM, self.root, chosen)
        name = surface if surface in self._pages and surface in served.surfaces else self.first(served)
        page = self._pages.get(name)
        return _page(name, page.title if page else UNKNOWN, page.folder if page and page.folder else FORM, self.root, chosen)


def docs() -> Response:
    """Swagger UI over /openapi.json."""
    return _page_response((TEMPLATES / "docs.html").read_text(encoding="utf-8"), "'self'")


async def docs_file(request: Request) -> Response:
    """A file of Swagger UI, named by the path. Raises RefusedError for any other file."""
    from swagger_ui_bundle import swagger_ui_path

    name = request.path_params["file"]
    if name not in SWAGGER:
        raise RefusedError(404, "no such file; GET /docs is the page")
    return FileResponse(Path(swagger_ui_path) / name, media_type=SWAGGER[name], headers={"Cache-Control": "max-age=86400"})


def _plain(page: Page, served: LoadedModel) -> dict[str, Any]:
    """The page as plain data for the script, with defaults from the interface of the codec."""
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
def _page(surface: str, title: str, folder: Path, root: str, chosen: Language) -> Response:
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
    response = _page_response(text, "", (common, script), root)
    response.headers.update(BY_LANGUAGE)
    return response


def _translated(markup: str, texts: Mapping[str, str]) -> str:
    """The markup with its messages, ``<!-- message("TEMPLATE") -->``, translated. texts: by template."""
    return MESSAGE.sub(lambda place: html.escape(texts[json.loads(place[1])]), markup)


def _page_response(text: str, sources: str, scripts: Sequence[str] | None = None, root: str = "") -> Response:
    """A page with a Content-Security-Policy that allows only its own scripts.

    sources: further sources of scripts, styles and images, in the syntax of the policy. scripts: the page's own; None: all
    inline scripts. root: see `Pages`.
    """
    if scripts is None:
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    bases = "'self'" if root else "'none'"
    policy = (
        f"default-src 'none'; script-src {hashes} {sources}; style-src 'unsafe-inline' {sources}; img-src data: {sources}; "
        f"connect-src 'self'; base-uri {bases}; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})


def _file(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
