"""Conditions: which values of an attribute a rule is for. Each is a set of values."""

from __future__ import annotations

from typing import TypeAlias

from purchase_core.values import Value


class OneOf(Value, frozen=True, tag="one_of"):
    """Text that is one of these."""

    values: tuple[str, ...]


class NoneOf(Value, frozen=True, tag="none_of"):
    """Text that is none of these."""

    values: tuple[str, ...]


class Between(Value, frozen=True, tag="between"):
    """A whole number from `least` to `most`, both included; None: no bound."""

    least: int | None = None
    most: int | None = None


class Is(Value, frozen=True, tag="is"):
    """A yes or no."""

    value: bool


Condition: TypeAlias = OneOf | NoneOf | Between | Is
Scalar: TypeAlias = str | int | bool


def holds(condition: Condition, value: Scalar) -> bool:
    """Whether the value is in the set."""
    match condition:
        case OneOf():
            return value in condition.values
        case NoneOf():
            return value not in condition.values
        case Between():
            number = int(value)
            return (condition.least is None or number >= condition.least) and (
                condition.most is None or number <= condition.most
            )
        case Is():
            return value is condition.value
