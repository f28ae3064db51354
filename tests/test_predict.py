"""Prediction with onnxruntime alone: from the command line, from files, from Python."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import framework
from framework.__main__ import main
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
    run = framework.run("sentiment", *small, f"data.train={data}", "data.text=Body", "export=[quick]", folder=tmp_path / "run")
    assert main(["predict", str(run), "--file", str(data), "--out", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line)["predicted_label"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert found == [answer["label"] for answer in framework.load(run).predict([text for text, _ in pairs])]
    renamed = write_csv(tmp_path / "renamed.csv", pairs, ("body", "label"))
    assert main(["predict", str(run), "--file", str(renamed), "--out", str(tmp_path / "again.csv")]) == 0


def test_texts_of_several_columns_are_answered_from_files_and_mappings(tmp_path: Path, small: list[str]) -> None:
    pairs = [("so it goes", text, label) for text, label in rows(60)]
    path = write_csv(tmp_path / "train.csv", pairs, ("title", "body", "label"))
    folder = framework.run(
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


def test_rows_with_other_fields_than_the_first_are_refused_by_line(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "label": "gold"}\n{"label": "gold", "more": 1}\n')
    assert main(["predict", str(run_folder), "--file", str(source), "--out", str(tmp_path / "out.csv")]) == 2
    assert "line 2: it differs from the first row in 'more', 'text'" in capsys.readouterr().err


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
    assert "reading Parquet needs pyarrow: pip install 'recipe-framework[train]'" in done.stderr
