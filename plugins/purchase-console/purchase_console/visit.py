"""A visit: one request of an operator who was let in, and the means to answer it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from purchase_core.billing import Billing
from purchase_core.console import Operator, Role
from purchase_core.errors import InvalidArgument
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

    def field(self, name: str) -> str:
        """A field of the form. Raises InvalidArgument where it is missing, InvalidText."""
        if name not in self.form:
            raise InvalidArgument(f"the form has no {name}")
        return storable(name, self.form[name].strip(), characters_max=QUERY_CHARACTERS_MAX * 4)

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page, of a template and what it shows."""
        return self.rendering.page(self.request, template, status, visit=self, **values)

    def go(self, path: str) -> Response:
        """Send the browser on to a path of the console."""
        return RedirectResponse(self.request.scope.get("root_path", "") + path, SEE_OTHER)
