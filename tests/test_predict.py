"""Prediction with onnxruntime alone: from the command line, from files, from Python."""

from __future__ import annotations

import csv
import gzip
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import framework
from framework.__main__ import main
from framework.commands.predict import EXAMPLES
from framework.testing.conformance import BLOCKED
from tests.tiny import rows, write_csv


def test_texts_are_answered_one_json_line_each(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run_folder), "the lovely flight", "the awful meal"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["request"] for answer in answers] == ["the lovely flight", "the awful meal"]
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["probability"] == max(answer["probabilities"].values()) == answer["probabilities"][answer["label"]]


def test_prediction_works_in_a_process_where_torch_cannot_be_imported(run_folder: Path) -> None:
    code = f"{BLOCKED}from framework.__main__ import main\nsys.exit(main(['predict', {str(run_folder)!r}, 'a text']))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(said)["label"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from framework.__main__ import main; main(['--help']); main(['recipes']); main(['plugins']);"
        "assert not {'torch', 'transformers', 'pytorch_lightning', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_order_and_company_of_requests_do_not_change_answers(run_folder: Path) -> None:
    model = framework.load(run_folder, "onnx")
    texts = [text for text, _ in rows(70)] + ["word " * 500, ""]
    together = model.predict(texts)
    for text, answer in zip(texts, together, strict=True):
        alone = model.predict([text])[0]
        assert alone["probability"] == pytest.approx(answer["probability"], abs=1e-5)
        assert alone["label"] == answer["label"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_file_is_answered_row_by_row(run_folder: Path, tmp_path: Path, suffix: str) -> None:
    source = write_csv(tmp_path / "in.csv", [(str(i), text) for i, (text, _) in enumerate(rows(50))], ("id", "review"))
    out = tmp_path / f"out{suffix}"
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(out)]) == 0
    expected = framework.load(run_folder).predict([text for text, _ in rows(50)])
    if suffix == ".jsonl":
        found = [(row["id"], row["predicted_label"]) for row in map(json.loads, out.read_text("utf-8").splitlines())]
    else:
        with out.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if suffix == ".tsv" else ",")
            found = [(row["id"], row["predicted_label"]) for row in reader]
    assert found == [(str(i), answer["label"]) for i, answer in enumerate(expected)]
    assert not list(tmp_path.glob(".out*"))


def test_an_existing_output_is_not_overwritten(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    source = write_csv(tmp_path / "in.csv", rows(3))
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(out)]) == 2
    assert "nothing was overwritten" in capsys.readouterr().err
    assert out.read_text() == "precious"


def test_a_file_that_breaks_off_leaves_no_half_output(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,label\n" + "the bag,x\n" * 3000 + "a,b,c\n")
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(tmp_path / "out.csv")]) == 2
    assert "line 3002: 3 fields" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give texts, or --file IN and --out OUT"),
        (["--file", "nowhere.csv", "--out", "out.csv"], "no file nowhere.csv"),
        (["--file", "in.csv", "--out", "out.xls"], "must end in .csv, .tsv or .jsonl"),
        (["--file", "other.csv", "--out", "out.csv"], "no text column; it may be called text"),
    ],
)
def test_wrong_arguments_say_what_to_write(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "in.csv", rows(3))
    write_csv(tmp_path / "other.csv", [("1", "2")], ("a", "b"))
    assert main(["predict", str(run_folder), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("request_", [3, None, {"txt": "x"}, {"text": 3}, "half a pair \ud800"])
def test_a_bad_request_is_named_by_its_number(run_folder: Path, request_: object) -> None:
    with pytest.raises(framework.InputError, match="request 2: "):
        framework.load(run_folder).predict(["fine", request_])


def test_a_file_with_the_training_columns_is_answered_from_the_trained_column(tmp_path: Path, small: list[str]) -> None:
    """Also when another column has the task's own name for it."""
    pairs = rows(120)
    data = write_csv(
        tmp_path / "in.csv", [(str(i), text, label) for i, (text, label) in enumerate(pairs)], ("text", "Body", "label")
    )
    run = framework.run_recipe(
        "sentiment", *small, f"data.train={data}", "data.text=Body", "export=[quick]", folder=tmp_path / "run"
    )
    assert main(["predict", str(run), "--file", str(data), "--out", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line)["predicted_label"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert found == [answer["label"] for answer in framework.load(run).predict([text for text, _ in pairs])]
    renamed = write_csv(tmp_path / "renamed.csv", pairs, ("body", "label"))
    assert main(["predict", str(run), "--file", str(renamed), "--out", str(tmp_path / "again.csv")]) == 0


def test_texts_of_several_columns_are_answered_from_files_and_mappings(tmp_path: Path, small: list[str]) -> None:
    pairs = [("so it goes", text, label) for text, label in rows(60)]
    path = write_csv(tmp_path / "train.csv", pairs, ("title", "body", "label"))
    folder = framework.run_recipe(
        "sentiment", *small, f"data.train={path}", "data.text=[title,body]", "trainer.max_steps=2", "export=[quick]",
        folder=tmp_path / "run",
    )  # fmt: skip
    model = framework.load(folder)
    joined = model.predict([f"so it goes\n{pairs[0][1]}"])
    assert model.predict([{"title": "so it goes", "body": pairs[0][1]}]) == joined
    write_csv(tmp_path / "ask.csv", [pairs[0][:2]], ("Title", "body"))
    assert main(["predict", str(folder), "--file", str(tmp_path / "ask.csv"), "--out", str(tmp_path / "out.jsonl")]) == 0
    answer = json.loads((tmp_path / "out.jsonl").read_text("utf-8"))
    assert (answer["Title"], answer["predicted_label"]) == ("so it goes", joined[0]["label"])


def answered(run: Path, content: str, name: str, out: str, *options: str) -> list[str]:
    """The lines of `out` for a file of that name and content, both in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / name, Path(folder) / out
        source.write_text(content, encoding="utf-8")
        if main(["predict", str(run), *options, "--file", str(source), "--out", str(target)]):
            assert list(Path(folder).iterdir()) == [source]
            return []
        return target.read_text("utf-8").splitlines()


def test_a_row_without_the_text_is_refused_by_line(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not answered(run_folder, '{"text": "a", "label": "gold"}\n\n{"label": "gold"}\n', "in.jsonl", "out.csv")
    assert "in.jsonl, line 3: no text column; it may be called text" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv"])
def test_rows_of_json_may_differ_in_their_keys(run_folder: Path, out: str) -> None:
    content = '{"text": "a lovely bag"}\n{"more": 1, "Text": "a late bag", "by": {"name": "me"}}\n'
    lines = answered(run_folder, content, "in.jsonl", out)
    if out == "out.csv":
        table = list(csv.DictReader(lines))
        assert [list(row.values())[:4] for row in table] == [["a lovely bag", "", "", ""], ["", "1", "a late bag", "me"]]
        assert list(table[0])[:4] == ["text", "more", "Text", "by.name"]
        assert all(row["predicted_label"] for row in table)
    else:
        first, second = map(json.loads, lines)
        assert (first["text"], second["more"], second["by"]) == ("a lovely bag", 1, {"name": "me"})
        assert {"predicted_label"} <= first.keys() & second.keys()


def test_values_of_json_come_out_as_they_came_in(run_folder: Path) -> None:
    pairs = '"text": "a bag", "tags": ["a", 2], "n": 1.50, "big": 123456789012345678901, "ok": true, "none": null, "007": "1"'
    (line,) = answered(run_folder, f"{{{pairs}}}", "in.jsonl", "out.jsonl")
    assert line.startswith(f"{{{pairs}, ")
    assert isinstance(json.loads(line)["predicted_probability"], float)


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("in.csv", 'text\nfine\n\n   \n""\nlast\n', ["fine", "", "   ", "", "last"]),
        ("in.txt", "text\n\nfine\n\n", ["", "fine", ""]),
        ("in.csv", "id,text\n1,fine\n\n2,\n", ["fine", ""]),
        ("in.jsonl", '{"text": ""}\n{"text": null}\n', ["", None]),
        ("in.tsv", 'text\tid\n"open\t1\nfine\t2\nfine\t3\nclose"\t4\n', ['"open', "fine", "fine", 'close"']),
    ],
)
def test_each_row_is_answered_and_an_empty_text_like_any_other(
    run_folder: Path, name: str, content: str, texts: list[str | None]
) -> None:
    found = list(map(json.loads, answered(run_folder, content, name, "out.jsonl")))
    assert [row["text"] for row in found] == texts
    expected = framework.load(run_folder).predict([text or "" for text in texts])
    assert [row["predicted_label"] for row in found] == [answer["label"] for answer in expected]


def test_a_file_whose_quotes_are_text_can_be_said_to_be(run_folder: Path) -> None:
    content = 'text\n"fine"\n'
    for options, text in (((), "fine"), (("--quote", "none"), '"fine"')):
        assert json.loads(answered(run_folder, content, "in.csv", "out.jsonl", *options)[0])["text"] == text


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_no_column_is_replaced_without_a_word(run_folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = '{"text": "a bag", "predicted_label": "mine"}\n'
    content = record if name == "in.jsonl" else "text,predicted_label\na bag,mine\n"
    for out in ("out.csv", "out.jsonl"):
        assert not answered(run_folder, content, name, out)
        assert "line " in (said := capsys.readouterr().err)
        assert "it has 'predicted_label' already, which the answer would replace; --prefix NAME_" in said
        lines = answered(run_folder, content, name, out, "--prefix", "second_")
        row = json.loads(lines[0]) if out == "out.jsonl" else next(csv.DictReader(lines))
        assert row["predicted_label"] == "mine"
        assert row["second_label"] == framework.load(run_folder).predict(["a bag"])[0]["label"]


@pytest.mark.parametrize("given", ["note", "text=note"])
def test_the_column_of_the_texts_can_be_named(run_folder: Path, given: str) -> None:
    lines = answered(run_folder, "text,note\nthe awful bag,the lovely bag\n", "in.csv", "out.csv", "--column", given)
    expected = framework.load(run_folder).predict(["the lovely bag"])[0]
    assert next(csv.DictReader(lines))["predicted_probability"] == f"{expected['probability']:.4f}"


def test_a_column_that_is_not_there_is_named(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not answered(run_folder, "text,note\na,b\n", "in.csv", "out.csv", "--column", "notes")
    assert "no column 'notes' for text; did you mean note? columns: note, text" in capsys.readouterr().err
    assert not answered(run_folder, "text,note\na,b\n", "in.csv", "out.csv", "--column", "note", "--column", "text=text")
    assert "--column text=text: text is the column 'note' already" in capsys.readouterr().err
    assert main(["predict", str(run_folder), "fine", "--column", "note"]) == 2
    assert "--column: of no use without --file" in capsys.readouterr().err


def test_every_example_of_the_help_works(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "sentiment").mkdir(parents=True)
    (tmp_path / "runs" / "sentiment" / "latest").symlink_to(run_folder)
    write_csv(tmp_path / "reviews.csv", rows(3))
    write_csv(tmp_path / "table.csv", [(t, t) for t, _ in rows(3)], ("text", "review"))
    (tmp_path / "reviews.jsonl").write_text('{"text": "a bag"}\n')
    examples = [shlex.split(line) for line in EXAMPLES.splitlines() if line.strip().startswith("python -m framework ")]
    assert len(examples) == 5
    for example in examples:
        assert main(example[3:]) == 0, example


@pytest.mark.parametrize(
    "options", [["fine", "--variant", "onnx"], ["--variant", "onnx", "fine"], ["--variant=onnx", "--", "-5"]]
)
def test_options_may_stand_anywhere(run_folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run_folder), *options]) == 0
    assert json.loads(capsys.readouterr().out)["request"] == ("fine" if "fine" in options else "-5")


def test_a_files_encoding_can_be_given(run_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("text\n好的\n".encode("gb18030"))
    out = tmp_path / "out.csv"
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(out), "--encoding", "gb18030"]) == 0
    assert "好的" in out.read_text("utf-8")


@pytest.mark.parametrize("name", ["in.csv.gz", "in.parquet"])
def test_compressed_and_parquet_files_are_answered_too(run_folder: Path, tmp_path: Path, name: str) -> None:
    texts = [text for text, _ in rows(20)]
    source = tmp_path / name
    if name.endswith(".gz"):
        source.write_bytes(gzip.compress("\n".join(["text", *texts, ""]).encode()))
    else:
        pq.write_table(pa.table({"text": texts}), source)
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line)["predicted_label"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert found == [answer["label"] for answer in framework.load(run_folder).predict(texts)]


def test_files_are_answered_where_the_training_libraries_are_missing(run_folder: Path, tmp_path: Path) -> None:
    """Parquet alone needs one of them, and says which."""
    source = write_csv(tmp_path / "in.csv", rows(5))
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "in.parquet")
    table, out = tmp_path / "in.parquet", tmp_path / "out.csv"
    code = (
        f"{BLOCKED}for name in ('pyarrow', 'datasets', 'pandas'):\n    sys.modules[name] = None\n"
        "from framework.__main__ import main\n"
        f"assert main(['predict', {str(run_folder)!r}, '--file', {str(source)!r}, '--out', {str(out)!r}]) == 0\n"
        f"sys.exit(main(['predict', {str(run_folder)!r}, '--file', {str(table)!r}, '--out', 'x.csv']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "in.parquet: reading it needs pyarrow: pip install 'recipe-framework[train]'" in done.stderr
