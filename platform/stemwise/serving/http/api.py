"""The HTTP application, put together."""

from fastapi import FastAPI

from stemwise.serving.http import fact_routes, file_routes, job_routes
from stemwise.serving.http.describe import describe
from stemwise.serving.http.page_routes import add_page
from stemwise.serving.http.problems import add_handlers
from stemwise.serving.http.service import Service


def make_app(service: Service) -> FastAPI:
    """Return the application; everything it does is `service`'s."""
    # FastAPI's own pages of documentation load their scripts from elsewhere
    app = FastAPI(title="stemwise", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.service = service
    app.openapi = lambda: describe(app, service.keys.required)  # type: ignore[method-assign]
    add_handlers(app)
    for routes in (job_routes, file_routes, fact_routes):
        app.include_router(routes.router)
    add_page(app)
    return app
