"""The console's built files at `/`, and its index for every page of it. Without a build: a page that says how to make one.

Files with a hash in their name are kept by browsers for ever; the index never is. Nothing outside the folder is served.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

HEADERS = {
    # inline styles are Element Plus's; everything else is ours
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Sitewarden</title>
<body style="font-family:sans-serif;max-width:40rem;margin:4rem auto">
<h1>Sitewarden</h1>
<p>The console is not built here. Build it with <code>make console</code>; the API works without it:
<a href="/api/v1/docs">/api/v1/docs</a>.</p>
<p lang="zh">控制台尚未构建，请执行 <code>make console</code>；接口可直接使用：<a href="/api/v1/docs">/api/v1/docs</a>。</p>
"""


def serve(app: FastAPI, folder: Path | None) -> None:
    """Answer every other GET with a file of the folder, or with the index for a page of the console."""
    root = folder.resolve() if folder is not None else None

    async def page(request: Request) -> Response:
        path = request.path_params["path"]
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404, "there is no such path in the API")
        if root is None or not (root / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, 200 if path == "" else 404, HEADERS)
        wanted = (root / path).resolve()
        if path and wanted.is_relative_to(root) and wanted.is_file():
            kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
            return FileResponse(wanted, headers={**HEADERS, "Cache-Control": kept})
        if "." in path.rpartition("/")[2] and not path.startswith("shop/"):  # a shop's link ends in a signature after a dot
            raise HTTPException(404, "there is no such file")
        return FileResponse(root / "index.html", headers={**HEADERS, "Cache-Control": "no-cache"})

    app.add_api_route("/{path:path}", page, methods=["GET"], include_in_schema=False)
