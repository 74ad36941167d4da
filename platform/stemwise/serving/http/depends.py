"""What every route gets handed: the service, and who asks.

No `from __future__ import annotations` here: FastAPI reads these annotations at run time.
"""

from typing import Annotated

from fastapi import Depends, Header, Path, Request

from stemwise.serving.http.service import Service


def service_of(request: Request) -> Service:
    """Return the service that the application was made for."""
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of)]


def owner_of(
    service: Served, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> str:
    """Return whose jobs these are (UnauthorizedError where a key is needed)."""
    return service.keys.owner(authorization)


Owner = Annotated[str, Depends(owner_of)]
JobId = Annotated[str, Path(description="The id that the POST answered with.", max_length=64)]
StemName = Annotated[str, Path(description="One of the job's stems.", max_length=64)]
