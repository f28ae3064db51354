"""The server under load: start, memory, requests/s against the bare session and other servers, latency, swaps.

    python benchmarks/serving.py runs/sentiment/latest
    python benchmarks/serving.py runs/sentiment/latest --rivals fastapi litserve --rounds 2
    python benchmarks/serving.py runs/sentiment/latest --swap runs/banking77 runs/clinc150 --minutes 10

Client and server share the machine. Needs wrk (apt install wrk); the rivals need fastapi and litserve. The bare session gets
the same texts, tokenized beforehand, in batches of 32 of similar length, without HTTP and JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx

import framework
from benchmarks.machine import heading
from benchmarks.recipe import tweets
from framework import Section
from framework.artifact.sealed import find_artifact
from framework.report.console import as_text
from framework.runtime.model import Model
from framework.runtime.padding import join

SHORT = 60  # characters of a text, at most
TEXTS = 512
CLIENTS = 64
BLOCK = 64  # texts of one turn
KEY = "benchmark-key-0123456789"
SCRIPT = """
local bodies = {{{bodies}}}
local next_body = 0
request = function()
  next_body = next_body % #bodies + 1
  return wrk.format("POST", "/v1/predict", {{["Content-Type"] = "application/json"}}, bodies[next_body])
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", help="a run of the sentiment recipe")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (default 3)")
    parser.add_argument("--seconds", type=int, default=10, help="of load in a turn (default 10)")
    parser.add_argument("--rivals", nargs="*", default=[], choices=("fastapi", "litserve"), help="others to compare with")
    parser.add_argument("--swap", metavar="RUN", nargs="+", help="other runs: swapped in turn under mixed load, every 10 s")
    parser.add_argument("--minutes", type=float, default=1, help="of that load (default 1)")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not on PATH; apt install wrk")
    print(heading(), flush=True)
    texts = [text for text in tweets(20 * TEXTS) if len(text) <= SHORT][:TEXTS]
    if options.swap:
        print(as_text(mixed_load(options.run, options.swap, texts, options.minutes)))
        return
    print(as_text(start(options.run, texts)) + "\n", flush=True)
    print(as_text(latency(options.run, texts)) + "\n", flush=True)
    print(as_text(overload(options.run, texts, options.seconds)) + "\n", flush=True)
    print(as_text(throughput(options.run, texts, options.rivals, options.rounds, options.seconds)))


@contextmanager
def server(*command: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """A server's address, its process, and the seconds from its start to its first answer."""
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *(part.replace("PORT", str(port)) for part in command)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.post(f"{url}/v1/predict", json={"inputs": "hello"}, headers=_key(env), timeout=30).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.perf_counter() - started > 120:
                assert process.stderr is not None
                sys.exit(f"error: {command} did not start: {process.stderr.read().decode()}")
            time.sleep(0.005)
        yield url, process, time.perf_counter() - started
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # LitServe leaves its workers


def ours(run: str, *more: str) -> tuple[str, ...]:
    return ("-m", "framework", "serve", f"model={run}", "--port", "PORT", *more)


def start(run: str, texts: Sequence[str]) -> Section:
    seconds, first, later = [], 0.0, 0.0
    for _ in range(5):
        with server(*ours(run)) as (url, process, took):
            seconds.append(took)
            first = _megabytes(process.pid)
            with httpx.Client(base_url=url) as client:
                for begin in range(0, len(texts), 32):
                    client.post("/v1/predict", json={"inputs": texts[begin : begin + 32]}).raise_for_status()
            later = _megabytes(process.pid)
    rows = [(f"{statistics.median(seconds):.2f}", f"{first:.0f}", f"{later:.0f}")]
    header = ("seconds to the first answer", "resident MB then", f"resident MB after {len(texts)} texts")
    return Section(
        "Start of the process to its first answered request, median of 5", header, rows, "Targets: < 1.5 s, < 300 MB"
    )


def latency(run: str, texts: Sequence[str]) -> Section:
    """One client on one connection, and the bare session on the same texts, alternately."""
    model = framework.load(run)
    calls = [model.scheduler.start(model.codec.parse(text)).waiting for text in texts]
    http, bare = [], []
    with server(*ours(run)) as (url, _, _):
        client = HTTPConnection(url.removeprefix("http://"))
        for begin in range(0, len(texts), BLOCK):
            for text in texts[begin : begin + BLOCK]:
                body, begun = json.dumps({"inputs": text}), time.perf_counter()
                client.request("POST", "/v1/predict", body)
                client.getresponse().read()
                http.append(time.perf_counter() - begun)
            for call in calls[begin : begin + BLOCK]:
                begun = time.perf_counter()
                model.scheduler.backend.run(call.graph, call.feeds)
                bare.append(time.perf_counter() - begun)
            time.sleep(0.2)  # until onnxruntime's threads in this process stop spinning
    pair = [1000 * statistics.median(values) for values in (http, bare)]
    rows = [
        (f"{pair[0]:.2f}", f"{pair[1]:.2f}", f"{pair[0] - pair[1]:.2f}", f"{1000 * statistics.quantiles(http, n=100)[98]:.2f}")
    ]
    header = ("median ms over HTTP", "median ms of session.run", "difference", "99th percentile over HTTP")
    return Section("One client, one text at a time", header, rows, "Target: a difference of at most 2 ms")


def throughput(run: str, texts: Sequence[str], rivals: Sequence[str], rounds: int, seconds: int) -> Section:
    model = framework.load(run)
    rates: dict[str, list[float]] = {"bare session, batches of 32": [], "serve": [], **{name: [] for name in rivals}}
    failed = dict.fromkeys(rates, 0)
    for _ in range(rounds):
        rates["bare session, batches of 32"].append(_bare(model, texts, seconds))
        for name in ("serve", *rivals):
            command = ours(run) if name == "serve" else (str(Path(__file__).with_name("rivals.py")), name, run, "PORT")
            with server(*command) as (url, _, _):
                _wrk(url, texts, 2)
                rate, errors = _wrk(url, texts, seconds)
                rates[name].append(rate)
                failed[name] += errors
    own = statistics.median(rates["serve"])
    rows = [
        (
            name,
            f"{(rate := statistics.median(turns)):.0f}",
            f"{own / rate:.2f}",
            failed[name],
            " ".join(f"{each:.0f}" for each in turns),
        )
        for name, turns in rates.items()
    ]
    note = (
        f"{CLIENTS} clients of wrk, single texts of at most {SHORT} characters. "
        "The pipelines run in fp32, as they come. Targets: 0.75 of the bare session, 5x fastapi, 3x litserve"
    )
    return Section("Requests a second", ("", "texts/s", "serve is x times", "failed", "each turn"), rows, note)


def _bare(model: Model, texts: Sequence[str], seconds: float) -> float:
    """Texts/s of ``session.run`` alone: tokenized, batched by length and padded before the clock starts."""
    jobs = sorted((model.scheduler.start(model.codec.parse(text)) for text in texts), key=lambda job: job.size.longest)
    (graph,) = model.scheduler.graphs.values()
    feeds = []
    for begin in range(0, len(jobs), 32):
        calls = [job.waiting.feeds for job in jobs[begin : begin + 32]]
        places = [[place] for place in range(len(calls))]
        feeds.append({tensor.name: join(tensor, calls, places) for tensor in graph.inputs})
    begun, done = time.perf_counter(), 0
    while (took := time.perf_counter() - begun) < seconds:
        for batch in feeds:
            model.scheduler.backend.run(graph.name, batch)
        done += len(texts)
    return done / took


def _wrk(url: str, texts: Sequence[str], seconds: int) -> tuple[float, int]:
    """Requests a second, and how many failed."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        bodies = ", ".join(f"[==[{json.dumps({'inputs': text})}]==]" for text in texts)
        script.write(SCRIPT.format(bodies=bodies))
        script.flush()
        command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate is not None, output
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return float(rate[1]), int(bad[1] if bad else 0) + sum(map(int, broken.groups() if broken else ()))


def mixed_load(run: str, others: Sequence[str], texts: Sequence[str], minutes: float) -> Section:
    """Single texts and lists of many lengths from 16 clients, while the server swaps between artifacts every 10 s.

    With three artifacts every swap opens a model anew, as the server keeps only the current and the previous one.
    """
    artifacts = [find_artifact(path).resolve() for path in (run, *others)]
    clients = [Client(number, texts) for number in range(16)]
    memory: list[tuple[float, float]] = []
    key = {"FRAMEWORK_API_KEY": KEY}
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "latest"
        link.symlink_to(artifacts[0])
        with server(*ours(str(link)), env=key) as (url, process, _):
            threads = [threading.Thread(target=client.run, args=(url,)) for client in clients]
            for thread in threads:
                thread.start()
            begun, swaps = time.perf_counter(), 0
            while (now := time.perf_counter() - begun) < 60 * minutes:
                memory.append((now, _megabytes(process.pid)))
                if now >= 10 * (swaps + 1):
                    fresh = link.with_name("fresh")
                    fresh.symlink_to(artifacts[(swaps + 1) % len(artifacts)])
                    fresh.replace(link)
                    httpx.post(f"{url}/admin/swap", headers=_key(key), timeout=60).raise_for_status()
                    swaps += 1
                time.sleep(0.5)
            for client in clients:
                client.stop = True
            for thread in threads:
                thread.join()
    first = statistics.mean(value for at, value in memory if 30 <= at < 90)
    last = statistics.mean(value for at, value in memory if at >= 60 * minutes - 60)
    statuses = sum((client.statuses for client in clients), Counter())
    failed = sum(count for status, count in statuses.items() if status != 200)
    seen = len(set().union(*(client.versions for client in clients)))
    rows = [(sum(statuses.values()), failed, swaps, seen, f"{first:.0f}", f"{last:.0f}", f"{last / first - 1:+.1%}")]
    header = ("requests", "failed", "swaps", "versions seen", "MB, first minute", "MB, last minute", "change")
    note = "The first minute begins after 30 s, when two models have been opened. Targets: none failed, within 5 %"
    return Section(f"{minutes:g} minutes of mixed load", header, rows, note)


class Client:
    """One connection of mixed load. statuses: counts by status, 0 for a broken connection. versions: that answered."""

    def __init__(self, number: int, texts: Sequence[str]) -> None:
        self.turn, self.texts = number, texts
        self.statuses: Counter[int] = Counter()
        self.versions: set[str] = set()
        self.stop = False

    def run(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60, headers=_key({"FRAMEWORK_API_KEY": KEY})) as client:
            while not self.stop:
                size = (1, 1, 1, 8, 40)[self.turn % 5]
                inputs = [self.texts[(self.turn * 7 + i) % len(self.texts)] * (1 + self.turn % 4) for i in range(size)]
                self.turn += 1
                try:
                    response = client.post("/v1/predict", json={"inputs": inputs})
                except httpx.HTTPError:
                    self.statuses[0] += 1
                    continue
                self.statuses[response.status_code] += 1
                if response.status_code == 200:
                    self.versions.add(response.json()["version"])


def overload(run: str, texts: Sequence[str], seconds: int) -> Section:
    """Lists of long texts from 200 clients against a short queue: most are refused, and memory does not grow."""
    with server(*ours(run, "--max-queue", "512")) as (url, process, _):
        with httpx.Client(base_url=url, timeout=60) as client:
            for _ in range(20):
                client.post("/v1/predict", json={"inputs": [" ".join(texts)[:20_000]] * 40}).raise_for_status()
        before = _megabytes(process.pid)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            body = json.dumps({"inputs": [" ".join(texts)[:20_000]] * 40})
            script.write(SCRIPT.format(bodies=f"[==[{body}]==]"))
            script.flush()
            command = ["wrk", "-t1", "-c200", f"-d{seconds}s", "--timeout", "60s", "-s", script.name, url]
            subprocess.run(command, capture_output=True, check=True)
        after = _megabytes(process.pid)
        metrics = httpx.get(f"{url}/metrics").text
    statuses = dict(
        re.findall(r'framework_requests_total{endpoint="predict",model="model",status="(\d+)"} ([\d.e+]+)', metrics)
    )
    rows = [
        (
            " ".join(f"{status}: {float(count):.0f}" for status, count in sorted(statuses.items())),
            f"{before:.0f}",
            f"{after:.0f}",
        )
    ]
    note = "200 clients, 40 inputs of 20,000 characters in each request; a queue of 512 inputs. 499: wrk left at its end"
    return Section("Overload", ("answers by status", "MB before", "MB after"), rows, note)


def _key(env: dict[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {env['FRAMEWORK_API_KEY']}"} if env else {}


def _megabytes(process: int) -> float:
    """Resident memory of a process and its children."""
    resident = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    children: list[Any] = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return (int(resident[1]) / 1000 if resident else 0.0) + sum(_megabytes(int(child)) for child in children)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
