"""A visit: one request of an operator who was let in, and the means to answer it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import attrs
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from purchase_core.billing import Billing
from purchase_core.console import Operator, Role
from purchase_core.errors import InvalidArgument
from purchase_core.operations.deeds import Deed
from purchase_core.records.run import Run
from purchase_core.text import storable

from .rendering import Rendering

SEE_OTHER = 303
QUERY_CHARACTERS_MAX = 255


@attrs.frozen
class Visit:
    """What a page is asked. `form` holds the fields of an action's form, checked; it is empty for a view."""

    request: Request
    billing: Billing
    operator: Operator
    rendering: Rendering
    form: Mapping[str, str] = attrs.Factory(dict)

    def may(self, role: Role) -> bool:
        """Whether the operator has a role."""
        return role in self.operator.roles

    def query(self, name: str) -> str:
        """A parameter of the address, storable and short; "" where there is none. Raises InvalidText."""
        return storable(name, self.request.query_params.get(name, ""), characters_max=QUERY_CHARACTERS_MAX)

    def part(self, name: str) -> str:
        """A part of the path, storable. Raises InvalidText."""
        return storable(name, str(self.request.path_params[name]), characters_max=QUERY_CHARACTERS_MAX)

    def field(self, name: str, *, needed: bool = True) -> str:
        """A field of the form; "" where it is missing and not needed. Raises InvalidArgument, InvalidText."""
        if needed and name not in self.form:
            raise InvalidArgument(f"the form has no {name}")
        return storable(name, self.form.get(name, "").strip(), characters_max=QUERY_CHARACTERS_MAX * 4)

    def deed(self, kind: str, about: str, *, reasoned: bool = False) -> Deed:
        """What the form asks for, under the key that was made with it; `reasoned`: for a reason.

        Raises InvalidArgument where the form does not say all of it.
        """
        reason = self.field("reason") if reasoned else ""
        if reasoned and not reason:
            raise InvalidArgument("nothing was done", hint="Say why: it is kept with the receipt.")
        return Deed(self.field("key"), kind, about, self.field("seen"), self.operator.name, reason)

    def page(self, template: str, status: int = 200, /, **values: object) -> Response:
        """A page, of a template and what it shows."""
        return self.rendering.page(self.request, template, status, **{"visit": self, **values})

    def go(self, path: str, run: Run | None = None) -> Response:
        """Send the browser on to a path of the console, where it is told what came of a run."""
        told = f"?done={quote(run.id)}" if run else ""
        return RedirectResponse(self.request.scope.get("root_path", "") + path + told, SEE_OTHER)

    async def done(self) -> Run | None:
        """The run that the page is to tell of."""
        name = self.query("done")
        return await self.billing.store.run(name) if name else None
