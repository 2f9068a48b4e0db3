"""How metrics are written down: in the text formats of Prometheus and of OpenMetrics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from purchase_core.operations.metrics import METRICS, Sample

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def exposition(samples: Sequence[Sample], *, openmetrics: bool = False) -> str:
    """The text of samples that come in the order of METRICS."""
    lines = []
    for name, group in groupby(samples, key=lambda one: one.name):
        lines += [f"# HELP {name} {METRICS[name]}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(one)} {one.value}" for one in group]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _labels(sample: Sample) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
