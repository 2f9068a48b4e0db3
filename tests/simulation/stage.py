"""A stage for single scenes: the simulator's world, in which nothing goes wrong unless the scene says so."""

from __future__ import annotations

from typing import Any

from purchase_core.billing import Billing
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation.asking import DONE, Ask, Cart
from purchase_core.testing.simulation.chance import Chance
from purchase_core.testing.simulation.checks import when_settled
from purchase_core.testing.simulation.faults import Faults
from purchase_core.testing.simulation.scenario import Scenario
from purchase_core.testing.simulation.settling import settle
from purchase_core.testing.simulation.world import World


def stage(*connections: str) -> World:
    """A world that sells through these connections: "stripe", "paddle" or both."""
    for seed in range(1_000):
        world = World(Scenario(policy=None), seed, MemoryStore(), Chance(seed), Faults.NONE)
        if tuple(world.accounts) == connections and world.mode == "inline" and not world.shares_address:
            return world
    raise AssertionError(f"no world sells through {connections}")


def asked(world: World, work: Any, process: int = 0) -> Any:
    """What a process answers, or the error that it raises, told as it is."""
    told: list[Any] = []
    activity = world.activity(
        lambda one: work(one.billing), lambda *outcome: told.extend(outcome), world.processes[process]
    )
    world.run(activity)
    result, error = told
    if error is not None:
        raise error
    return result


def started(world: World, **other: Any) -> Any:
    """A checkout of ana's."""
    wish: dict[str, Any] = {
        "customer": "ana",
        "offer": "book:full",
        "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart",
        "idempotency_key": "cart-0",
        **other,
    }
    checkout = asked(world, lambda billing: billing.checkout.start(**wish))
    number = int(wish["idempotency_key"].rpartition("-")[2])
    if number not in [cart.number for cart in world.carts]:  # so that the oracle knows of it
        ask = Ask("", lambda billing: billing.checkout.start(**wish), lambda known: known.id, state=DONE)
        page = (checkout.connection, checkout.session)
        world.carts.append(
            Cart(number, wish["customer"], wish["offer"], wish.get("quantity", 1), ask, [page])
        )
    return checkout


def delivered(world: World) -> None:
    """Everything that waits is delivered."""
    for post in world.posts.values():
        post.collect()
        while post.waiting:
            world.run(world.deliver(post, post.waiting[0]))


def ended(world: World) -> list[str]:
    """What is found once faults have stopped."""
    settle(world)
    when_settled(world, thoroughly=True)
    return [str(one) for one in world.problems]


__all__ = ["Billing", "asked", "delivered", "ended", "stage", "started"]
