"""The sheet of one decision: what each candidate's standing is, while the steps go over it."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.ports.router import Candidate, RouteRequest
from purchase_core.routing.policy import Policy, Rule, Terms

PLAIN = Terms()


class Standing:
    """One candidate's standing. Lower ranks come first; a higher score does, among equal ranks."""

    __slots__ = (
        "candidate", "excluded", "health_rank", "notes", "place", "prefer_rank", "propensity", "score",
        "scores", "share_rank", "step", "sticky_rank", "terms",
    )  # fmt: skip

    def __init__(self, candidate: Candidate, place: int, terms: Terms) -> None:
        self.candidate = candidate
        self.place = place
        self.terms = terms
        self.excluded = ""
        self.step = ""
        self.health_rank = self.sticky_rank = self.prefer_rank = self.share_rank = 0
        self.score = 0.0
        self.scores: tuple[tuple[str, float], ...] = ()
        self.propensity = 0.0
        self.notes: list[str] | None = None

    def exclude(self, step: str, reason: str) -> None:
        """Leave the candidate out."""
        self.step, self.excluded = step, reason

    def note(self, text: str) -> None:
        """Say what else played a part."""
        self.notes = [*(self.notes or ()), text]


class Sheet:
    """A request, a policy, and the standings. `live` are those not excluded; each step goes over them.

    `rule` is the rule that applies, once the rules have been read; `dealt` the probability of being drawn
    first, by connection, once a share has been dealt.
    """

    __slots__ = ("dealt", "live", "policy", "refused", "request", "rule", "standings")

    def __init__(self, policy: Policy, request: RouteRequest, candidates: Sequence[Candidate]) -> None:
        self.policy = policy
        self.request = request
        known = policy.connections
        self.standings = [
            Standing(one, place, known.get(one.connection, PLAIN)) for place, one in enumerate(candidates)
        ]
        self.live = self.standings
        self.rule: Rule | None = None
        self.dealt: dict[str, float] = {}
        self.refused = ""

    def sift(self) -> None:
        """Take those that were excluded off the live ones."""
        self.live = [one for one in self.live if not one.excluded]

    @property
    def salt(self) -> str:
        """What chances are seeded with."""
        return self.policy.salt or self.policy.name
