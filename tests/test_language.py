"""Reports speak the language of their data: the catalogue is whole, and nothing English is left in a Chinese report."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path

import pytest

import framework
from framework import Section, Text, joined, listed, message
from framework.__main__ import main
from framework.plugins import load_plugins
from framework.report.console import Console
from framework.report.language import Language, accepted, language, language_of_run, mostly_chinese, read_catalogue
from framework.report.privacy import Disclosure
from tests.templates import templates
from tests.tiny import install, write_csv

CATALOGUE = read_catalogue("framework.report:zh.json")
MOODS = {"好评": ("满意", "喜欢", "超赞"), "差评": ("失望", "难用", "糟糕")}
NOUNS = ("手机", "屏幕", "快递", "客服", "电池", "包装", "耳机")
# What no language translates: names of metrics and libraries, keys of the recipe, file names, marks of formats.
NAMES = re.compile(r"\S*[=_/@]\S*|\b\w+\.\w+\S*|\b(?:CPU|MB|TF-IDF|UTC|sha256|F1|ONNX|onnx|torch|INT8)\b")
ENGLISH = re.compile(r"[A-Za-z][a-z']+(?:[ ,;:]+[A-Za-z][a-z']+){2,}")


def test_every_template_is_in_the_catalogue_and_every_entry_is_used() -> None:
    used = templates()
    assert {template: used[template] for template in used.keys() - CATALOGUE.keys()} == {}
    assert CATALOGUE.keys() - used.keys() == set()


def test_a_translation_has_the_placeholders_of_its_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "words_of_others").mkdir()
    (tmp_path / "words_of_others" / "__init__.py").touch()
    for text, fits in {
        "{b} 中的 {a:,}": True,
        "{b} 中的 {a}": True,
        "{a}": False,
        "{b} 中的 {a:.2f}": False,
        "{a}{b}{c}": False,
    }.items():
        (tmp_path / "words_of_others" / "zh.json").write_text(json.dumps({"{a:,} of {b}": text}), "utf-8")
        if fits:
            assert read_catalogue("words_of_others:zh.json") == {"{a:,} of {b}": text}
        else:
            with pytest.raises(ValueError, match="has other placeholders than"):
                read_catalogue("words_of_others:zh.json")


def reviews(count: int = 160) -> list[tuple[str, str]]:
    """Chinese texts, some of them twice, with a label each."""
    pairs = []
    for number in range(count):
        label = ("好评", "差评")[number % 2]
        noun, other = NOUNS[number % len(NOUNS)], NOUNS[(number * 3 + 1) % len(NOUNS)]
        pairs.append((f"第{number}次买的{noun}真的让人{MOODS[label][number % 3]}，{other}也是这样", label))
    return [*pairs, *pairs[:5], ("第0次买的手机真的让人满意，屏幕也是这样", "差评")]


@pytest.fixture(scope="module")
def chinese_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chinese")
    file = write_csv(folder / "评论.csv", reviews(), ("评论", "标签"))
    return framework.run_recipe(
        "sentiment", f"data.train={file}", "candidates=[linear]", "trainer.enable_progress_bar=false", "export=[onnx]",
        "report.hourly_price=1", folder=folder / "run",
    )  # fmt: skip


class Words(HTMLParser):
    """What a reader sees or hears of a page, outside code and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attributes if name in ("title", "aria-label", "alt")]
        self.inside += [tag] if tag in ("pre", "code", "style") else []

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        self.texts += [] if self.inside else [data]


def english_in(page: str, *but: str) -> list[str]:
    """Texts in which three English words stand in a row. but: names that are none."""
    texts = []
    for text in Words(page).texts:
        for name in but:
            text = text.replace(name, "·")
        texts += ENGLISH.findall(NAMES.sub("·", text))
    return texts


def test_a_chinese_report_says_nothing_in_english(chinese_run: Path) -> None:
    page = (chinese_run / "report.html").read_text("utf-8")
    content = json.loads((chinese_run / "report.json").read_text("utf-8"))
    assert english_in(page, content["environment"]["machine"]["CPU"]) == []
    assert '<html lang="zh-CN">' in page
    for words in (
        "值得复查的标签",
        "TF-IDF 加逻辑回归",
        "混淆矩阵",
        "测试集",
        "决策",
        "置信度最高的错误",
        "5 行与其他行文本重复",
    ):
        assert words in page, words


def test_what_a_machine_or_a_terminal_reads_stays_english(chinese_run: Path) -> None:
    content = json.loads((chinese_run / "report.json").read_text("utf-8"))
    assert content["language"] == "zh"
    assert "beat" in content["verdict"]
    assert "Confusion matrix" in [section["title"] for section in content["sections"]]
    assert "Confusion matrix" in (chinese_run / "run.log").read_text("utf-8")
    manifest = json.loads((chinese_run / "artifact" / "manifest.json").read_text("utf-8"))
    assert manifest["title"] == "TF-IDF + logistic regression"
    assert manifest["variants"]["onnx"]["decision"].startswith("equals the trained module on")


def test_what_an_earlier_process_left_is_translated_too(chinese_run: Path) -> None:
    (chinese_run / "report.html").unlink()
    assert main(["export", str(chinese_run), "artifact.golden=synthetic"]) == 0
    page = (chinese_run / "report.html").read_text("utf-8")
    content = json.loads((chinese_run / "report.json").read_text("utf-8"))
    assert english_in(page, content["environment"]["machine"]["CPU"]) == []


def test_the_recipe_may_ask_for_another_language_than_the_data_has(chinese_run: Path) -> None:
    assert main(["export", str(chinese_run), "report.language=en"]) == 0
    page = (chinese_run / "report.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert "beats the best baseline" in page or "does NOT beat" in page


def test_an_english_report_is_english(run_folder: Path) -> None:
    page = (run_folder / "report.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert json.loads((run_folder / "report.json").read_text("utf-8"))["language"] == "en"
    assert not re.search("[\u4e00-\u9fff]", page)


def test_sections_keep_templates_values_and_marked_texts_in_the_runs_folder(tmp_path: Path) -> None:
    nested = joined([message("{rows:,} empty rows of {file} left out", rows=1234, file="a.csv"), message("none")], "; ")
    section = Section(message("Data"), (message("split"), "label"), [(Text("bob@example.com"), "rows", message("yes"))], nested)
    console = Console(tmp_path, Disclosure())
    with console.recorded(tmp_path / "sections" / "data.json"):
        console.show(section)
    later = Console(tmp_path, Disclosure())
    later.recall(tmp_path / "sections" / "data.json")
    (shown,) = later.sections
    chinese = language("zh").translated(shown.section)
    assert shown.section.note == "1,234 empty rows of a.csv left out; none"
    assert chinese.note == "a.csv 中有 1,234 个空行，已去除；无"
    assert (chinese.title, chinese.header) == ("数据", ["数据划分", "label"])
    assert chinese.rows == [["[email]", "rows", "是"]]


def test_a_message_reads_as_its_english_text_and_survives_copies() -> None:
    said = message("{count:,} rows of {file}", count=1000, file="{x}")
    assert said == "1,000 rows of {x}"
    assert json.dumps(said) == '"1,000 rows of {x}"'
    for copied in (deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert (copied, copied.template, copied.values) == (said, said.template, said.values)
    assert message("write {}") == "write {}"
    assert message("{count} of {file}").filled(count=2, file="a") == "2 of a"
    assert joined([], "; ") == ""
    assert joined(map(str, range(3000)), "\n").count("\n") == 2999
    assert listed(["a", "b", "c"], most=2) == "'a', 'b' and 1 more"


def test_what_is_in_no_catalogue_and_what_is_no_message_stay_as_they_are() -> None:
    chinese = Language("zh", {"rows": "行数", "{a} of {b}": "{b} 中的 {a}"})
    assert chinese.text(message("{a} of {b}", a=message("rows"), b="rows")) == "rows 中的 行数"
    assert chinese.text(message("{rows} apples", rows=3)) == "3 apples"
    assert chinese.text("rows") == "rows"


@pytest.mark.parametrize(
    ("texts", "chinese"),
    [
        (["这个手机很好用", "快递太慢了"], True),
        (["這個手機很好用"], True),
        (["iPhone15 拍照很清楚，值得买"], True),
        (["この商品はとても良いです", "最高の品質です"], False),
        (["이 제품은 정말 좋아요"], False),
        (["a lovely flight", "好"], False),
        (["12345", "👍"], False),
        ([], False),
    ],
)
def test_texts_are_chinese_where_most_of_them_is_and_japanese_is_not(texts: list[str], chinese: bool) -> None:
    assert mostly_chinese(texts) is chinese


def test_labels_and_files_alone_make_no_chinese_report() -> None:
    table = framework.Table({"text": ["a lovely day"], "label": ["好评"]}, [2], "评论.csv")
    splits = framework.Splits(table, table, table)
    assert language_of_run("auto", load_plugins().task("classification"), splits).name == "en"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("de, zh-TW;q=0.3", "zh"),
        ("fr;q=1, de", "en"),
        ("zh;q=0", "en"),
        ("zh;q=high", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_browser_is_answered_in_the_language_that_it_likes_best(header: str | None, name: str) -> None:
    assert accepted(header) == name


def test_a_page_gets_the_texts_that_its_source_names() -> None:
    source = '<p>{{ message("Decisions") }}</p><script>say(message("{rows:,} rows", {rows}), message("say \\"hi\\""))</script>'
    chinese = Language("zh", {"Decisions": "决策", "{rows:,} rows": "{rows} 行"})
    assert chinese.of_page(source) == {"Decisions": "决策", "{rows:,} rows": "{rows} 行", 'say "hi"': 'say "hi"'}


PLUGIN = """
import framework

@framework.hookimpl
def register_messages(register):
    register("zh", "acme_words:zh.json")
    register("zh", "acme_words:broken.json")
"""
READ = """
from framework import message
from framework.plugins import load_plugins
from framework.report.language import language
chinese = language("zh")
print(chinese.text(message("{count} apples", count=3)), chinese.text(message("Decisions")), load_plugins().broken[0])
"""


def test_a_strangers_plugin_adds_its_texts_and_takes_nobodys(tmp_path: Path) -> None:
    (tmp_path / "acme_words").mkdir()
    (tmp_path / "acme_words" / "__init__.py").write_text(PLUGIN)
    entries = {"{count} apples": "{count} 个苹果", "Decisions": "被改写"}
    (tmp_path / "acme_words" / "zh.json").write_text(json.dumps(entries), "utf-8")
    (tmp_path / "acme_words" / "broken.json").write_text("[]")
    install(tmp_path, "acme-words", "acme_words")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", READ], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("3 个苹果 决策 plugin acme_words:broken.json of acme-words 1.0 cannot be used: ValueError")
