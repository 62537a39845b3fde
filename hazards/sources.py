"""What each source's entry form asks for besides the hazard itself: required and optional fields, with their words.

The door and the ledger's import check entries by it; what comes from an alarm or from the service's own lists is filled in by them.
"""

from __future__ import annotations

from collections.abc import Mapping

from hazards.errors import Incomplete
from hazards.model import Source

MOST_LONG = 200
# source -> field -> is it required
FIELDS: Mapping[Source, Mapping[str, bool]] = {
    Source.ALARM: {},
    Source.SELF_CHECK: {"checker": False, "check_list": False},
    Source.AGENCY: {"agency": True, "expert": True, "visit": False},
    Source.GRID: {"member": True, "grid": False},
    Source.GOVERNMENT: {"body": True, "document": True, "inspector": False},
    Source.PUBLIC: {"channel": True, "tracking": False},
}
WORDS: Mapping[str, tuple[str, str]] = {
    "checker": ("检查人", "checked by"),
    "check_list": ("检查表", "check list"),
    "agency": ("服务机构", "agency"),
    "expert": ("专家", "expert"),
    "visit": ("服务记录", "visit"),
    "member": ("网格员", "grid member"),
    "grid": ("网格", "grid"),
    "body": ("检查部门", "inspecting body"),
    "document": ("文书编号", "document number"),
    "inspector": ("执法人员", "inspector"),
    "channel": ("举报渠道", "reported through"),
    "tracking": ("查询码", "tracking code"),
}


def checked(source: Source, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The fields as a hazard keeps them, in the form's order. Raises Incomplete for what is missing or does not belong there."""
    fields = FIELDS[source]
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise Incomplete(f"a hazard from {source} has no field {', '.join(unknown)}; there are {', '.join(fields) or 'none'}")
    missing = [name for name, is_required in fields.items() if is_required and not given.get(name, "").strip()]
    if missing:
        raise Incomplete(f"a hazard from {source} lacks {', '.join(missing)}")
    return tuple((name, given[name].strip()[:MOST_LONG]) for name in fields if given.get(name, "").strip())
