"""A Dockerfile for one artifact: the serve extra alone, not root, with a health check."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from framework.artifact.sealed import open_artifact
from framework.errors import InputError
from framework.machine.disk import whole
from framework.plugins import load_plugins

OWN = "recipe-framework"
TEMPLATE = """\
# docker build -t {name} -f {file} {context}
# docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 {name}
# A key that clients must send: -e FRAMEWORK_API_KEY; settings follow the image's name: docker run ... {name} --max-inputs 64
FROM python:3.11-slim

# Another source of the package: --build-arg PACKAGE="recipe-framework[serve] @ https://.../recipe_framework-{version}-py3-none-any.whl"
ARG PACKAGE="recipe-framework[serve]=={version}"
RUN pip install --no-cache-dir "$PACKAGE"{more}

RUN useradd --create-home --uid 10001 serve
COPY . /artifact
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \\
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT {command}
"""


def write_dockerfile(given: Sequence[str], file: Path) -> None:
    """For one artifact, ``NAME=ADDRESS`` or an address, or for any of our own tasks: the image serves what it is built from.

    Raises InputError when the file exists or the artifact is not as it was sealed.
    """
    if file.exists():
        raise InputError(f"{file} exists; nothing was overwritten: move it away")
    if len(given) > 1:
        raise InputError("a Dockerfile is for one artifact")
    name, equals, address = given[0].partition("=") if given else ("", "", "")
    artifact = open_artifact(address if equals else name) if given else None
    own = f"{name}=/artifact" if equals else "/artifact"
    command = ["python", "-m", "framework", "serve", own, "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    tag = name if equals else artifact.manifest.recipe if artifact else "model"
    text = TEMPLATE.format(
        name=re.sub("[^a-z0-9._-]", "-", tag.lower()),
        file=file,
        context=shlex.quote(str(artifact.folder)) if artifact else "ARTIFACT_FOLDER",
        version=version(OWN),
        more=_plugin(artifact.manifest.task) if artifact else "",
        command=json.dumps(command),
    )
    with whole(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _plugin(task: str) -> str:
    """The distribution that answers for the task, where it is not our own."""
    name, _, number = load_plugins().origin[f"task {task}"].partition(" ")
    return "" if name == OWN else f" {name}=={number}"
