"""Experiments with the provider, from the account page: let time pass, disturb webhooks, send them again."""

from __future__ import annotations

from purchase_core.errors import InvalidArgument
from purchase_sandbox.account.account import Account
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.chaos import Fault
from purchase_simulators.wire.spans import after

from .showing import day

STORM_PPM = {Fault.DUPLICATE: 500_000, Fault.REORDER: 500_000}
SPANS = {"day": "1day", "month": "1month"}


class Laboratory:
    """One account of a sandbox, to play with. Whatever is done, the shop ends in the right state."""

    def __init__(self, sandbox: Sandbox, account: Account) -> None:
        self._sandbox = sandbox
        self._account = account

    @property
    def now(self) -> str:
        """The provider's day."""
        return day(self._sandbox.clock.now())

    @property
    def mood(self) -> str:
        """Whether webhooks are disturbed."""
        return "Webhooks are duplicated and reordered." if self._sandbox.chaos.odds_ppm else ""

    @property
    def experiments(self) -> tuple[tuple[str, str], ...]:
        """Names and labels."""
        weather = "Leave webhooks alone" if self._sandbox.chaos.odds_ppm else "Duplicate and reorder webhooks"
        return (
            ("day", "One day later"),
            ("month", "One month later"),
            ("weather", weather),
            ("again", "Send every webhook again"),
        )

    async def run(self, experiment: str) -> None:
        """Do it. Raises InvalidArgument for one that is not known."""
        if experiment in SPANS:
            now = self._sandbox.clock.now()
            self._sandbox.advance(after(now, SPANS[experiment]) - now)
        elif experiment == "weather":
            self._change_the_weather()
        elif experiment == "again":
            for event in list(self._account.book.events):
                self._account.deliveries.redeliver(event.id)
        else:
            raise InvalidArgument(f"no experiment {experiment[:40]!r}")

    def _change_the_weather(self) -> None:
        calm = not self._sandbox.chaos.odds_ppm
        self._sandbox.chaos.clear()
        for fault, odds in STORM_PPM.items() if calm else ():
            self._sandbox.chaos.set(fault, odds)
