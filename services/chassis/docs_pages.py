"""The OpenAPI document and the page that shows it, from files that came with the installation: nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from services.chassis.identity import PUBLIC
from services.chassis.problems import Problem
from services.vocabulary.identity import Role

PERMISSIONS: Mapping[str, frozenset[Role]] = {"docs_page": PUBLIC, "docs_start": PUBLIC, "docs_static": PUBLIC, "openapi": PUBLIC}

_UNSAFE = {"post", "put", "patch", "delete"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}
_UNSAFE_HEADERS = (
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A repeat with the same key and input is answered as the first was, and changes nothing.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    {
        "name": "X-Reason",
        "in": "header",
        "required": False,
        "description": "Why; kept with the event.",
        "schema": {"type": "string", "maxLength": 1000},
    },
)
REQUIRED = "x-upheld-required"


def add_docs_pages(app: FastAPI, service: str) -> None:
    page, start, static, document = f"/docs/{service}", f"/docs/{service}/start.js", f"/docs/{service}/static", f"/openapi/{service}.json"

    async def docs_page(_request: Request) -> Response:
        return HTMLResponse(_page(app.title, static=static, start=start), headers={"Content-Security-Policy": _POLICY})

    async def docs_start(_request: Request) -> Response:
        return Response(_start(document), media_type="text/javascript")

    async def openapi(_request: Request) -> Response:
        return Response(json.dumps(app.openapi()), media_type="application/json")

    app.add_route(page, docs_page, methods=["GET"], name="docs_page", include_in_schema=False)
    app.add_route(start, docs_start, methods=["GET"], name="docs_start", include_in_schema=False)
    app.add_route(document, openapi, methods=["GET"], name="openapi", include_in_schema=False)
    app.mount(static, StaticFiles(directory=_static_folder()), name="docs_static")


def describe(document: dict[str, Any], permissions: Mapping[str, frozenset[Role]]) -> None:
    """Completes what the framework wrote: who may, by which credential, and the headers that every change takes."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SECURITY_SCHEMES
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _describe_operation(method, operation, permissions.get(operation.get("operationId", ""), frozenset()))


def _describe_operation(method: str, operation: dict[str, Any], roles: frozenset[Role]) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        _describe_parameter(parameter)
    if roles is PUBLIC:
        operation["security"] = []
        return
    operation["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    operation["x-upheld-roles"] = sorted(roles)
    if method in _UNSAFE:
        parameters.extend(dict(header) for header in _UNSAFE_HEADERS)


def _describe_parameter(parameter: dict[str, Any]) -> None:
    """A header or query parameter is absent or a text, never null."""
    schema = parameter.get("schema", {})
    if schema.pop(REQUIRED, False):
        parameter["required"] = True
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])


def _static_folder() -> Path:
    found = find_spec("fastapi_offline")
    assert found is not None, "the package with the page's files is a dependency"
    assert found.origin is not None
    return Path(found.origin).parent / "static"


def _page(title: str, *, static: str, start: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="stylesheet" href="{static}/swagger-ui.css">
<link rel="icon" href="{static}/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{static}/swagger-ui-bundle.js"></script>
<script src="{start}"></script>
</body>
</html>
"""


def _start(document: str) -> str:
    options = {"url": document, "dom_id": "#swagger-ui", "deepLinking": True, "validatorUrl": None, "tryItOutEnabled": False}
    return f"SwaggerUIBundle({json.dumps(options)});\n"
