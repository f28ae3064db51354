"""What people have in place of a clean CSV: each file is refused in one clear message, or read with what was repaired said."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig, OmegaConf

from framework.__main__ import main
from framework.contracts.data.table import Splits
from framework.data.loading import load_splits
from framework.errors import InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from framework_classification import Classification
from tests.tiny import rows

PAIRS = rows(60)
TEXTS = [text for text, _ in PAIRS]


def table(pairs: list[tuple[str, str]] = PAIRS, header: str = "text,label", between: str = ",", end: str = "\n") -> str:
    return end.join([header, *(f"{text}{between}{label}" for text, label in pairs), ""])


def yaml_rows(pairs: list[tuple[str, str]] = PAIRS) -> str:
    return "".join(f"- text: {text}\n  label: {label}\n" for text, label in pairs)


def json_lines(pairs: list[tuple[str, str]] = PAIRS) -> str:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in pairs)


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, table())
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("rows.csv"))
    return buffer.getvalue()


def parquet(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@cache
def recipe() -> DictConfig:
    return compose_recipe("sentiment", [])


def load(path: Path, **data: object) -> Splits:
    config = OmegaConf.merge(recipe(), {"data": {"train": str(path), **data}})
    return load_splits(config.data, load_plugins().task("classification"), config.seed)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


PLAIN = table()
LABELS = [label for _, label in PAIRS]
RECORDS = [{"text": text, "label": label} for text, label in PAIRS]
LATIN = table([(f"{text} café", label) for text, label in PAIRS])

REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "an empty file": ("a.csv", "", "a.csv is empty; it needs a header line"),
    "a file of white space": ("a.csv", " \n\t\n \n", "a.csv is empty; it needs a header line"),
    "only a header": ("a.csv", "text,label\n", "a.csv has no rows; it needs a header line"),
    "only a header, compressed": ("a.csv.gz", gzip.compress(b"text,label\n"), "a.csv.gz has no rows"),
    "a web page": ("a.csv", "<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is an HTML or XML page, not rows"),
    "a web page in UTF-16": ("a.csv", "<html><body>Sign in</body></html>".encode("utf-16"), "is an HTML or XML page"),
    "an image": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG image; name a file of labelled rows"),
    "a document": ("a.csv", b"%PDF-1.7\n%\xe2\xe3", "is a PDF document; write its rows to a CSV"),
    "an Excel workbook": ("a.csv", zipped("xl/workbook.xml"), "is an Excel workbook; open it and save it as CSV UTF-8"),
    "an Excel workbook by its name": ("a.xlsx", zipped("xl/workbook.xml"), "is an Excel workbook"),
    "an old Excel file": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel or Word file; open it and save it"),
    "a zip archive": ("a.csv", zipped("rows.csv"), "is a zip archive with rows.csv; unpack it"),
    "half a zip archive": ("a.csv", zipped("rows.csv")[:60], "is a broken zip archive or Excel file"),
    "a tar archive": ("a.csv.gz", tarred(), "is a tar archive; unpack it"),
    "a pickle": ("a.csv", pickle.dumps({"text": ["x"]}), "is a Python pickle, which can run code when it is read"),
    "a database": ("a.csv", b"SQLite format 3\0" + bytes(80), "is an SQLite database"),
    "a git-lfs pointer": ("a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "binary data of no known kind": ("a.csv", bytes(range(256)) * 20, "is not text: binary data of an unknown kind"),
    "a name that promises nothing": ("a.dat", PLAIN, "a file must end in one of .csv, .tsv"),
    "damaged gzip": ("a.csv.gz", gzip.compress(PLAIN.encode())[:20] + b"damage" * 9, "gzip data is cut off or damaged"),
    "gzip that is cut off": ("a.csv.gz", gzip.compress(PLAIN.encode())[:-30], "gzip data is cut off or damaged"),
    "Parquet that is cut off": ("a.parquet", parquet({"text": TEXTS, "label": LABELS})[:-40], "is broken after 0 rows"),
    "CSV named Parquet": ("a.parquet", PLAIN, "is no Parquet file, whatever its name"),
    "Parquet of nested columns": ("a.parquet", parquet({"rows": [[1, 2], [3]]}), "no column holds texts or numbers: 'rows'"),
    "a quote that never closes": ("a.csv", PLAIN + '"well, fine",x\n"open,x\nmore,y\n', "line 63: unexpected end of data (re"),
    "quotes escaped with backslashes": ("a.csv", 'text,label\n"he said \\"no\\"",x\n', "written twice, not as \\\", and"),
    "rows of many widths": ("a.csv", PLAIN + "short\na,b,c\n", "a.csv, line 62: 1 fields where the header has 2"),
    "texts with the delimiter in them": ("a.csv", PLAIN + "well, no,x\n", "quote fields that contain the delimiter"),
    "the same name twice": ("a.csv", "text,label,text\nx,y,z\n", "line 1: the header names 'text' twice; rename one"),
    "a header of empty names": ("a.csv", ",,\na,b,c\n", "line 1: the header names no column"),
    "no header": ("a.csv", PLAIN.partition("\n")[2], "its first line seems to be a row, not a header"),
    "a title right above the header": ("a.csv", "My reviews\n" + PLAIN, "if a title stands above the header, delete it"),
    "a comment that may be the header": ("a.csv", "#made by us,2026\n" + PLAIN, "delete it if it is a comment, or its # if"),
    "one column": ("a.csv", "\n".join(["body", *TEXTS]), "no usable label column among 'body'"),
    "two encodings": ("a.csv", table([("ein schöner Tag", "x")] * 6).encode() + "trüb,y\n".encode("cp1252"),
                      "mixes encodings: line 8 is not UTF-8 although 6 other lines are"),
    "half a surrogate pair": ("a.jsonl", '{"text": "ab \\ud800", "label": "x"}\n', "line 1: not valid Unicode, it holds half"),
    "surrogates as bytes": ("a.csv", table().encode() + "é \ud800,x\n".encode("utf-8", "surrogatepass") + "é,x\né,y\n".encode(),
                            "mixes encodings: line 62 is not UTF-8"),
    "JSON columns": ("a.json", json.dumps({"text": TEXTS, "label": LABELS}), "one object holds lists or objects under 'text'"),
    "JSON under a key": ("a.json", json.dumps({"data": [{"text": "x"}]}, indent=1), "write one object for each row"),
    "a JSON array cut off": ("a.json", json.dumps([{"text": t, "label": "x"} for t in TEXTS])[:-1], "array is not closed"),
    "JSON of no objects": ("a.jsonl", "[1]\n", "line 1: each line must be an object"),
    "broken JSON in the middle": ("a.jsonl", json_lines() + '{"text": "x", label}\n' + json_lines(), "line 61: not JSON"),
    "Python dicts": ("a.jsonl", "{'text': 'x'}\n", "line 1: not JSON"),
    "JSON columns of one line": ("a.jsonl", json.dumps({"text": TEXTS, "label": LABELS}), "one object holds lists or objects"),
    "YAML that is broken": ("a.yaml", yaml_rows() + "- {text: x, label: [}\n", "line 121: not YAML: did not find"),
    "YAML with a control character": ("a.yaml", yaml_rows() + "- text: \x01\n", "line 121: it holds U+0001, a control"),
    "YAML of one value": ("a.yml", "just a text\n", "line 1: a value stands where rows are expected; write a list of mappings"),
    "YAML without rows": ("a.yml", "text: x\nlabel: y\n", "line 1: no list of rows; write a list of mappings"),
    "YAML of texts": ("a.yaml", "- a\n- b\n", "line 1: each element must be a mapping"),
    "YAML of lists": ("a.yaml", "- [a, b]\n", "line 1: each element must be a mapping"),
    "YAML of two tables": ("a.yaml", "a: [{x: 1}]\nb: [[2]]\n", "line 2: rows stand under 'a' and under 'b'"),
    "YAML of lists and mappings": ("a.yaml", "a: [[x],\n {y: 1}]\n", "line 2: each element of a must be a list"),
    "YAML with a key twice": ("a.yaml", "- text: x\n  text: y\n", "line 2: the key 'text' stands twice in one mapping"),
    "YAML that runs code": ("a.yaml", "- text: !!python/object/apply:os.system ['true']\n", "line 1: a value is tagged tag:"),
    "YAML that expands": ("a.yaml", "- &a {text: x, label: y}\n- text: [*a, *a, *a]\n", "line 2: it refers to another"),
    "YAML without a bottom": ("a.yaml", "- text: " + "[" * 200 + "]" * 200, "line 1: more than 50 lists or mappings within"),
    "an empty YAML file": ("a.yaml", "# nothing\n", "a.yaml has no rows"),
    "measurements for labels": ("a.csv", table([(t, f"{i / 7:.4f}") for i, t in enumerate(TEXTS)]), "measurements, not cl"),
    "another label in each row": ("a.csv", table([(t, f"id{i}") for i, t in enumerate(TEXTS)]), "an id, no label; data.label="),
    "5,000 labels for 10,000 rows": ("a.csv", table([(f"text {i}", f"l{i % 5000}") for i in range(10_000)]),
                                     "has 5,000 different values in 10,000 rows"),
    "no label at all": ("a.csv", table([(t, " ") for t in TEXTS]), "every row is empty in one of the columns text, label"),
    "a header of a thousand names": ("a.csv", ",".join(f"c{i}" for i in range(1000)) + "\n" + "1," * 999 + "1\n", "988 more"),
    "a header name of a million letters": ("a.csv", "h" * 1_000_000 + ",b\n1,2\n", "no usable text column among 'hhh"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_one_clear_message(case: str, tmp_path: Path) -> None:
    name, content, message = REFUSED[case]
    path = write(tmp_path, name, content)
    with pytest.raises(InputError) as error:
        load(path)
    said = str(error.value)
    assert message in said
    assert str(path) in said
    assert len(said) < 3000
    assert error.value.exit_code == 2


REPAIRED: dict[str, tuple[str, str | bytes, str]] = {
    "tabs in a CSV": ("a.csv", table(header="text\tlabel", between="\t"), ""),
    "semicolons in a CSV": ("a.csv", table(header="text;label", between=";"), ""),
    "bars in a text file": ("a.txt", table(header="text|label", between="|"), ""),
    "commas in a TSV": ("a.tsv", PLAIN, "a.tsv is separated by ',', whatever its name"),
    "Excel's line for the separator": ("a.csv", "sep=;\n" + table(header="text;label", between=";"), ""),
    "JSON lines named CSV": ("a.csv", json_lines(), "a.csv was read as JSON, which it is, whatever its name"),
    "CSV named JSON lines": ("a.jsonl", PLAIN, "a.jsonl was read as delimited text, which it is"),
    "Parquet named CSV": ("a.csv", parquet({"text": TEXTS, "label": LABELS}), "a.csv is a Parquet file, whatever its name"),
    "gzip named CSV": ("a.csv", gzip.compress(PLAIN.encode()), ""),
    "a JSON array": ("a.json", json.dumps(RECORDS), "read wherever they end"),
    "JSON printed for people": ("a.json", "\n".join(json.dumps(one, indent=2) for one in RECORDS),
                                "a.json is not one JSON object a line; its objects were read wherever they end"),
    "YAML": ("a.yaml", yaml_rows(), ""),
    "YAML, compressed": ("a.yml.gz", gzip.compress(yaml_rows().encode("utf-16")), ""),
    "YAML in a row of documents": ("a.yaml", "---\n" + yaml_rows(PAIRS[:30]) + "---\n" + yaml_rows(PAIRS[30:]), ""),
    "YAML under a key": ("a.yaml", "by: [me, you]\nwhen: {day: 1}\nrows:\n" + yaml_rows(),
                         "a.yaml: rows were read under 'rows'; 'by', 'when' left out"),
    "JSON without some keys": ("a.jsonl", json_lines() + '{"text": "lost"}\n', "1 rows of a.jsonl without text or label"),
    "JSON of changing types": ("a.jsonl", json_lines() + '{"text": "x", "label": null, "tags": ["a", 1]}\n',
                               "1 values of 'tags' in a.jsonl are lists and were read as JSON text"),
    "UTF-16": ("a.csv", PLAIN.encode("utf-16"), ""),
    "UTF-16 without its mark": ("a.csv", PLAIN.encode("utf-16-le"), "a.csv is not UTF-8 and was read as utf-16-le"),
    "UTF-16 of the other order": ("a.csv", PLAIN.encode("utf-16-be"), "was read as utf-16-be; data.encoding="),
    "UTF-32": ("a.csv", PLAIN.encode("utf-32"), ""),
    "a mark and quotes": ("a.csv", table(header='"text","label"').encode("utf-8-sig"), ""),
    "joined files with marks": ("a.csv", table(PAIRS[:30]).encode("utf-8-sig") + table(PAIRS[30:]).encode("utf-8-sig"),
                                "1 byte order marks between the rows (joined files?) were left out"),
    "joined files with headers": ("a.csv", table(PAIRS[:30]) + table(PAIRS[30:]), "the header stands 1 more times between"),
    "old line ends": ("a.csv", table(end="\r"), ""),
    "mixed line ends": ("a.csv", table(PAIRS[:30], end="\r\n") + PLAIN.partition("\n")[2], "30 rows of a.csv repeat the text"),
    "spaces in the header": ("a.csv", table(header="  Text ,\xa0LABEL\u200b"), "text of a.csv is the column 'Text'"),
    "spaces before quotes": ("a.csv", table([(f'"{t}"', f' "{label}"') for t, label in PAIRS], header='"text", "label"'),
                             "spaces between a delimiter and a quote were left out"),
    "single quotes": ("a.csv", table([(f"'{t}'", f"'{label}'") for t, label in PAIRS], header="'text','label'"), "quotes with"),
    "trailing delimiters": ("a.csv", table([(t, label + ",") for t, label in PAIRS]), "60 rows end in more delimiters than"),
    "empty trailing columns": ("a.csv", table([(t, label + ",,") for t, label in PAIRS], header="text,label,,"),
                               "the header has no name for column 3, 4; left out"),
    "pandas' index": ("a.csv", table([(f"{i},{t}", label) for i, (t, label) in enumerate(PAIRS)], header=",text,label"),
                      "the header has no name for column 1; left out"),
    "pandas' numbers for names": ("a.csv", table([(t, str(len(label))) for t, label in PAIRS], header="0,1"),
                                  "text of a.csv is the column '0'"),
    "a title from a spreadsheet": ("a.csv", "Reviews 2026,,\n" + table([(t, f"{x},1") for t, x in PAIRS], "text,label,n"),
                                   "line 1, 'Reviews 2026,,', was taken for a title; the header is line 2"),
    "a title and an empty line": ("a.csv", "Reviews 2026\n\n" + PLAIN, "was taken for a title; the header is line 3"),
    "comments above the header": ("a.csv", "# made by a program\n# on Monday\n" + PLAIN, "2 comment lines (#) above the"),
    "blank lines": ("a.csv", PLAIN.replace("\n", "\n\n \n"), ""),
    "names that differ in case": ("a.csv", table([(f"{t},x", label) for t, label in PAIRS], header="text,Text,label"),
                                  "text of a.csv is the column 'text' (by its name)"),
    "missing labels": ("a.csv", PLAIN + "lost,\nlost too, \n", "2 rows of a.csv without text or label left out"),
    "NUL characters": ("a.csv", PLAIN + "half\0way,positive\n", "a.csv holds 1 NUL characters, kept as they are"),
    "a cell of ten megabytes": ("a.csv", PLAIN + "word " * 2_000_000 + ",positive\n",
                                "a.csv, line 62 holds a text of 10,000,000 characters; is a quote missing"),
    "labels in several spellings": ("a.csv", PLAIN + "one more,Positive\nand more,positive \n",
                                    "2 rows of a.csv have a label that differs from another only in case or spaces"),
    "very many columns": ("a.csv", table([(t, label + ",x" * 3000) for t, label in PAIRS], "text,label," + ",".join(
        f"c{i}" for i in range(3000))), ""),
    "numbers for labels, in Parquet": ("a.parquet", parquet({"text": TEXTS, "label": [float(i % 3) for i in range(60)]}), ""),
    "nested texts beside flat ones": ("a.parquet", parquet({"text": TEXTS, "label": LABELS, "tags": [["a"]] * 60}),
                                      "'tags' hold lists or structs of texts and were kept as JSON text"),
    "nested columns beside flat ones": ("a.parquet", parquet({"text": TEXTS, "label": LABELS, "vector": [[0.5]] * 60}),
                                        "'vector' hold lists, structs or bytes and were left out"),
}  # fmt: skip


@pytest.mark.parametrize("case", REPAIRED)
def test_it_is_read_and_what_was_repaired_is_said(case: str, tmp_path: Path) -> None:
    name, content, note = REPAIRED[case]
    splits = load(write(tmp_path, name, content))
    assert note in "\n".join(splits.notes)
    found = {text for table in splits.named().values() for text in table.texts("text")}
    assert set(TEXTS) <= found
    assert len(found - set(TEXTS)) <= 2


LEGACY = {
    "gb18030": ["这家酒店的服务非常好", "航班延误了三个小时", "手机屏幕很清晰", "质量太差，退货"],
    "big5": ["這家酒店的服務非常好", "航班延誤了三個小時", "手機螢幕很清晰"],
    "cp932": ["このホテルは素晴らしい", "飛行機が三時間遅れました", "画面がきれいです"],
    "cp949": ["이 호텔은 정말 좋았어요", "비행기가 세 시간 늦었습니다", "화면이 선명해요"],
    "cp1251": ["Отличный отель", "Рейс задержали на три часа", "Экран яркий"],
    "cp1253": ["Πολύ καλό ξενοδοχείο", "Η πτήση καθυστέρησε τρεις ώρες"],
    "cp1252": ["a “great” café – naïve", "Ein schöner Tag für Größe", "El niño comió mañana"],
}


@pytest.mark.parametrize("encoding", LEGACY)
def test_an_older_encoding_is_detected_and_said(encoding: str, tmp_path: Path) -> None:
    pairs = [(f"{text} {i}", f"l{i % 2}") for i, text in enumerate(LEGACY[encoding] * 8)]
    splits = load(write(tmp_path, "a.csv", table(pairs).encode(encoding)))
    assert {text for table in splits.named().values() for text in table.texts("text")} == {text for text, _ in pairs}
    assert f"a.csv is not UTF-8 and was read as {encoding}; data.encoding=" in "\n".join(splits.notes)


def test_a_given_encoding_wins_over_the_detected(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", LATIN.encode("latin-1"))
    splits = load(path, encoding="cp437")
    assert splits.train.texts("text")[0].endswith("cafΘ")
    assert "not UTF-8" not in "\n".join(splits.notes)


def test_labels_in_several_spellings_are_one_unless_asked_otherwise(tmp_path: Path) -> None:
    spelled = [(t, [label, label.upper(), f" {label} "][i % 7 % 3]) for i, (t, label) in enumerate(PAIRS)]
    path = write(tmp_path, "a.csv", table(spelled))
    assert set(load(path).train.texts("label")) == {"negative", "neutral", "positive"}
    assert len(set(load(path, merge_spellings=False).train.texts("label"))) > 3


def test_one_class_only_is_refused_by_the_task(tmp_path: Path) -> None:
    splits = load(write(tmp_path, "a.csv", table([(t, "x") for t in TEXTS])), label="label")
    with pytest.raises(InputError, match="every row has the label 'x'; a classifier needs at least two labels"):
        load_plugins().task("classification").prepare(splits, Classification())


def test_rare_labels_are_counted_by_the_task(tmp_path: Path) -> None:
    pairs = [*PAIRS, *((f"a rare one {i}", "rare") for i in range(3))]
    splits = load(write(tmp_path, "a.csv", table(pairs)))
    section, *_ = load_plugins().task("classification").prepare(splits, Classification()).sections()
    assert "1 label has fewer than 5 training rows: rare; the model can hardly learn it" in section.note


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_how_to_allow_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", PLAIN)
    path.chmod(0)
    with pytest.raises(InputError, match=r"may not be read by this user; chmod u\+r a.csv"):
        load(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda folder: folder, "is a folder; name a file in it, "),
        (lambda folder: folder, "/*.csv for many, hf:///"),
        (lambda folder: write(folder, "more/a.json", "{}").parent, "more/*.json for many"),
        (lambda folder: folder / "*.tsv", "no file matches "),
        (lambda folder: folder / "b.csv", "b.csv; files there: a.csv"),
        (lambda folder: f"[{folder}/a.csv,{folder}/none.csv]", "no file "),
        (lambda folder: "true", "no file true"),
        (lambda folder: "hf://imdb", "hf://imdb is no address of a data set; write hf://owner/name"),
        (lambda folder: f"hf://{folder}/no/such", "is no folder; write hf://owner/name"),
    ],
)
def test_an_address_that_leads_nowhere_ends_the_command_at_once(
    given: Callable[[Path], object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "a.csv", PLAIN)
    assert main(["recipe=sentiment", f"data.train={given(tmp_path)}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: data.train: ")
    assert message in said
    assert "Traceback" not in said
