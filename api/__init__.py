"""The operators' door: HTTP, live stream, access. It declares what it needs in `api.ports` and never reaches past it."""
