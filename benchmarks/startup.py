"""Wall time of whole processes that need no torch, and the proof that they do not import it.

    python benchmarks/startup.py runs/sentiment/latest

Exits with 1 when a command of the framework imports a training library.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median

from benchmarks.machine import heading
from framework import Section
from framework.report.console import as_text

HEAVY = ("torch", "transformers", "pytorch_lightning", "sklearn", "scipy")
MARK = "modules:"
PROBE = f"""
import sys
from framework.__main__ import main
code = main(sys.argv[1:])
print("{MARK}", *sys.modules, file=sys.stderr)
sys.exit(code)
"""


@dataclass
class Command:
    """A command line of Python, and what was measured of it."""

    name: str
    arguments: list[str]
    heavy: list[str] | None = None
    """Training libraries that it imported; None where they are not checked."""
    seconds: list[float] = field(default_factory=list)
    """Wall time of each process."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", metavar="RUN_OR_ARTIFACT")
    parser.add_argument("--times", type=int, default=5, help="processes of each command (default 5)")
    options = parser.parse_args()
    print(heading(), flush=True)
    ours = [
        framework_command("--help", ["--help"]),
        framework_command('predict ARTIFACT "text"', ["predict", options.artifact, "what a lovely flight"]),
    ]
    commands = [Command("python -c pass", ["-c", "pass"]), *ours, Command("python -c 'import torch'", ["-c", "import torch"])]
    for _ in range(options.times):
        for command in commands:
            command.seconds.append(seconds(command.arguments))
    print(as_text(table(commands)))
    return 1 if any(command.heavy for command in ours) else 0


def framework_command(name: str, arguments: list[str]) -> Command:
    """A command of the framework, run once to record its imports and to warm the disk cache."""
    errors = run(["-c", PROBE, *arguments]).stderr
    modules = set(next(line for line in reversed(errors.splitlines()) if line.startswith(MARK)).split())
    heavy = [library for library in HEAVY if library in modules]
    return Command(f"python -m framework {name}", ["-m", "framework", *arguments], heavy)


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    run(arguments)
    return time.perf_counter() - started


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs this Python in a process of its own. Exits when that fails."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("\n".join(line for line in done.stderr.splitlines() if not line.startswith(MARK)))
    return done


def table(commands: list[Command]) -> Section:
    def cells(command: Command) -> tuple[str, ...]:
        times = [f"{pick(command.seconds):.2f}" for pick in (median, min, max)]
        return command.name, *times, "" if command.heavy is None else ", ".join(command.heavy) or "none"

    header = ("", "median s", "fastest", "slowest", f"imported of {', '.join(HEAVY)}")
    note = f"{len(commands[0].seconds)} processes of each, taking turns"
    return Section("Process wall time", header, [cells(command) for command in commands], note)


if __name__ == "__main__":
    sys.exit(main())
