"""The words about hazards that people read outside the console: reminders, and the names of grades, sources, states and ledger columns.

Chinese and English; a message in `both` has one after the other. Times come in as text, because only the edges know zones.
"""

from __future__ import annotations

from collections.abc import Mapping

from hazards.model import Aspect, Grade, Hazard, HazardAct, HazardState, Party, Source

Words = tuple[str, str]  # zh, en
GRADES: Mapping[Grade | None, Words] = {
    Grade.GENERAL: ("一般隐患", "general hazard"),
    Grade.MAJOR: ("重大隐患", "major hazard"),
    None: ("隐患（未定级）", "hazard, not graded"),
}
SOURCES: Mapping[Source, Words] = {
    Source.ALARM: ("物联网报警", "IoT alarm"),
    Source.SELF_CHECK: ("企业自查", "self-check"),
    Source.AGENCY: ("第三方机构", "agency"),
    Source.GRID: ("网格员", "grid member"),
    Source.GOVERNMENT: ("监管检查", "government"),
    Source.PUBLIC: ("公众举报", "public report"),
}
ASPECTS: Mapping[Aspect | None, Words] = {
    Aspect.ON_SITE: ("现场类", "on site"),
    Aspect.MANAGEMENT: ("基础管理类", "management"),
    None: ("", ""),
}
STATES: Mapping[HazardState, Words] = {
    HazardState.REPORTED: ("已上报", "reported"),
    HazardState.CONFIRMED: ("已核实定级", "confirmed"),
    HazardState.RECTIFYING: ("整改中", "rectifying"),
    HazardState.SUBMITTED: ("待复查", "submitted"),
    HazardState.ACCEPTED: ("已销号", "accepted"),
    HazardState.REJECTED: ("已驳回", "rejected"),
    HazardState.MERGED: ("已合并", "merged"),
}
PARTIES: Mapping[Party, Words] = {
    Party.ENTERPRISE: ("企业自查", "enterprise checks"),
    Party.AGENCY: ("机构协查", "agency assists"),
    Party.GRID: ("网格核查", "grid confirms"),
    Party.GOVERNMENT: ("政府监管", "government supervises"),
}
ACTS: Mapping[HazardAct, Words] = {
    HazardAct.REPORT: ("上报", "reported"),
    HazardAct.CONFIRM: ("核实定级", "confirmed"),
    HazardAct.RECTIFY: ("下达整改", "rectification ordered"),
    HazardAct.SUBMIT: ("申请复查", "submitted"),
    HazardAct.ACCEPT: ("销号", "accepted"),
    HazardAct.RETURN: ("退回整改", "returned"),
    HazardAct.REJECT: ("驳回", "rejected"),
    HazardAct.MERGE: ("合并", "merged"),
    HazardAct.RECUR: ("再次发生", "recurred"),
    HazardAct.FIX: ("立查立改", "found and fixed"),
    HazardAct.CONTROL: ("临时管控", "temporary control"),
    HazardAct.VOUCH: ("核查意见", "vouched"),
    HazardAct.EXTEND: ("申请延期", "extension asked"),
    HazardAct.GRANT: ("同意延期", "extension granted"),
    HazardAct.REFUSE: ("不同意延期", "extension refused"),
    HazardAct.SUPERVISE: ("挂牌督办", "listed"),
    HazardAct.PROGRESS: ("进展报告", "progress"),
    HazardAct.SHUT_DOWN: ("停产停业", "shut down"),
    HazardAct.RESUME: ("恢复生产", "resumed"),
    HazardAct.SPLIT: ("拆分", "split"),
    HazardAct.LINK: ("关联", "linked"),
    HazardAct.UNLINK: ("取消关联", "unlinked"),
    HazardAct.ATTACH: ("上传附件", "file added"),
}
_STAGES: Mapping[str, Words] = {
    "soon": ("即将到期", "due soon"),
    "overdue": ("已超期", "overdue"),
    "escalated": ("超期升级", "overdue, escalated"),
    "highest": ("超期未闭环", "overdue and still open"),
}


def reminder(hazard: Hazard, stage: str, place: str, deadline: str, language: str) -> tuple[str, str]:
    """(subject, text) of a reminder; an unknown language is `both`."""
    both = [_reminder(hazard, stage, place, deadline, each) for each in (0, 1)]
    if language in ("zh", "en"):
        return both[("zh", "en").index(language)]
    return f"{both[0][0]} / {both[1][0]}", f"{both[0][1]}\n{both[1][1]}"


def _reminder(hazard: Hazard, stage: str, place: str, deadline: str, language: int) -> tuple[str, str]:
    grade, state, told = GRADES[hazard.grade][language], STATES[hazard.state][language], _STAGES[stage][language]
    labels = (("编号", "位置", "状态", "整改时限", "责任人"), ("Number", "Place", "State", "Deadline", "Person"))[language]
    colon = ("：", ": ")[language]
    values = (hazard.number, place, state, deadline, hazard.rectification.person)
    lines = [f"[{told}] {grade} {hazard.title}", *(f"{label}{colon}{value}" for label, value in zip(labels, values, strict=True) if value)]
    return f"[{told}] {grade} {hazard.number} {hazard.title}", "\n".join(lines) + "\n"
