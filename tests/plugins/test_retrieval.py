"""The nearest question's answer: found as scikit-learn finds it, without it, and served as a conversation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import framework
from framework import CodecSpec, Converses, Event, InputError, write_fitted
from framework_dialogue import RETRIEVAL_CODEC
from framework_dialogue.index import LONGEST, SHORTEST, NgramIndex
from framework_dialogue.retrieval import ANSWERS, RetrievalCodec, compared, cut
from tests.server.serving import serving
from tests.tiny import WORDS, rows, tiny_writer, write_dialogues

ANSWER = "Sure, one moment. It leaves at nine."
ODD = ["a", "?!", "naïve CAFÉ 😀", "好的，谢谢", "好的", "tab\there\x85and", "the the the lovely", "I\u0307stanbul İ", "zzz"]


def nearest_by_scikit_learn(texts: list[str], queries: list[str]) -> list[int]:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(SHORTEST, LONGEST), sublinear_tf=True, min_df=1)
    known = vectorizer.fit_transform(texts)
    found: list[int] = (vectorizer.transform(queries) @ known.T).toarray().argmax(1).tolist()
    return found


def test_the_nearest_text_is_that_of_scikit_learn(tmp_path: Path) -> None:
    """Of texts that are alike, too, and of queries that share nothing with any."""
    texts = [*(text for text, _ in rows(200)), *ODD, *ODD[::-1]]
    queries = [*ODD, "", "the late crew, late!", *(f"{text} {text[::-1]}" for text, _ in rows(150, seed=7))]
    NgramIndex.of(texts).save(tmp_path)
    index = NgramIndex.load(tmp_path)
    found = [index.nearest(query, len(texts)) for query in queries]
    assert found == nearest_by_scikit_learn(texts, queries)
    assert len(set(found)) > 50


def codec(folder: Path, answers: dict[str, str]) -> RetrievalCodec:
    """Fitted on questions and their answers."""
    resources = write_fitted(folder, CodecSpec(RETRIEVAL_CODEC, {"roles": {}}))
    NgramIndex.of(list(answers)).save(resources)
    (resources / ANSWERS).write_text(json.dumps(list(answers.values())))
    return RetrievalCodec({"roles": {}}, resources)


@pytest.mark.parametrize(
    ("options", "content", "finish"),
    [
        ({}, ANSWER, "stop"),
        ({"max_tokens": 2}, "Sure, one", "length"),
        ({"max_tokens": 7}, ANSWER, "stop"),
        ({"stop": "It"}, "Sure, one moment.", "stop"),
        ({"stop": ["nine", "one"], "max_tokens": 5}, "Sure,", "stop"),
        ({"temperature": 2.0, "seed": 3, "top_k": 1, "repetition_penalty": 2.0}, ANSWER, "stop"),
    ],
)
def test_an_answer_has_what_chat_asks_for(tmp_path: Path, options: dict[str, Any], content: str, finish: str) -> None:
    answering = codec(tmp_path, {"when does the flight leave": ANSWER, "is there a meal": "Yes."})
    said = [("user", "hello"), ("assistant", "yes?"), ("user", "when does my flight leave?")]
    messages = [{"role": role, "content": text} for role, text in said]
    asked = answering.parse({"messages": messages, **options})
    steps = answering.start(asked)
    assert next(steps) == Event({"text": content})
    with pytest.raises(StopIteration) as end:
        next(steps)
    words = len(content.replace(",", "").replace(".", "").split())
    assert end.value.value == {
        "content": content, "finish_reason": finish, "prompt_tokens": 6, "completion_tokens": words,
        "dropped_messages": 1, "shortened_messages": 0,
    }  # fmt: skip
    assert isinstance(answering, Converses)
    assert answering.interface().page == "chat"


def test_requests_are_refused_as_a_writer_refuses_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="temperature=-1 must be a number from 0 to 10"):
        codec(tmp_path, {"hello": "hi"}).parse({"messages": [{"role": "user", "content": "x"}], "temperature": -1})


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert cut("好的，谢谢", 3, ()) == ("好的，谢", False)
    assert compared([{"role": "user", "content": text} for text in "abc"]) == "b\nc"


def test_it_ships_where_it_competes_and_holds_a_conversation_without_torch_or_scikit_learn(tmp_path: Path) -> None:
    """The whole run; there is nothing to export, and the codec alone is sealed."""
    given = [f"data.train={write_dialogues(tmp_path / 'rows.jsonl')}", f"backbone.name={tiny_writer(tmp_path / 'model')}"]
    small = ["candidates=[retrieval]", "task.max_context=40", "task.max_answer=6"]
    folder = framework.run_recipe("dialogue", *given, *small, folder=tmp_path / "run")
    model = framework.load(folder)
    assert model.manifest.candidate == "retrieval"
    scores = model.manifest.evaluation.candidates
    assert scores["retrieval"]["chrf"] > scores["untuned"]["chrf"]
    assert not list((folder / "trials" / "untuned" / "fitted").rglob("*.safetensors"))  # no copy of the backbone
    lovely = model.predict(["the lovely flight"])[0]
    assert lovely["content"].split()[0] in WORDS
    heavy = ("torch", "transformers", "sklearn", "scipy", "pytorch_lightning")
    code = f"import sys\nfor name in {heavy!r}:\n    sys.modules[name] = None\n"
    code += f"import framework\nframework.load({str(folder)!r}).replay_golden()\n"
    subprocess.run([sys.executable, "-c", code], check=True)
    with serving(tmp_path / "served", folder) as server:
        body = {"messages": [{"role": "user", "content": "the lovely flight"}], "max_tokens": 1}
        answer = server.post("/v1/chat/completions", body).json()
    assert answer["choices"][0]["message"]["content"] == lovely["content"].split()[0]
    assert answer["usage"]["completion_tokens"] == 1
