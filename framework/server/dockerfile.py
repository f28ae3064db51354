"""Writes a Dockerfile for one artifact: only the serve extra, an unprivileged user, a health check."""

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

DISTRIBUTION = "recipe-framework"
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


def write_dockerfile(artifacts: Sequence[str], file: Path) -> None:
    """Writes a Dockerfile, into `file`, whose image serves the artifact in the build context.

    artifacts: one address or ``NAME=ADDRESS``; empty: the image can be built from any artifact of a task of this distribution.
    Raises InputError when the file exists, for several artifacts, and for an artifact that is not as it was sealed.
    """
    if file.exists():
        raise InputError(f"{file} exists; nothing was overwritten: move it away")
    if len(artifacts) > 1:
        raise InputError("a Dockerfile is for one artifact")
    name, equals, address = artifacts[0].partition("=") if artifacts else ("", "", "")
    artifact = open_artifact(address if equals else name) if artifacts else None
    served = f"{name}=/artifact" if equals else "/artifact"
    command = ["python", "-m", "framework", "serve", served, "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    tag = name if equals else artifact.manifest.recipe if artifact else "model"
    text = TEMPLATE.format(
        name=re.sub("[^a-z0-9._-]", "-", tag.lower()),
        file=file,
        context=shlex.quote(str(artifact.folder)) if artifact else "ARTIFACT_FOLDER",
        version=version(DISTRIBUTION),
        more=_plugin(artifact.manifest.task) if artifact else "",
        command=json.dumps(command),
    )
    with whole(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _plugin(task: str) -> str:
    """The pip requirement of the task's plugin, after a space; empty where the task is part of this distribution."""
    name, _, number = load_plugins().origin[f"task {task}"].partition(" ")
    return "" if name == DISTRIBUTION else f" {name}=={number}"
