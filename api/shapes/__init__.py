"""What goes over HTTP: answers as TypedDicts made by plain functions (checked by mypy, described in OpenAPI), asks as pydantic models.

Nothing here decides or looks anything up beyond names; a changed field here is a changed public contract.
"""
