"""Matching: who a customer at the provider is here, and how sure that is.

What a person has decided counts. Else our own reference in the metadata is the surest, then a link that is
kept already, then what the operator says in a map, then a metadata field of the application's own; and they
must agree. An e-mail address is no proof: whoever has it may be another. What is not certain is a doubt,
and a doubt links nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from purchase_core.values import Value

DECIDED, REFERENCE, LINK, MAP, FIELD = "decided", "reference", "link", "map", "field"
CERTAIN = (DECIDED, REFERENCE, LINK, MAP, FIELD)
"""What makes a match certain, the surest first."""
DOUBTFUL, NOBODY, LEFT = "doubtful", "nobody", "left"


class Evidence(Value, frozen=True):
    """What speaks for whom. `claims` are what metadata with our reference names; `erased` who was forgotten.

    `linked`: the lane's customer, None for no link, "" for a provider's customer that several of ours share.
    `decided`: what an operator has decided, "" for nobody, None for nothing.
    """

    claims: tuple[str, ...] = ()
    linked: str | None = None
    decided: str | None = None
    mapped: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()


class Match(Value, frozen=True):
    """`by`: one of CERTAIN, doubtful, nobody, or left (a person said so). A doubt says `why`."""

    by: str
    ours: str = ""
    why: str = ""
    candidates: tuple[str, ...] = ()


def match(evidence: Evidence) -> Match:
    """Who it is."""
    if evidence.linked == "":
        return _doubt("several of our customers share it", evidence.emails)
    if evidence.decided == "":
        return Match(LEFT)
    if evidence.decided and evidence.linked in (None, evidence.decided):
        return _certain(DECIDED, evidence.decided, evidence)
    known = [one for one in evidence.claims if one in evidence.known]
    found = [
        *((REFERENCE, one) for one in known),
        *((LINK, one) for one in (evidence.linked,) if one),
        *((DECIDED, one) for one in (evidence.decided,) if one),
        *((MAP, one) for one in evidence.mapped),
        *((FIELD, one) for one in evidence.fields),
    ]
    named = list(dict.fromkeys(ours for _, ours in found))
    if len(named) > 1:
        told = "; ".join(f"{by}: {ours}" for by, ours in dict.fromkeys(found))
        return _doubt(f"they do not agree: {told}", named)
    if named:
        return _certain(found[0][0], named[0], evidence)
    if evidence.claims:
        return _doubt("its metadata names somebody who is not known here", evidence.claims)
    if evidence.emails:
        many = "several of ours have" if len(evidence.emails) > 1 else "one of ours has"
        return _doubt(f"{many} the same e-mail address, which proves nothing", evidence.emails)
    return Match(NOBODY)


def _certain(by: str, ours: str, evidence: Evidence) -> Match:
    if ours in evidence.erased:
        return _doubt("that customer was erased", (ours,))
    return Match(LINK if evidence.linked else by, ours)


def _doubt(why: str, candidates: Collection[str] | Sequence[str]) -> Match:
    return Match(DOUBTFUL, "", why, tuple(sorted(candidates)))
