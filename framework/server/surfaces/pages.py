"""The pages for people: to try a model, and to read the interface. They fetch nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from framework.server.http.errors import RefusedError

TEMPLATES = Path(__file__).parent.parent / "templates"
SWAGGER = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


PAGES = {"predict": "serve.html", "chat": "chat.html", "recommend": "recommend.html"}


def home(page: str, root: str) -> Response:
    """Where a model is tried: with one input after another, in a conversation, by a history.

    page: of its interface. root: the path that a proxy shows the server under, which may be opened without its last slash.
    """
    return _page(PAGES[page], "", root)


def docs() -> Response:
    """Swagger UI over /openapi.json."""
    return _page("serve-docs.html", "'self'")


async def docs_file(request: Request) -> Response:
    from swagger_ui_bundle import swagger_ui_path

    name = request.path_params["file"]
    if name not in SWAGGER:
        raise RefusedError(404, "no such file; GET /docs is the page")
    return FileResponse(Path(swagger_ui_path) / name, media_type=SWAGGER[name], headers={"Cache-Control": "max-age=86400"})


@cache
def _page(name: str, more: str, root: str = "") -> Response:
    """A page whose own scripts are the only ones a browser runs. more: further sources of scripts and styles."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    if root:
        text = text.replace("<head>", f'<head>\n<base href="{root}/">', 1)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    )
    bases = "'self'" if root else "'none'"
    policy = (
        f"default-src 'none'; script-src {hashes} {more}; style-src 'unsafe-inline' {more}; img-src data: {more}; "
        f"connect-src 'self'; base-uri {bases}; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})
