"""OpenAI's chat interface: whole and streamed answers, through OpenAI's own client, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

import framework
from tests.server.serving import PATIENCE, Serving

HELLO: Any = [{"role": "user", "content": "the lovely flight"}]


PICTURE: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]}]
CALL: Any = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


@pytest.fixture
def client(chatting: Serving) -> OpenAI:
    return OpenAI(base_url=f"{chatting.url}/v1", api_key="none", max_retries=0, timeout=PATIENCE)


def test_openais_client_gets_the_same_answer_whole_and_streamed(client: OpenAI, talk: Path) -> None:
    whole = client.chat.completions.create(model="talk", messages=HELLO)
    expected = framework.load(talk).predict([{"messages": HELLO}])[0]
    assert whole.choices[0].message.content == expected["content"]
    assert whole.choices[0].finish_reason == expected["finish_reason"]
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (
        expected["prompt_tokens"],
        expected["completion_tokens"],
    )
    chunks = list(
        client.chat.completions.create(model="talk", messages=HELLO, stream=True, stream_options={"include_usage": True})
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == expected["content"]
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[-2].choices[0].finish_reason == expected["finish_reason"]
    assert chunks[-1].usage == whole.usage
    assert [model.id for model in client.models.list()] == ["talk", "tone"]


def test_streams_that_run_together_say_what_each_says_alone(client: OpenAI) -> None:
    texts = ["the lovely flight", "the awful seat door", "the blue bag the blue bag", "the door"]

    def streamed(text: str) -> str:
        chunks = client.chat.completions.create(model="talk", messages=[{"role": "user", "content": text}], stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    alone = [streamed(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(streamed, texts)) == alone


def test_max_tokens_stop_and_seed_are_kept(client: OpenAI) -> None:
    create = client.chat.completions.create
    short = create(model="talk", messages=HELLO, max_tokens=2)
    assert short.usage is not None
    assert short.usage.completion_tokens == 2
    assert short.choices[0].finish_reason == "length"
    words = (create(model="talk", messages=HELLO).choices[0].message.content or "").split()
    stopped = create(model="talk", messages=HELLO, stop=words[1])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == (words[0], "stop")
    drawn = [create(model="talk", messages=HELLO, temperature=2.0, seed=seed).choices[0].message.content for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    instructed: Any = [{"role": "system", "content": "the crew " * 40}, *HELLO]
    cut = create(model="talk", messages=instructed).usage
    assert cut is not None
    assert cut.model_extra == {"dropped_messages": 0, "shortened_messages": 1}
    huge = create(model="talk", messages=HELLO, max_tokens=1_000_000)
    assert huge.usage is not None
    assert huge.usage.total_tokens <= 46  # the window


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "unknown role 'robot'"),
        ({"messages": HELLO, "max_tokens": 0}, "max_tokens=0 must be"),
        ({"messages": HELLO, "n": 2}, "n is not supported: a request has one answer"),
        ({"messages": HELLO, "tools": [{"type": "function"}]}, "tools is not supported: no tools are offered"),
        ({"messages": HELLO, "functions": [{"name": "look"}]}, "functions is not supported: no tools are offered"),
        (
            {"messages": HELLO, "response_format": {"type": "json_object"}},
            "response_format is not supported: an answer is plain",
        ),
        ({"messages": HELLO, "logprobs": True, "top_logprobs": 2}, "top_logprobs is not supported: the odds of tokens are not"),
        ({"messages": HELLO, "modalities": ["audio"], "audio": {"voice": "x"}}, "audio is not supported: an answer is text"),
        ({"messages": PICTURE}, "message 1 holds a picture of the type 'image_url'; this model reads text alone"),
        ({"messages": [*HELLO, CALL, {"role": "tool", "content": "{}"}]}, "message 2 (assistant) calls a tool (tool_calls)"),
        ({"messages": HELLO, "temprature": 1}, "unknown key 'temprature'; did you mean temperature"),
        ({"message": HELLO}, "key messages"),
        ({"messages": HELLO, "stream": "no"}, "stream must be true or false"),
        ({"messages": HELLO, "stream_options": [1]}, "stream_options must be an object"),
    ],
)
def test_what_cannot_be_asked_is_explained_in_openais_form(chatting: Serving, body: Any, message: str) -> None:
    found = chatting.post("/v1/chat/completions", body)
    assert found.status_code == 400
    assert message in found.json()["error"]["message"]
    assert found.json()["error"]["type"] == "invalid_request_error"


def test_models_that_do_not_exist_or_hold_no_conversation_are_named(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="no model 'tolk'"):
        client.chat.completions.create(model="tolk", messages=HELLO)
    with pytest.raises(NotFoundError, match="tone holds no conversation"):
        client.chat.completions.create(model="tone", messages=HELLO)
    with pytest.raises(BadRequestError, match="the last message is the assistant's"):
        client.chat.completions.create(model="talk", messages=[*HELLO, {"role": "assistant", "content": "hi"}])


def test_a_model_is_retrieved_as_openais_client_expects(client: OpenAI) -> None:
    model = client.models.retrieve("talk")
    assert (model.id, model.object, model.owned_by) == ("talk", "model", "dialogue")
    assert 0 < time.time() - model.created < 24 * 3600
    assert client.models.list().data[0].created == model.created
    with pytest.raises(NotFoundError) as error:
        client.models.retrieve("tolk")
    assert "no model 'tolk'" in str(error.value.body)


def test_interfaces_of_another_form_say_where_to_ask(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="POST /v1/completions is not offered; POST /v1/chat/completions with") as error:
        client.completions.create(model="talk", prompt="hello")
    assert cast(Any, error.value.body)["type"] == "not_found_error"
    with pytest.raises(NotFoundError, match="POST /v1/responses is not offered; POST /v1/chat/completions with"):
        client.responses.create(model="talk", input="hello")
    with pytest.raises(NotFoundError, match="no model served here gives vectors"):
        client.embeddings.create(model="talk", input="hello")


def test_a_late_system_message_is_joined_to_the_first_as_in_training(client: OpenAI) -> None:
    late: Any = {"role": "system", "content": "the crew"}
    answers = [client.chat.completions.create(model="talk", messages=found) for found in ([late, *HELLO], [*HELLO, late])]
    assert answers[0].usage == answers[1].usage
    assert answers[0].choices == answers[1].choices


def test_the_interface_says_what_is_asked_and_answered(chatting: Serving) -> None:
    from jsonschema import Draft4Validator

    document = chatting.get("/openapi.json").json()
    operation = document["paths"]["/v1/chat/completions"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    request = Draft4Validator({**body["schema"], "components": document["components"]})
    for given in (body["example"], {"messages": HELLO}, {"messages": HELLO, "temperature": 0.5, "user": "me", "n": 1}):
        request.validate(given)
        assert chatting.post("/v1/chat/completions", given).status_code == 200
    assert not any(map(request.is_valid, [{"messages": []}, {"messages": HELLO, "n": 2}, {"messages": HELLO, "topp": 1}]))
    assert {"application/json", "text/event-stream"} == operation["responses"]["200"]["content"].keys()
    schemas = document["components"]["schemas"]
    answer = chatting.post("/v1/chat/completions", {"messages": HELLO}).json()
    Draft4Validator({**schemas["chat-response"], "additionalProperties": False}).validate(answer)
    refusal = chatting.post("/v1/chat/completions", {"messages": []}).json()
    Draft4Validator({**schemas["chat-error"], "additionalProperties": False}).validate(refusal)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_what_the_docs_show_works(chatting: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text("utf-8").replace("localhost:8000", chatting.url[7:])
    (curl,) = re.findall(r"^    (curl .*/v1/chat/completions .*)$", page, re.MULTILINE)
    said = subprocess.run([*shlex.split(curl), "-s"], check=True, capture_output=True, text=True).stdout
    assert said.endswith("data: [DONE]\n\n")
    block = next(found for found in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "OpenAI" in found)
    exec(compile(block.replace('"dialogue"', '"talk"'), "docs/serving.md", "exec", dont_inherit=True), {"__name__": "docs"})
    pieces = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: {")]
    assert capsys.readouterr().out == "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces) != ""


def test_streams_are_events_that_end_with_done_and_the_log_names_no_text(chatting: Serving) -> None:
    found = chatting.post("/v1/chat/completions", {"messages": HELLO, "stream": True}, headers={"X-Request-Id": "mine-1"})
    assert found.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in found.text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[0].removeprefix("data: "))["choices"][0]["delta"]["role"] == "assistant"
    assert chatting.logged(request_id="mine-1")["model"] == "talk"
    assert "lovely" not in chatting.out.read_text("utf-8")


def test_tokens_are_counted(client: OpenAI, chatting: Serving) -> None:
    before = chatting.metric("framework_chat_completion_tokens_total", model="talk")
    usage = client.chat.completions.create(model="talk", messages=HELLO).usage
    assert usage is not None
    assert chatting.metric("framework_chat_completion_tokens_total", model="talk") == before + usage.completion_tokens
    assert chatting.metric("framework_chat_prompt_tokens_total", model="talk") >= usage.prompt_tokens
