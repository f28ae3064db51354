"""Fine-tunes a pretrained encoder under any head: a class for each text, for each token, or for each of several places.

These are the public names for plugins; docs/encoders.md shows a head of your own. Importing this package imports torch, so
candidates import it within `fit` and `open`.
"""

from framework_text.encoder.batches import EncoderBatches
from framework_text.encoder.graph import TOLERANCE, encoder_graph
from framework_text.encoder.learning import Examples, Learned, fine_tune, plan_of, predict
from framework_text.encoder.module import EncoderModule, LabelProbabilities, Probabilities
from framework_text.encoder.network import named_labels, new_network, open_network, save_network, shape
from framework_text.familiar_module import FamiliarClassifier, Familiarity
from framework_text.probe import Probing, fit_head, fit_whole_head, head_inputs
from framework_text.sentence import SentenceClassifier, pools_by_mean
from framework_text.tokens import (
    IGNORED,
    Batch,
    EncodedRows,
    Target,
    TokenCollator,
    TokenizedRows,
    batches,
    describe,
    in_order,
)

__all__ = [
    "IGNORED",
    "TOLERANCE",
    "Batch",
    "EncodedRows",
    "EncoderBatches",
    "EncoderModule",
    "Examples",
    "FamiliarClassifier",
    "Familiarity",
    "LabelProbabilities",
    "Learned",
    "Probabilities",
    "Probing",
    "SentenceClassifier",
    "Target",
    "TokenCollator",
    "TokenizedRows",
    "batches",
    "describe",
    "encoder_graph",
    "fine_tune",
    "fit_head",
    "fit_whole_head",
    "head_inputs",
    "in_order",
    "named_labels",
    "new_network",
    "open_network",
    "plan_of",
    "pools_by_mean",
    "predict",
    "save_network",
    "shape",
]
