"""Routes of what the server has (DESIGN: HTTP API). They only compose and call.

No `from __future__ import annotations` here: FastAPI reads these annotations at run time.
"""

from dataclasses import asdict

from fastapi import APIRouter, Depends, Response

from stemwise.serving.http import views
from stemwise.serving.http.depends import Served, owner_of
from stemwise.serving.http.describe import errors
from stemwise.serving.http.schemas import AudioFormat, Health, ModelList, RecipeList, UploadLimits
from stemwise.serving.intake.formats import UPLOAD_FORMATS

router = APIRouter(tags=["facts"])


@router.get("/v1/recipes", dependencies=[Depends(owner_of)], responses=errors(401))
async def recipes(service: Served) -> RecipeList:
    """List the recipes, the default one first."""
    default = next(iter(service.recipes))
    limits = service.limits
    return RecipeList(
        recipes=[views.recipe_info(r, r.name == default) for r in service.recipes.values()],
        limits=UploadLimits(
            max_bytes=int(limits.max_upload_mb * 1e6),
            max_duration_s=limits.max_duration_s,
            formats=[AudioFormat(**asdict(known)) for known in UPLOAD_FORMATS],
        ),
    )


@router.get("/v1/models", dependencies=[Depends(owner_of)], responses=errors(401))
async def models(service: Served) -> ModelList:
    """List the models of all recipes."""
    ready = await service.health()
    specs = service.specs.items()
    return ModelList(
        models=[views.model_info(spec, ready.get(name, False)) for name, spec in specs]
    )


@router.get(
    "/healthz",
    responses={503: {"model": Health, "description": "Models are loading, or one is lost."}},
)
async def healthz(response: Response, service: Served) -> Health:
    """Tell whether all models are loaded and jobs are being worked on."""
    ready = await service.health()
    well = all(ready.values())
    response.status_code = 200 if well else 503
    if not well:
        response.headers["Retry-After"] = "2"
    models = {name: ready.get(name, False) for name in service.specs}
    return Health(status="ok" if well else "loading", models=models)
