"""Published results on the proposed split with ResNet-101 features, for comparison with runs on exactly the same."""

from typing import NamedTuple

from jzsl.types import Setting

FEATURES, SPLITS = "res101", "att_splits"
"""The files of the xlsa17 benchmark that these results are of."""


class Published(NamedTuple):
    """One result of a paper.

    Attributes:
        setting: as a run names it.
        method: with what is different from ours.
        metric: T1 or H.
        percent: by the name of the data.
    """

    setting: str
    method: str
    metric: str
    percent: dict[str, float]


def _row(setting: str, method: str, metric: str, *percent: float) -> Published:
    return Published(setting, method, metric, dict(zip(("AWA2", "CUB", "SUN"), percent, strict=True)))


_INDUCTIVE, _SEPARATE, _STRICT = (
    setting.value for setting in (Setting.inductive, Setting.transductive, Setting.strict)
)

PUBLISHED = (
    _row(_INDUCTIVE, "ABP (epoch chosen on test)", "T1", 70.4, 58.5, 61.5),
    _row(_INDUCTIVE, "f-CLSWGAN", "T1", 66.9, 57.3, 60.8),
    _row(_INDUCTIVE, "TF-VAEGAN", "T1", 72.2, 64.9, 66.0),
    _row(_INDUCTIVE, "ABP (epoch chosen on test)", "H", 62.6, 50.6, 40.6),
    _row(_INDUCTIVE, "TF-VAEGAN", "H", 66.6, 58.1, 43.0),
    _row(_SEPARATE, "STHS-S2V", "T1", 91.4, 71.2, 70.9),
    _row(_SEPARATE, "STHS-WGAN", "T1", 94.9, 77.4, 67.5),
    _row(_SEPARATE, "TF-VAEGAN", "T1", 92.6, 74.7, 70.9),
    _row(_SEPARATE, "Bi-VAEGAN (true class prior given)", "T1", 95.8, 76.8, 74.2),
    _row(_SEPARATE, "STHS-S2V", "H", 91.8, 72.8, 54.8),
    _row(_SEPARATE, "STHS-WGAN", "H", 93.6, 75.9, 53.9),
    _row(_SEPARATE, "Bi-VAEGAN", "H", 90.4, 71.5, 54.1),
    _row(_STRICT, "STHS-GZSL", "H", 83.2, 66.2, 40.2),
)


def comparable(setting: str, data: str, features: str, splits: str) -> list[Published]:
    """The results whose setting, data, features and split are those of a run."""
    if features != FEATURES or splits != SPLITS:
        return []
    return [row for row in PUBLISHED if row.setting == setting and data.upper() in row.percent]
