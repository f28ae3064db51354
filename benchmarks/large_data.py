"""Peak memory of a whole run of a tiny model on a CSV of made-up texts, beside that of the same run on 1,000 rows.

    python benchmarks/large_data.py --rows 1000000

One epoch, from the CSV to the sealed artifact. The small run needs memory for the libraries and the model; the difference to
the large run is the memory for the data.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from transformers import BertConfig, BertModel

from benchmarks.machine import heading
from benchmarks.process import Cost, sentiment_run
from benchmarks.recipe import ALONE, backbone
from benchmarks.synthetic import write_csv
from framework import Section
from framework.report.console import as_text
from framework_text.backbones import load_tokenizer

FEW = 1000  # rows of the small run
LENGTH = 128  # tokens, as in the recipe
SETTINGS = (ALONE, "trainer.max_epochs=1", "trainer.enable_progress_bar=false", "export=[onnx]", "tracker=none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the CSV (default 1,000,000)")
    options = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_model(folder / "model")
        costs = {rows: run(folder, rows) for rows in (FEW, options.rows)}
    print(as_text(table(costs)))


def tiny_model(folder: Path) -> None:
    """A random BERT of two narrow layers, with the packaged backbone's tokenizer."""
    tokenizer = load_tokenizer(backbone(), LENGTH)
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=LENGTH,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)


def run(folder: Path, rows: int) -> Cost:
    path = folder / f"{rows}.csv"
    write_csv(path, rows)
    return sentiment_run(folder / f"run-{rows}", f"data.train={path}", f"model.name={folder / 'model'}", *SETTINGS)


def table(costs: dict[int, Cost]) -> Section:
    base = costs[FEW].peak
    rows = [
        (f"{count:,}", f"{cost.seconds:.0f}", f"{cost.peak / 1e6:,.0f}", f"{(cost.peak - base) / 1e6:,.0f}")
        for count, cost in costs.items()
    ]
    note = "Target: 1,000,000 rows in less than 2,000 MB beyond the model and the libraries."
    return Section("One epoch of a tiny model", ("rows", "seconds", "peak MB", f"MB beyond {FEW:,} rows"), rows, note)


if __name__ == "__main__":
    main()
