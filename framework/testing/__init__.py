"""The conformance kit: tests of a plugin inherit these classes and name a recipe.

class TestClassification(TaskConformance):
    recipe = "sentiment"

    def overrides(self, folder: Path) -> list[str]:
        return [f"data.train={write_rows(folder)}", f"model.name={tiny_model(folder)}"]
"""

from framework.testing.conformance import ExporterConformance, TaskConformance

__all__ = ["ExporterConformance", "TaskConformance"]
