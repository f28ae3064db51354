"""The pages of the server in a real browser: a person types a text and sees the answer, without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.keys import Keys

import framework
from tests import forked
from tests.server.serving import KEY, Serving, serving, until
from tests.test_language import ENGLISH
from tests.tiny import WORDS, install, labelled_rows, summaries, tiny_writer, write_csv

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
MISSING = [name for name, found in (("chromium", BROWSER), ("chromedriver (chromium-driver)", DRIVER)) if not found]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)}")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --window-size=1000,1600"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    with started(tmp_path) as driver:
        yield driver


@pytest.fixture
def chinese(tmp_path: Path) -> Iterator[WebDriver]:
    """A browser whose user reads Chinese."""
    with started(tmp_path, "--accept-lang=zh-CN,zh") as driver:
        yield driver


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[WebDriver]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in (*FLAGS.split(), *flags, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    driver.implicitly_wait(20)
    try:
        yield driver
    finally:
        driver.quit()


def complaints(browser: WebDriver) -> list[str]:
    entries: list[dict[str, Any]] = browser.get_log("browser")
    return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


def fetched(browser: WebDriver) -> list[str]:
    found: list[str] = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    return found


def wait_for(browser: WebDriver, css: str, text: str) -> str:
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    def there(driver: WebDriver) -> str | bool:
        found = [each.text for each in driver.find_elements("css selector", css)]
        return next((each for each in found if text in each), False)

    passing = (NoSuchElementException, StaleElementReferenceException)  # a page that is just being replaced
    return str(WebDriverWait(browser, 60, ignored_exceptions=passing).until(there, f"{text} in {css}"))


def test_a_person_types_a_text_and_sees_the_answer_with_its_probabilities(browser: WebDriver, server: Serving) -> None:
    browser.get(server.url)
    wait_for(browser, "#about", server.version())
    browser.find_element("id", "field-text").send_keys("the lovely flight")
    browser.find_element("id", "send").click()
    assert wait_for(browser, "#answer h2", "positive") == "positive"
    bars = [bar.text for bar in browser.find_elements("css selector", ".bar")]
    assert len(bars) == 3
    assert bars[0].startswith("positive")
    assert all(address.startswith(server.url) for address in fetched(browser))
    assert complaints(browser) == []
    browser.set_window_size(360, 800)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_page_of_a_plugin_draws_its_ranking_by_hints(chinese: WebDriver, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "example-plugin"
    shutil.copytree(example / "src", tmp_path / "site")
    install(tmp_path / "site", "acme-readability", "acme_readability")
    ran = forked.run(tmp_path, "recipe=readability", f"data.train={example / 'graded.csv'}", path=[tmp_path / "site"])
    assert ran.returncode == 0, ran.stderr
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    with serving(tmp_path / "server", tmp_path / "runs" / "readability" / "latest", env={"PYTHONPATH": path}) as grading:
        chinese.get(f"{grading.url}/?model=readability&surface=hardest")
        wait_for(chinese, "#about", grading.version())
        assert chinese.title == "最难的句子"
        text = "The dog ran. Thermodynamics imposes limitations on mechanical efficiency."
        chinese.find_element("id", "field-text").send_keys(text)
        chinese.find_element("id", "send").click()
        first = wait_for(chinese, "#answer ol li", "Thermodynamics")
        assert re.fullmatch(r"Thermodynamics imposes limitations on mechanical efficiency\.\n\d+(\.\d)?", first)
        assert complaints(chinese) == []


def test_a_person_types_a_text_and_sees_its_summary(browser: WebDriver, tmp_path: Path) -> None:
    given = [f"data.train={write_csv(tmp_path / 'rows.csv', summaries(), ('text', 'summary'))}", "task.max_text=24",
             f"model.name={tiny_writer(tmp_path / 'model')}", "task.max_summary=6", "trainer.max_steps=2",
             "trainer.enable_progress_bar=false"]  # fmt: skip
    run = framework.run_recipe("summarization", *given, folder=tmp_path / "run")
    text = "the lovely flight " * 12
    expected = framework.load(run).predict([text])[0]
    with serving(tmp_path / "server", str(run)) as summarizing:
        browser.get(summarizing.url)
        wait_for(browser, "#about", summarizing.version())
        browser.find_element("id", "field-text").send_keys(text)
        browser.find_element("id", "send").click()
        assert wait_for(browser, "#answer blockquote", expected["summary"]) == expected["summary"] != ""
        facts = browser.find_element("css selector", "#answer dl").text.split()
        assert facts[facts.index("windows") + 1] == "2" == str(expected["windows"])
        assert complaints(browser) == []


def test_what_is_refused_is_shown(browser: WebDriver, server: Serving) -> None:
    browser.get(server.url)
    wait_for(browser, "#about", server.version())
    browser.execute_script("document.getElementById('field-text').value = 'x'.repeat(20001)")
    browser.find_element("id", "send").click()
    assert "input 1 has 20,001 characters; 20,000 are allowed" in wait_for(browser, "#answer .error", "allowed")


def test_a_text_that_looks_like_html_is_text(browser: WebDriver, server: Serving) -> None:
    browser.get(server.url)
    wait_for(browser, "#about", server.version())
    browser.find_element("id", "field-text").send_keys("<img src=x onerror=document.title='pwned'>")
    browser.find_element("id", "send").click()
    wait_for(browser, "#answer", "ms, network included")
    assert browser.title == "Try the model"


def say(browser: WebDriver, *keys: str) -> None:
    browser.find_element("id", "text").send_keys(*keys, Keys.ENTER)


def turns(browser: WebDriver) -> list[str]:
    found: list[str] = browser.execute_script("return [...document.querySelectorAll('.turn p')].map(e => e.textContent)")
    return found


def answer(server: Serving, *said: str) -> str:
    """Of a conversation, whole, to a program."""
    messages = [{"role": ("user", "assistant")[turn % 2], "content": content} for turn, content in enumerate(said)]
    choices: Any = server.post("/v1/chat/completions", {"messages": messages}).json()["choices"]
    return str(choices[0]["message"]["content"])


def test_a_person_holds_a_conversation_and_sees_answers_grow(browser: WebDriver, chatting: Serving) -> None:
    browser.get(chatting.url)
    wait_for(browser, "#about", "dialogue")
    browser.execute_script(
        "window.seen = new Set(); new MutationObserver(() => seen.add(document.querySelector('.assistant p')?.textContent))"
        ".observe(document.getElementById('log'), {subtree: true, childList: true})"
    )
    say(browser, "the lovely flight")
    wait_for(browser, ".assistant small", "tokens read")
    first = answer(chatting, "the lovely flight")
    assert turns(browser) == ["the lovely flight", first]
    assert browser.execute_script("return seen.size") > 3  # it came in pieces
    say(browser, "the awful", Keys.SHIFT, Keys.ENTER, Keys.NULL, "bag")
    wait_for(browser, ".turn:nth-child(4) small", "tokens read")
    assert turns(browser)[2:] == ["the awful\nbag", answer(chatting, "the lovely flight", first, "the awful\nbag")]
    say(browser, "the blue door " * 5)
    wait_for(browser, ".turn:nth-child(6) small", "dropped: the model's window has no room")
    browser.find_element("id", "new").click()
    assert turns(browser) == []
    say(browser, "the lovely flight")
    wait_for(browser, ".assistant small", "tokens read")
    assert turns(browser) == ["the lovely flight", first]
    assert all(address.startswith(chatting.url) for address in fetched(browser))
    assert complaints(browser) == []
    browser.set_window_size(360, 800)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_an_answer_can_be_stopped_and_what_is_refused_is_not_lost(browser: WebDriver, chatting: Serving) -> None:
    browser.get(chatting.url)
    wait_for(browser, "#about", "dialogue")
    browser.execute_script(
        "new MutationObserver((_, watch) => { if (document.querySelector('.assistant p').textContent) {"
        "watch.disconnect(); document.getElementById('stop').click() } })"
        ".observe(document.getElementById('log'), {subtree: true, childList: true})"
    )
    say(browser, "the lovely flight")
    wait_for(browser, ".assistant small", "stopped")
    before = turns(browser)
    assert answer(chatting, "the lovely flight").startswith(before[1])
    assert len(before[1].split()) == 1
    browser.find_element("css selector", "summary").click()
    browser.find_element("name", "temperature").send_keys("99")
    say(browser, "and then?")
    assert wait_for(browser, "#problem", "temperature") == "temperature=99 must be a number from 0 to 10"
    assert browser.find_element("id", "text").get_property("value") == "and then?"
    assert turns(browser) == before
    browser.find_element("name", "temperature").clear()
    say(browser)
    wait_for(browser, ".turn:nth-child(4) small", "tokens read")
    assert turns(browser)[3] == answer(chatting, *before, "and then?")


def test_with_a_key_the_page_asks_for_it_and_models_can_be_chosen(
    browser: WebDriver, tmp_path: Path, run_folder: Path, other_run: Path, talk: Path
) -> None:
    models = (f"first={run_folder}", f"second={other_run}", f"talk={talk}")
    with serving(tmp_path / "s", *models, env={"FRAMEWORK_API_KEY": KEY}) as server:
        browser.get(server.url)
        wait_for(browser, "#about", "asks for a key")
        browser.find_element("id", "key").send_keys(KEY, "\t")
        wait_for(browser, "#about", "classification")
        browser.find_element("css selector", "#model option[value=second]").click()
        wait_for(browser, "#title", "second")
        browser.find_element("id", "field-text").send_keys("the lovely flight")
        browser.find_element("id", "send").click()
        wait_for(browser, "#answer", "ms, network included")
        browser.find_element("css selector", "#model option[value=talk]").click()  # its page is another
        wait_for(browser, "#about", "asks for a key")
        browser.find_element("id", "key").send_keys(KEY, "\t")
        wait_for(browser, "#title", "talk")
        say(browser, "the lovely flight")
        wait_for(browser, ".assistant small", "tokens read")
        browser.find_element("css selector", "#model option[value=second]").click()
        wait_for(browser, "#about", "asks for a key")


def test_the_docs_page_shows_the_tasks_fields_and_its_example_works(browser: WebDriver, server: Serving) -> None:
    browser.get(server.url + "/docs")
    wait_for(browser, ".opblock-summary-path", "/v1/predict")
    browser.find_element("css selector", "#operations-default-predict .opblock-summary-control").click()
    example = browser.find_element("css selector", "#operations-default-predict textarea").get_property("value")
    assert "inputs" in json.loads(str(example))
    browser.find_element("css selector", "#operations-default-predict .execute").click()
    assert "predictions" in wait_for(
        browser, "#operations-default-predict .live-responses-table .response-col_description", "predictions"
    )
    assert complaints(browser) == []
    assert all(address.startswith((server.url, "data:")) for address in fetched(browser))


def shown_items(browser: WebDriver) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#answer li span:first-child')].map(e => e.textContent)"
    )
    return found


def take(browser: WebDriver, text: str, title: str) -> None:
    browser.find_element("id", "search").send_keys(text)
    wait_for(browser, "#found button", title)
    browser.find_element("id", "search").send_keys(Keys.ENTER)
    wait_for(browser, "#taken li", title)


def test_a_person_takes_items_by_title_and_sees_what_goes_with_them(browser: WebDriver, recommending: Serving) -> None:
    browser.get(recommending.url)
    wait_for(browser, "#about", "recommendation")
    take(browser, "lovely FLIGHT", "the lovely flight")
    take(browser, "positive-1", "the great phone")
    browser.find_element("id", "search").send_keys("the")
    wait_for(browser, "#found button", "the")
    browser.find_element("id", "k").click()  # what is offered goes away
    assert browser.execute_script("return document.querySelectorAll('#found li').length") == 0
    browser.find_element("id", "search").clear()
    taken = [each.text for each in browser.find_elements("css selector", "#taken li span")]
    assert len(taken) == 2
    browser.find_element("id", "k").clear()
    browser.find_element("id", "k").send_keys("4")
    browser.find_element("id", "send").click()
    wait_for(browser, "#answer h2", "From this history")
    titles = shown_items(browser)
    assert len(titles) == 4
    assert set(titles).isdisjoint(taken)
    assert all(any(word in title for word in WORDS["positive"]) for title in titles)
    browser.find_element("css selector", "summary").click()
    assert '{"k":4,"history":["positive-0","positive-1"]}' in browser.find_element("id", "curl").text
    browser.find_element("css selector", "#filter-kind option[value=negative]").click()
    browser.find_element("id", "send").click()
    until(lambda: all(any(word in title for word in WORDS["negative"]) for title in shown_items(browser) or [""]))
    browser.find_element("css selector", "#taken li:first-child button").click()
    assert len(browser.find_elements("css selector", "#taken li")) == 1
    assert all(address.startswith(recommending.url) for address in fetched(browser))
    assert complaints(browser) == []
    browser.set_window_size(360, 800)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_a_user_is_answered_by_what_is_known_and_what_is_refused_is_shown(browser: WebDriver, recommending: Serving) -> None:
    browser.get(recommending.url)
    wait_for(browser, "#about", "recommendation")
    browser.find_element("id", "user").send_keys("u000", Keys.ENTER)
    wait_for(browser, "#answer h2", "From what is known of this user")
    assert len(shown_items(browser)) == 10
    browser.find_element("id", "user").send_keys("0", Keys.ENTER)
    wait_for(browser, "#answer .error", "u0000 is not known")
    assert "what most take" in wait_for(browser, "#answer h2", "Nothing is known")
    browser.find_element("id", "k").clear()
    browser.find_element("id", "k").send_keys("0", Keys.ENTER)
    assert wait_for(browser, "#answer .error", "k is") == "k is how many items are wanted, 1 to 1,000, not 0"
    assert [said for said in complaints(browser) if "422" not in said] == []  # Chromium notes that itself


def test_what_looks_like_html_in_an_id_is_text(browser: WebDriver, recommending: Serving) -> None:
    browser.get(recommending.url)
    wait_for(browser, "#about", "recommendation")
    browser.find_element("id", "user").send_keys("<img src=x onerror=document.title='pwned'>", Keys.ENTER)
    wait_for(browser, "#answer .error", "is not known")
    assert browser.title == "Recommendations"


def test_each_kind_of_model_has_its_page(browser: WebDriver, recommending: Serving) -> None:
    browser.get(recommending.url)
    wait_for(browser, "#title", "films")
    browser.find_element("css selector", "#model option[value=tone]").click()
    wait_for(browser, "#about", "classification")
    assert browser.find_elements("id", "field-text")
    browser.find_element("css selector", "#model option[value=films]").click()
    wait_for(browser, "#about", "recommendation")
    assert browser.find_elements("id", "taken")


def test_spans_of_an_answer_are_marked_in_the_text(browser: WebDriver, tmp_path: Path) -> None:
    """Counted in characters, whatever they take in UTF-16. The candidate is a codec alone."""
    rows = "".join(f"the O\n{word} B-{label}\ncrew O\n\n" for label, words in WORDS.items() for word in words) * 4
    (tmp_path / "rows.conll").write_text(rows, encoding="utf-8")
    given = [f"data.train={tmp_path / 'rows.conll'}", "data.duplicates=keep", "candidates=[most_frequent]", "tracker=none"]
    run = framework.run_recipe("entities", *given, folder=tmp_path / "run")
    with serving(tmp_path, run) as server:
        browser.get(server.url)
        wait_for(browser, "#about", server.version())
        browser.find_element("id", "field-text").send_keys("好的 the awful crew, the lovely crew")
        browser.find_element("id", "send").click()
        wait_for(browser, "#answer mark", "awful")
        marks = browser.find_elements("css selector", "#answer mark")
        assert [mark.text for mark in marks] == ["awful negative", "lovely positive"]
        assert browser.find_element("css selector", "#answer blockquote").text.startswith("好的 the awful")
        assert complaints(browser) == []


def test_every_label_of_an_answer_is_shown_and_marked(browser: WebDriver, tmp_path: Path) -> None:
    """None is an answer, too."""
    file = write_csv(tmp_path / "rows.csv", [(text, json.dumps(labels)) for text, labels in labelled_rows(160)])
    given = [f"data.train={file}", "candidates=[linear]", "export=[onnx]", "tracker=none"]
    run = framework.run_recipe("labels", *given, folder=tmp_path / "run")
    with serving(tmp_path, run) as server:
        browser.get(server.url)
        wait_for(browser, "#about", server.version())
        for text, heading, marked in (
            ("the lovely rude phone", "negative · positive", {"✓ negative", "✓ positive", "neutral"}),
            ("the phone", "None of the labels", {"negative", "positive", "neutral"}),
        ):
            browser.find_element("id", "field-text").clear()
            browser.find_element("id", "field-text").send_keys(text)
            browser.find_element("id", "send").click()
            assert wait_for(browser, "#answer h2", heading) == heading
            assert {bar.text for bar in browser.find_elements("css selector", "#answer .bar span")} == marked
        assert complaints(browser) == []


def test_a_strangers_surface_has_a_page_without_html_of_its_own(browser: WebDriver, odd: Serving) -> None:
    browser.get(odd.url)
    wait_for(browser, "#about", "classification")
    browser.find_element("link text", "Sure").click()
    wait_for(browser, "#others a", "Try the model")
    field = browser.find_element("id", "field-texts")
    assert json.loads(str(field.get_property("value"))) == ["what a lovely flight", "my bag is lost"]
    browser.execute_script('arguments[0].value = \'["the lovely flight", "the crew"]\'', field)
    browser.find_element("id", "send").click()
    wait_for(browser, "#answer li", "the lovely flight")
    ranked = odd.post("/v1/models/tone/sure", {"texts": ["the lovely flight", "the crew"]}).json()["texts"]
    assert shown_items(browser) == [one["text"] for one in ranked]
    assert complaints(browser) == []


def reads_no_english(browser: WebDriver, *data: str) -> None:
    """data: texts of the user, the model and the interface."""
    seen: str = browser.execute_script(
        "return [document.body.innerText, ...[...document.querySelectorAll('*')].flatMap("
        "e => [e.placeholder, e.title, e.ariaLabel])].filter(Boolean).join('\\n')"
    )
    for text in data:
        seen = seen.replace(text, "·")
    assert [line for line in seen.splitlines() if not line.startswith("curl ") and ENGLISH.search(line)] == []


def test_a_chinese_browser_gets_the_form_in_chinese(chinese: WebDriver, server: Serving) -> None:
    chinese.get(server.url)
    wait_for(chinese, "#about", f"版本 {server.version()}")
    assert (chinese.title, chinese.find_element("id", "send").text) == ("试用模型", "提交")
    assert chinese.find_element("css selector", "#fields label").text == "文本：要分类的文本，长度不限"
    chinese.find_element("id", "field-text").send_keys("the lovely flight")
    chinese.find_element("id", "send").click()
    wait_for(chinese, "#answer", "毫秒（含网络传输）")
    assert chinese.find_element("css selector", ".bar b").text.endswith("%")
    chinese.find_element("css selector", "summary").click()
    reads_no_english(chinese, str(chinese.find_element("id", "field-text").get_property("placeholder")))
    assert complaints(chinese) == []


def test_a_chinese_browser_gets_the_chat_in_chinese(chinese: WebDriver, chatting: Serving) -> None:
    chinese.get(chatting.url)
    wait_for(chinese, "#about", "版本")
    chinese.find_element("css selector", "summary").click()
    assert "temperature：为 0 时总是选择概率最大的词元" in wait_for(chinese, "#options label", "temperature")
    say(chinese, "the lovely flight")
    wait_for(chinese, ".assistant small", "个词元，生成")
    reads_no_english(chinese, *turns(chinese))
    say(chinese, "the blue door " * 20)
    wait_for(chinese, ".turn:nth-child(4) small", "窗口长度")
    assert complaints(chinese) == []


def test_a_chinese_browser_gets_recommendations_in_chinese(chinese: WebDriver, recommending: Serving) -> None:
    chinese.get(recommending.url)
    wait_for(chinese, "#about", "版本")
    chinese.find_element("id", "user").send_keys("0", Keys.ENTER)
    wait_for(chinese, "#answer .error", "没有用户 0 的记录。")
    wait_for(chinese, "#answer h2", "推荐热门物品")
    reads_no_english(chinese, *shown_items(chinese))
    chinese.find_element("link text", "试用模型").click()
    wait_for(chinese, "#fields label", "k：推荐的物品数量")
    reads_no_english(chinese)
    assert complaints(chinese) == []
