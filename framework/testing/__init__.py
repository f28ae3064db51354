"""The conformance kit: test classes that a plugin's tests inherit from, and for which they name a recipe.

class TestClassification(TaskConformance):
    recipe = "sentiment"

    def overrides(self, folder: Path) -> list[str]:
        return [f"data.train={write_rows(folder)}", f"model.name={tiny_model(folder)}"]
"""

from framework.testing.conformance import ExporterConformance, TaskConformance

__all__ = ["ExporterConformance", "TaskConformance"]
