"""Prints the test files that a change concerns, for `make check`: those changed, and those that name a changed module.

The change is what differs from the last commit; where nothing does, that commit itself.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"


def main() -> None:
    changed = _git("diff", "--name-only", "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    print("\n".join(concerned(changed or _git("diff", "--name-only", "HEAD~1", "HEAD"))))


def concerned(changed: list[str]) -> list[str]:
    """Test files, from the root on. changed: paths from the root on."""
    names = [re.escape(name) for name in map(module, changed) if name]
    pattern = re.compile(rf"\b({'|'.join(names)})\b") if names else None
    tests = sorted(path for path in TESTS.rglob("test_*.py"))
    return [
        str(path.relative_to(ROOT))
        for path in tests
        if str(path.relative_to(ROOT)) in changed or (pattern and any(map(pattern.search, _imported(path))))
    ]


def module(path: str) -> str | None:
    """The name under which Python code of the framework and its plugins is imported."""
    parts = list(Path(path.removeprefix("plugins/")).with_suffix("").parts)
    if not path.endswith(".py") or not parts[0].startswith("framework"):
        return None
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) if len(parts) > 1 else None


def _imported(path: Path) -> Iterator[str]:
    """The names of modules that a test file imports, with what it takes from each behind a dot."""
    for line in re.findall(r"^\s*(?:from|import) .*", path.read_text(encoding="utf-8"), re.MULTILINE):
        source, _, names = line.strip().removeprefix("from ").removeprefix("import ").partition(" import ")
        yield source
        yield from (f"{source}.{name.strip()}" for name in names.split(","))


def _git(*arguments: str) -> list[str]:
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.splitlines()


if __name__ == "__main__":
    main()
