"""Alerts: which numbers somebody should be woken by, or look at tomorrow, and where it says what to do."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.operations.metrics import Sample
from purchase_core.values import Value

RUNBOOKS = "docs/operations/runbooks.md"
PAGE, TICKET = "page", "ticket"  # wake somebody; look at it in working hours
MINUTE, HOUR = 60, 3_600


class Alert(Value, frozen=True):
    """Fires while a metric, where it has these labels, is above a number for `for_seconds`.

    `severity` is PAGE or TICKET.
    """

    name: str
    metric: str
    above: int
    for_seconds: int
    severity: str
    summary: str
    where: tuple[tuple[str, str], ...] = ()

    @property
    def expression(self) -> str:
        """The same, as Prometheus asks for it."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.where)
        return f"{self.metric}{{{labels}}} > {self.above}" if labels else f"{self.metric} > {self.above}"

    @property
    def runbook(self) -> str:
        """Where it says what to do."""
        return f"{RUNBOOKS}#{self.name.lower()}"

    def means(self, sample: Sample) -> bool:
        """Whether it fires at a number, once that has lasted."""
        meant = sample.name == self.metric and set(self.where) <= set(sample.labels)
        return meant and sample.value > self.above


ALERTS = (
    Alert(
        "PurchaseInboxBehind",
        "purchase_inbox_oldest_seconds",
        5 * MINUTE,
        5 * MINUTE,
        PAGE,
        "Deliveries wait, and nobody works them off fast enough.",
    ),
    Alert(
        "PurchaseWorkersDie",
        "purchase_inbox_abandoned",
        0,
        10 * MINUTE,
        PAGE,
        "Workers took deliveries, and were never heard of again.",
    ),
    Alert(
        "PurchaseQuarantined",
        "purchase_inbox_quarantined",
        0,
        MINUTE,
        PAGE,
        "Deliveries cannot be worked off.",
    ),
    Alert(
        "PurchaseOutcomeUnknown",
        "purchase_commands_oldest_seconds",
        HOUR,
        MINUTE,
        PAGE,
        "Nobody knows whether a command happened.",
        (("state", "unknown"),),
    ),
    Alert(
        "PurchaseSubscriberStuck",
        "purchase_subscriber_lanes",
        0,
        MINUTE,
        PAGE,
        "A subscriber refuses what it is told.",
        (("state", "stuck"),),
    ),
    Alert(
        "PurchaseSubscriberBehind",
        "purchase_subscriber_oldest_seconds",
        15 * MINUTE,
        5 * MINUTE,
        TICKET,
        "A subscriber is told late of what happened.",
        (("state", "waiting"),),
    ),
    Alert(
        "PurchaseCaseOpen",
        "purchase_cases_open",
        0,
        MINUTE,
        TICKET,
        "Money or state is not as it was ordered.",
    ),
    Alert(
        "PurchaseReconcileStale",
        "purchase_reconcile_age_seconds",
        3 * HOUR,
        10 * MINUTE,
        TICKET,
        "A provider has not been asked for a while what happened.",
        (("pass", "events"),),
    ),
    Alert(
        "PurchaseWebhooksMissed",
        "purchase_reconcile_missed",
        0,
        MINUTE,
        TICKET,
        "A provider has events that never arrived here.",
    ),
    Alert(
        "PurchaseVanished",
        "purchase_reconcile_left",
        0,
        MINUTE,
        TICKET,
        "What is live here is unknown to its provider.",
        (("what", "vanished"),),
    ),
    Alert(
        "PurchaseCircuitOpen",
        "purchase_circuit_open",
        0,
        5 * MINUTE,
        TICKET,
        "A provider seems to be down, and gets no checkouts.",
    ),
)
"""All of them: where to begin. An application knows best what it wants to be woken by."""


def firing(samples: Sequence[Sample]) -> list[tuple[Alert, Sample]]:
    """What fires at these numbers, should they last."""
    return [(alert, sample) for alert in ALERTS for sample in samples if alert.means(sample)]


def rules(alerts: Sequence[Alert] = ALERTS) -> str:
    """A file of rules for Prometheus. What is quoted in it is plain text of ours."""
    lines = ["groups:", "- name: purchase", "  rules:"]
    for one in alerts:
        lines += [
            f"  - alert: {one.name}",
            f"    expr: '{one.expression}'",
            f"    for: {one.for_seconds}s",
            "    labels:",
            f"      severity: {one.severity}",
            "    annotations:",
            f"      summary: {one.summary}",
            f"      runbook: {one.runbook}",
        ]
    return "\n".join(lines) + "\n"
