"""The report of a run: one page for people, the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from omegaconf import OmegaConf

from framework.contracts import Evaluation
from framework.disk import whole
from framework.evaluation import verdict
from framework.job import Job
from framework.variants import Variants


def write_report(job: Job, scores: Mapping[str, Evaluation], variants: Variants) -> None:
    """report.html and report.json in the run's folder. The first line says whether the model beats its baselines."""
    content: dict[str, Any] = {
        "verdict": verdict(job, scores),
        "recipe": job.recipe,
        "task": job.task.name,
        "metrics": {name: score.metrics for name, score in scores.items()},
        "decisions": {measured.name: measured.decision for measured in variants.all},
        "files": {m.name: m.facts() for m in [variants.reference, *variants.all]},
        "verified": variants.checks,
        "sections": [asdict(section) for section in sorted(job.console.sections, key=lambda section: not section.leads)],
        "config": OmegaConf.to_container(job.config, resolve=True),
    }
    with whole(job.folder / "report.json") as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
    environment = Environment(loader=PackageLoader("framework"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("report.html").render(**content, yaml=OmegaConf.to_yaml(job.config, resolve=True))
    with whole(job.folder / "report.html") as file:
        file.write_text(page, encoding="utf-8")
