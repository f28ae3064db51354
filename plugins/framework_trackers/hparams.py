"""Makes summaries for TensorBoard's HPARAMS page, which shows settings beside results.

TensorBoard's own functions for them need TensorFlow or torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

Plain = bool | int | float | str


def summaries(settings: Mapping[str, Plain], metrics: Mapping[str, float]) -> Iterator[Summary]:
    """The columns of the page, and the settings of one run.

    The page reads the values of the metrics from the scalars of the same names, which the caller must write.
    """
    experiment, session = Experiment(), SessionStartInfo()
    experiment.metric_infos.extend(MetricInfo(name=MetricName(tag=name)) for name in metrics)
    for name, value in settings.items():
        if isinstance(value, bool):  # checked first, since a bool is an int, too
            kind, session.hparams[name].bool_value = DATA_TYPE_BOOL, value
        elif isinstance(value, str):
            kind, session.hparams[name].string_value = DATA_TYPE_STRING, value
        else:
            kind, session.hparams[name].number_value = DATA_TYPE_FLOAT64, value
        experiment.hparam_infos.append(HParamInfo(name=name, type=kind))
    end = SessionEndInfo(status=STATUS_SUCCESS)
    yield _summary(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))
    yield _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=session))
    yield _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


def _summary(tag: str, content: HParamsPluginData) -> Summary:
    about = metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=about)])
