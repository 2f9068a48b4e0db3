"""`purchase sandbox serve --specs`: what passes and is not as a provider's document says is told, once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from purchase_core.errors import InvalidArgument
from purchase_simulators.paddle.local import LocalPaddle
from purchase_simulators.stripe.local import LocalStripe
from purchase_simulators.wire.comparing import Documents, telling
from purchase_simulators.wire.local import LocalProvider, Wanted

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[4] / "shared" / "specs")


class Strange:
    """Collects one problem a call."""

    def __init__(self) -> None:
        self.problems: list[object] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.problems.append(f"problem {len(self.problems)}")


def test_each_problem_is_told_once() -> None:
    told: list[str] = []
    app = telling(Strange(), told.append)

    async def call() -> None:
        for _ in range(3):
            await app({}, None, None)  # type: ignore[arg-type]

    asyncio.run(call())
    assert told == ["problem 0", "problem 1", "problem 2"]


@pytest.mark.parametrize("provider", [LocalStripe, LocalPaddle])
def test_a_folder_without_the_document_is_refused(provider: type[LocalProvider], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="nothing to compare with"):
        provider(Wanted(documents=Documents(tmp_path, print)))


@pytest.mark.parametrize(("provider", "path"), [(LocalStripe, "/v1/customers"), (LocalPaddle, "/customers")])
def test_what_is_as_the_document_says_is_passed_on_in_silence(
    provider: type[LocalProvider], path: str
) -> None:
    if not SPECS.is_dir():
        pytest.skip(f"NOT COMPARED: no documents in {SPECS}")
    told: list[str] = []

    async def call() -> None:
        async with provider(Wanted(documents=Documents(SPECS, told.append))) as served:
            headers = {"authorization": f"Bearer {served.api_key.reveal()}"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
                assert (await http.get(path)).status_code == 200

    asyncio.run(call())
    assert told == []
