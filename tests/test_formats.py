"""A format comes by hook; each file is sniffed once, and a format that is wrong is named and spoils no other file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from framework import plugins
from framework.commands.requests import FileOfRows
from framework.contracts.data.format import Sniffed
from framework.data.formats.reading import iter_rows, read_table
from framework.data.formats.sniffing import sniff
from framework.data.sources import File
from framework.errors import FrameworkError, InputError
from framework.plugins import load_plugins
from tests.tiny import install

CSV = "text,label\na,x\nb,y\n"
RECORDS = """
from framework import Block, Claim, Format, Row, Sure, hookimpl


class Records(Format):
    name, suffixes = "{name}", (".rec",)

    def read(self, file, options, say):
        with file.open_text() as stream:
            for number, line in enumerate(stream, start=1):
                yield Row(number, dict(part.split("=") for part in line.split()))

{body}

@hookimpl
def register_formats(register):
    register("{name}", "{path}")
"""

Install = Callable[..., None]


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs the distribution ``NAME_plugin 1.0`` with the format NAME: of files whose lines are ``text=a label=x``.

    body: methods that the class has instead. path: of the class, where it is another.
    """
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def add(name: str, body: str = "", path: str | None = None) -> None:
        module = f"format_{name}_{tmp_path.name.replace('-', '_')}"
        install(site, f"{name}_plugin", module)
        (site / f"{module}.py").write_text(RECORDS.format(name=name, body=body, path=path or f"{module}:Records"))
        plugins._load.cache_clear()

    yield add
    plugins._load.cache_clear()


def write(folder: Path, name: str, content: str | bytes) -> File:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return File(folder / name)


def read(*files: File, **options: str) -> tuple[dict[str, list[str]], list[str]]:
    said: list[str] = []
    table = read_table(files, say=said.append, **options).table  # type: ignore[arg-type]
    return {name: list(table.texts(name)) for name in table.columns}, said


def test_a_stranger_s_format_is_read_beside_ours_with_its_lines(stranger: Install, tmp_path: Path) -> None:
    stranger("records")
    files = [write(tmp_path, "a.csv", CSV), write(tmp_path, "b.rec", "text=c label=é\n".encode("cp1252") * 20)]
    said: list[str] = []
    table = read_table(files, say=said.append).table
    assert table.texts("label")[:3] == ["x", "y", "é"]
    assert table.where(4).endswith("b.rec, line 3")
    assert said[0] == "b.rec was read by the format 'records' of records_plugin 1.0 (its name ends in .rec)"
    assert said[1].startswith("b.rec is not UTF-8 and was read as cp1252")
    packed = write(tmp_path, "c.rec.gz", gzip.compress(b"text=c label=z\n"))
    assert next(iter_rows(packed.path)).values == {"text": "c", "label": "z"}


def test_a_format_by_name_reads_what_nobody_claims(stranger: Install, tmp_path: Path) -> None:
    stranger("records")
    file = write(tmp_path, "a.odd", "text=c label=x\n")
    with pytest.raises(InputError, match=r"a\.odd: a file must end in one of \.csv, .*\.rec.*data\.format=NAME .*records"):
        read(file)
    assert read(file, format_name="records")[0] == {"text": ["c"], "label": ["x"]}
    with pytest.raises(InputError, match=r"no format 'record'; did you mean records\? available: arrow, conll, csv"):
        read(file, format_name="record")
    assert next(FileOfRows(file.path, format_name="records").rows(lambda note: None)).line == 1


def test_a_format_that_claims_every_file_is_asked_for_none(stranger: Install, tmp_path: Path) -> None:
    stranger("greedy", "    def claims(self, file): return Claim(Sure.CERTAIN, 'it is mine')")
    for name, content in (("a.csv", CSV), ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n')):
        columns, said = read(write(tmp_path, name, content))
        assert columns == {"text": ["a", "b"], "label": ["x", "y"]}
        assert said == [
            "format 'greedy' of greedy_plugin 1.0 claims every file, so it is not asked; data.format=greedy reads with it"
        ]


def test_two_formats_that_claim_a_file_are_named_with_the_key_that_decides(stranger: Install, tmp_path: Path) -> None:
    stranger("first")
    stranger("second", "    def claims(self, file): return Claim(Sure.LIKELY, 'why not') if file.suffix == '.rec' else None")
    file = write(tmp_path, "a.rec", "text=c label=x\n")
    with pytest.raises(InputError) as error:
        read(file)
    assert str(error.value) == (
        f"{file.path} is claimed by 2 formats: 'first' of first_plugin 1.0 (its name ends in .rec) and "
        "'second' of second_plugin 1.0 (why not); data.format=first or data.format=second decides (predict --format NAME)"
    )
    assert read(file, format_name="second")[0] == {"text": ["c"], "label": ["x"]}
    assert read(write(tmp_path, "a.csv", CSV))[0]["text"] == ["a", "b"]


@pytest.mark.parametrize(("body", "what"), [
    ("    def claims(self, file): return 1 // len(file.suffix[9:])", "ZeroDivisionError: integer division or modulo by zero"),
    ("    def claims(self, file): return True", "TypeError: claims gave True, which is no Claim and not None"),
])  # fmt: skip
def test_a_format_that_fails_when_it_is_asked_is_named_and_passed_over(
    stranger: Install, tmp_path: Path, body: str, what: str
) -> None:
    stranger("torn", body)
    columns, said = read(write(tmp_path, "a.csv", CSV))
    assert columns["label"] == ["x", "y"]
    assert said == [f"format 'torn' of torn_plugin 1.0 was not asked about a.csv: it fails there, {what}"]


@pytest.mark.parametrize(("body", "what"), [
    ("    def read(self, file, options, say): raise KeyError('x')", "KeyError: 'x'"),
    ("    def read(self, file, options, say): return [Row(7, {'n': 3})]", "TypeError: line 7: 'n' is 3; names and values"),
    ("    def read(self, file, options, say): return [{'n': '3'}]", "TypeError: it gave {'n': '3'}, which is no Row"),
    ("    def read(self, file, options, say): open('no such file')", "FileNotFoundError: "),
])  # fmt: skip
def test_a_format_that_fails_when_it_reads_is_named_with_file_and_distribution(
    stranger: Install, tmp_path: Path, body: str, what: str
) -> None:
    stranger("broken", body)
    file = write(tmp_path, "a.rec", "text=c label=x\n")
    for reads in (lambda: read(file), lambda: list(iter_rows(file.path))):
        with pytest.raises(FrameworkError) as error:
            reads()
        assert f"format 'broken' of broken_plugin 1.0 failed on {file.path}: {what}" in str(error.value)
    assert read(write(tmp_path, "a.csv", CSV))[0]["text"] == ["a", "b"]


def test_a_format_that_cannot_be_imported_is_listed_and_passed_over(stranger: Install, tmp_path: Path) -> None:
    stranger("gone", path="no_such_module:Records")
    assert read(write(tmp_path, "a.csv", CSV))[0]["text"] == ["a", "b"]
    broken = "\n".join(map(str, load_plugins().broken))
    assert "plugin no_such_module:Records of gone_plugin 1.0 cannot be used" in broken


OPENED = """
import sys
from pathlib import Path
from framework.data.formats.reading import read_table
from framework.data.sources import File
from framework.plugins import load_plugins
list(load_plugins().every_format())
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
counts = []
for name in sys.argv[1:]:
    opened.clear()
    read_table([File(Path(name))])
    counts.append(sum(str(path) == name for path in opened))
print(*counts)
"""


def test_a_file_is_sniffed_once(tmp_path: Path) -> None:
    """A small file is not opened again: what was sniffed is all of it. A long one is read for its encoding, then for its rows,
    and once more where quotes are in the way of the quick reader.
    """
    long = "text,label\n" + "some words of a text,x\n" * 20_000
    files = [
        write(tmp_path, "small.csv", CSV),
        write(tmp_path, "small.jsonl", '{"text": "a"}\n'),
        write(tmp_path, "quoted.csv", 'text,label\n"a, b",x\n'),
        write(tmp_path, "u.data", "1\t2\t3\t4\n"),
        write(tmp_path, "long.csv", long),
        write(tmp_path, "long.jsonl", '{"text": "some words of a text"}\n' * 20_000),
        write(tmp_path, "quoted_long.csv", long + '"a, b",x\n'),
    ]
    ran = subprocess.run(
        [sys.executable, "-c", OPENED, *(str(file.path) for file in files)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["1", "1", "1", "1", "3", "3", "4"]


def test_what_was_sniffed_says_what_a_file_is(tmp_path: Path) -> None:
    plain = sniff(write(tmp_path, "a.tsv", "text\tlabel\na\tx\nhalf").path)
    assert (plain.suffix, plain.compression, plain.whole, plain.name) == (".tsv", None, True, "a.tsv")
    assert plain.encoding is not None
    assert (plain.encoding.name, plain.encoding.sure) == ("utf-8", False)
    assert plain.lines == ["text\tlabel", "a\tx", "half"]
    packed = sniff(write(tmp_path, "A.TSV.GZ", gzip.compress("é\r\nx\n".encode("utf-16"))).path)
    assert (packed.suffix, packed.compression, packed.name, packed.lines) == (".tsv", "gzip", "A.TSV", ["é", "x"])
    long = sniff(write(tmp_path, "b.csv", "word " * 20_000 + "\n").path)
    assert (long.whole, long.lines) == (False, [])
    image = sniff(write(tmp_path, "c.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").path)
    assert (image.encoding, image.foreign) == (None, "a PNG image; name a file of labelled rows")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_arrow_files_are_read_like_parquet(tmp_path: Path, kind: str) -> None:
    table = pa.table(
        {"text": ["a", None], "label": pa.array(["x", "y"]).dictionary_encode(), "n": [3.0, 1.5], "tags": [["p"], []]}
    )
    path = tmp_path / "a.arrow"
    with (
        pa.OSFile(str(path), "wb") as sink,
        (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(sink, table.schema) as out,
    ):
        out.write_table(table)
    columns, _ = read(File(path))
    assert columns == {"text": ["a", ""], "label": ["x", "y"], "n": ["3", "1.5"], "tags": ['["p"]', "[]"]}
    assert [row.values["n"] for row in iter_rows(path)] == ["3", "1.5"]
    assert read_table([File(path)]).table.where(1).endswith("a.arrow, row 2")
    path.write_bytes(path.read_bytes()[: -len(path.read_bytes()) // 2])
    with pytest.raises(InputError, match=r"a\.arrow is broken after 0 rows"):
        read(File(path))
    with pytest.raises(InputError, match=r"b\.feather is no Arrow file, whatever its name; it is empty"):
        read(write(tmp_path, "b.feather", ""))


def test_a_format_of_one_task_is_not_asked_for_another(tmp_path: Path) -> None:
    file = write(tmp_path, "a.txt", "Anna B-PER\nran O\n\nBob B-PER\n")
    assert read(file, task="labeling")[0]["tags"] == [json.dumps(["B-PER", "O"]), '["B-PER"]']
    assert list(read(file, task="classification")[0]) == ["Anna B-PER"]
    assert read(file, task="classification", format_name="conll")[0]["tokens"][1] == '["Bob"]'


def test_a_header_of_recbole_s_types_is_known_by_any_name(tmp_path: Path) -> None:
    columns, said = read(write(tmp_path, "a.csv", "u:token,i:token\n1,2\n"))
    assert columns == {"u": ["1"], "i": ["2"]}
    assert said == ["a.csv: the types behind the names of its columns (u:token, as RecBole writes them) were left out"]


def test_movielens_by_name_needs_its_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"u\.dat: MovieLens' files are told by their names; did you mean u\.data\?"):
        read(write(tmp_path, "u.dat", "1\t2\t3\t4\n"), format_name="movielens")


def test_no_claim_opens_the_file(tmp_path: Path) -> None:
    file = Sniffed(tmp_path / "gone.csv", ".csv", None, CSV.encode(), True, None)
    claims = [file_format.claims(file) for file_format, _ in load_plugins().every_format()]
    assert [claim.why for claim in claims if claim] == ["its name ends in .csv"]
