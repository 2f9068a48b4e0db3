"""Which providers there are on this machine. Only what is asked for is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from purchase_core.errors import InvalidArgument

if TYPE_CHECKING:
    from purchase_simulators.wire.local import LocalProvider

HOMES = {
    "sandbox": "purchase_sandbox.local:LocalSandbox",
    "stripe": "purchase_simulators.stripe.local:LocalStripe",
    "paddle": "purchase_simulators.paddle.local:LocalPaddle",
}
PROVIDERS = tuple(HOMES)


def local_provider(name: str) -> type[LocalProvider]:
    """The provider of this name, to be made and served. Raises InvalidArgument."""
    if name not in HOMES:
        raise InvalidArgument(f"no provider {name!r}", hint=f"There are {', '.join(PROVIDERS)}.")
    module, _, found = HOMES[name].partition(":")
    return cast("type[LocalProvider]", getattr(import_module(module), found))
