"""A catalog with a wrong price was applied: whom it touches, and the way back."""

from __future__ import annotations

from pathlib import Path

import attrs

from purchase_core import Catalog, Money
from purchase_core.catalog.products import Product
from purchase_sandbox.demo.catalog import CATALOG

from .stage import OFFER, PRICE, Stage
from .telling import must

TITLE = "A wrong catalog was applied"
WRONG = Money("1.20", "USD")


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    right, wrong, back = (str(stage.folder / name) for name in ("plan.json", "wrong.json", "back.json"))
    stage.asks("catalog", "plan", "-o", right)
    stage.asks("catalog", "apply", right)
    stage.buy("ana", "ben")
    stage.deliver()
    (version,) = [one["catalog"] for one in stage.asks("catalog", "versions")["versions"]]
    stage.catalog = cheaper(CATALOG)
    stage.asks("catalog", "plan", "-o", wrong)
    stage.asks("catalog", "apply", wrong, "--yes")
    stage.buy("cara")
    stage.deliver()
    stage.happens(
        "A catalog with a slipped comma was applied: 1.20 USD instead of 12.00. Cara buys at that price."
    )
    must((stage.paid("ana"), stage.paid("cara")) == ([PRICE], [WRONG.minor]), "old ones pay as before")
    stage.runs("catalog", "versions", says=["in force"])
    found = stage.runs(
        "catalog",
        "plan",
        "--to",
        version[:8],
        "-o",
        back,
        says=["1 keep it", "1 subscriber keeps what they have."],
    )
    must("12.00 USD every month" in found.out, "the price of before is sold again")
    edited = stage.folder / "edited.json"
    edited.write_text(Path(back).read_text().replace("12.00 USD", "13.00 USD"))
    stage.happens("The code goes back, and is deployed. Somebody edits the plan, in a hurry; it is refused.")
    stage.catalog = CATALOG
    stage.runs("catalog", "apply", str(edited), "--yes", code=2, says=["plan_invalid"])
    stage.runs("catalog", "apply", back, "--yes", says=["Done."])
    stage.runs("catalog", "check", says=["Nothing to do"])
    stage.runs("catalog", "migrate-holders", OFFER, says=["1.20 USD", "12.00 USD"])
    (cohort,) = stage.asks("catalog", "migrate-holders", OFFER)["cohorts"]
    must((cohort["was"], cohort["becomes"], cohort["holders"]) == (WRONG.minor, PRICE, 1), "Cara keeps hers")
    stage.buy("dora")
    stage.deliver()
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    stage.now(
        "12.00 USD is sold again. Ana and Ben never paid anything else; Cara pays 1.20 until she is moved.",
        stage.paid("dora") == [PRICE],
        all(stage.has("ana", "ben", "cara", "dora")),
    )


def cheaper(catalog: Catalog) -> Catalog:
    """The same catalog, with one price that is a tenth."""

    def changed(product: Product) -> Product:
        plans = tuple(
            attrs.evolve(one, prices=(WRONG,)) if f"{product.id}:{one.id}" == OFFER else one
            for one in product.plans
        )
        return attrs.evolve(product, plans=plans)

    return Catalog(*map(changed, catalog.products))
