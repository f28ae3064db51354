"""``serve``: serves artifacts over HTTP, with onnxruntime alone."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import FrameworkError, InputError

if TYPE_CHECKING:
    import socket

    from framework.server.settings import Settings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOCAL = ("127.0.0.1", "::1", "localhost")
EXAMPLES = """examples:
  python -m framework serve runs/sentiment/latest
  python -m framework serve runs/sentiment/latest --port 8080 --workers 2
  python -m framework serve tone=runs/sentiment/latest topics=runs/topics/latest
  python -m framework serve runs/sentiment/latest --host 0.0.0.0 --key-file /run/secrets/key
  python -m framework serve runs/sentiment/latest --cors-origin https://app.example
  python -m framework serve runs/sentiment/latest --uds /run/tone/socket --root-path /tone
  python -m framework serve support=registry/support@champion
  python -m framework serve runs/sentiment/latest --dockerfile

  curl localhost:8000/v1/predict -d '{"inputs": ["what a lovely flight"]}'

Paths: / a page to try it, /docs the interface, /v1/predict, /v1/models, /v1/models/NAME/predict, /healthz, /readyz,
/metrics, /admin/swap, /admin/rollback. A swap, or SIGHUP, opens the artifacts again where they were found, so that
runs/sentiment/latest follows training, and registry/support@champion what was promoted.
Keys: --key-file or FRAMEWORK_API_KEY, asked for by /v1; --admin-key-file or FRAMEWORK_ADMIN_KEY, asked for by /admin
(without it the first one is). Without any key /admin is closed.
Exit codes: 0 told to stop, 1 the environment failed, 2 an artifact or a setting is wrong."""


def main(verb: str, arguments: Sequence[str]) -> int:
    options = _parser().parse_intermixed_args(arguments)
    if options.dockerfile:
        from framework.server.dockerfile import write_dockerfile

        write_dockerfile(options.artifacts, Path("Dockerfile"))
        print("Dockerfile is written; its first line is the command that builds the image", file=sys.stderr)
        return 0
    if not options.artifacts:
        raise InputError("name what to serve: an artifact, a run, a latest link or registry/NAME@champion; see serve --help")
    models = _models(options.artifacts)
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # may be another program's folder; the workers set their own
    try:
        import httptools  # noqa: F401
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import swagger_ui_bundle  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise FrameworkError(f"serving needs {error.name}: pip install 'recipe-framework[serve]'") from error
    return _serve(models, options)


def _parser() -> argparse.ArgumentParser:
    from framework.contracts.serving.replies import Limits
    from framework.server.settings import Settings

    parser = argparse.ArgumentParser(
        prog="python -m framework serve",
        description="Serves sealed artifacts over HTTP.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "artifacts", metavar="[NAME=]ARTIFACT", nargs="*", help="an artifact, a run, a latest link, or registry/NAME@champion"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s: this machine only)")
    parser.add_argument("--port", type=_at_least(0), default=8000, help="default %(default)s; 0 takes a free one")
    parser.add_argument("--uds", type=Path, metavar="FILE", help="a Unix socket to listen on, in place of a port")
    parser.add_argument(
        "--root-path", default="", metavar="PATH", help="the prefix under which a proxy shows the server, such as /tone"
    )
    parser.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="whose pages may ask from a browser, such as https://app.example; * is any; may be given several times",
    )
    parser.add_argument("--variant", help="a variant that the artifacts have; default: the one each run decided on")
    parser.add_argument("--provider", default="cpu", help="an execution provider of onnxruntime: cpu, cuda, ... (default cpu)")
    parser.add_argument("--workers", type=_at_least(1), default=1, metavar="N", help="processes (default 1)")
    parser.add_argument(
        "--threads", type=_at_least(1), metavar="N", help="of a run; default: the CPUs granted, shared by the workers"
    )
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="holds the key that clients must send")
    parser.add_argument("--admin-key-file", type=Path, metavar="FILE", help="holds the key that swaps must send")
    parser.add_argument("--log-texts", action="store_true", help="puts inputs into the logs, as they are")
    parser.add_argument("--dockerfile", action="store_true", help="writes ./Dockerfile for one artifact, or any, and ends")
    batching = parser.add_argument_group("batching")
    batching.add_argument(
        "--max-wait-ms", type=_number, default=1000 * Settings.wait, help="a request waits for company (default %(default)g)"
    )
    batching.add_argument(
        "--max-batch", type=_at_least(1), default=Settings.batch_rows, help="inputs of a run (default %(default)s)"
    )
    batching.add_argument(
        "--max-batch-tokens",
        type=_at_least(1),
        default=Settings.batch_elements,
        help="padded tokens of a run (default %(default)s)",
    )
    bounds = parser.add_argument_group("limits")
    bounds.add_argument("--max-body", type=_at_least(1), default=Limits.body, help="bytes of a body (default %(default)s)")
    bounds.add_argument(
        "--max-bodies", type=_at_least(1), default=Limits.bodies, help="bytes of all bodies at once (default %(default)s)"
    )
    bounds.add_argument(
        "--max-inputs", type=_at_least(1), default=Limits.inputs, help="inputs of a request (default %(default)s)"
    )
    bounds.add_argument(
        "--max-characters", type=_at_least(1), default=Limits.characters, help="of an input (default %(default)s)"
    )
    bounds.add_argument("--max-queue", type=_at_least(1), default=Limits.queue, help="inputs that wait (default %(default)s)")
    bounds.add_argument("--timeout", type=_number, default=Limits.seconds, help="seconds for a request (default %(default)g)")
    bounds.add_argument(
        "--connections", type=_at_least(1), default=Limits.connections, help="of a worker (default %(default)s)"
    )
    bounds.add_argument(
        "--drain",
        type=_number,
        default=Settings.drain,
        help="seconds for requests under way at the end (default %(default)g)",
    )
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return number

    whole_number.__name__ = "whole number"  # for argparse's message "invalid whole number value"
    return whole_number


def _number(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError("must be at least 0")
    return number


def _models(arguments: Sequence[str]) -> dict[str, str]:
    """Addresses by name of the model; without NAME= an artifact is named after its recipe, a version after its registry.

    Raises InputError for a name that is not allowed or occurs twice, and for an address without an artifact.
    """
    from framework.artifact.manifest import read_manifest
    from framework.artifact.registry import registered_at
    from framework.artifact.sealed import find_artifact

    models: dict[str, str] = {}
    for argument in arguments:
        name, equals, address = argument.partition("=")
        if not equals or Path(argument).exists():
            address = argument
            registered = registered_at(address)
            name = registered[0].name if registered else read_manifest(find_artifact(address)).recipe
        if not NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot name a model: letters, digits, dots, dashes and underscores can; NAME=ARTIFACT gives one"
            )
        if name in models:
            raise InputError(f"two models are called {name}; write NAME=ARTIFACT for one of them")
        models[name] = address
    return models


def _serve(models: Mapping[str, str], options: argparse.Namespace) -> int:
    from framework.contracts.serving.replies import Limits
    from framework.machine.cpus import granted_cpus
    from framework.server.http.cors import origin
    from framework.server.http.prefix import root_path
    from framework.server.settings import Settings, allow_handles, read_keys

    if options.max_queue < options.max_inputs:
        below = f"--max-queue {options.max_queue} is below --max-inputs {options.max_inputs}"
        raise InputError(f"{below}: some requests would never fit")
    if not options.timeout:
        raise InputError("--timeout must be above 0")
    limits = Limits(
        body=options.max_body,
        bodies=max(options.max_bodies, options.max_body),
        inputs=options.max_inputs,
        characters=options.max_characters,
        queue=options.max_queue,
        seconds=options.timeout,
        connections=options.connections,
    )
    settings = Settings(
        models=models,
        variant=options.variant,
        provider=options.provider,
        threads=options.threads or max(1, granted_cpus() // options.workers),
        wait=options.max_wait_ms / 1000,
        batch_rows=options.max_batch,
        batch_elements=options.max_batch_tokens,
        limits=limits,
        keys=read_keys(options.key_file, options.admin_key_file),
        drain=options.drain,
        log_texts=options.log_texts,
        origins=tuple(map(origin, options.cors_origin)),
        root_path=root_path(options.root_path),
    )
    allow_handles(limits.connections)
    with _listening(options) as listener:
        return _serve_on(listener, settings, options)


def _listening(options: argparse.Namespace) -> AbstractContextManager[socket.socket]:
    from framework.server.http.listening import listen, listen_at

    return closing(listen(options.host, options.port)) if options.uds is None else listen_at(options.uds)


def _serve_on(listener: socket.socket, settings: Settings, options: argparse.Namespace) -> int:
    if options.uds is not None:
        where = f"unix:{options.uds}"
    else:
        host, port = listener.getsockname()[:2]
        where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if host not in LOCAL and settings.keys.api is None:
            exposed = f"{host} can be reached from other machines, and no key is asked for; see serve --help"
            print(f"warning: {exposed}", file=sys.stderr)

    def announce() -> None:
        hint = "" if options.uds else " (try it there; /docs is the interface)"
        print(f"Serving {', '.join(settings.models)} at {where}{hint}. Ctrl-C stops.", file=sys.stderr, flush=True)

    if options.workers > 1:
        from framework.server.workers import Fleet

        return Fleet(settings, options.workers, listener, announce).run()
    from framework.server.process import serve_alone

    return serve_alone(settings, listener, announce)
