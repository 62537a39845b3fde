"""The ledger as a file both ways, bad rows with their reasons, and the printed sheets."""

from __future__ import annotations

import base64
from typing import Any

from api import hazard_columns, sheets
from tests.api.conftest import Service


def read_in(service: Service, table: sheets.Table, dry_run: bool = False, status: int = 200) -> Any:
    content = base64.b64encode(sheets.write_csv(table)).decode()
    return service.call("manager", "POST", "/hazards/import", {"content": content, "dry_run": dry_run}, status)


GOOD = [
    ["场所", "隐患名称", "来源", "来源信息", "隐患等级", "整改时限", "发现时间", "责任人", "ignored"],
    ["mall", "灭火器过期", "监管检查", "检查部门=消防大队; 文书编号=2026-18", "一般", "2026-11-30", "2026/11/20", "王", "x"],
    ["mall", "exit blocked", "self-check", "", "major hazard", "2026-12-01 18:00", "", "", ""],
]


def test_a_ledger_is_tried_then_recorded_once(service: Service) -> None:
    tried = read_in(service, GOOD, dry_run=True)
    assert (tried["good"], tried["bad"], tried["recorded"]) == (2, [], [])
    assert service.call("manager", "GET", "/hazards/counts")["total"] == 0
    numbers = read_in(service, GOOD)["recorded"]
    assert len(set(numbers)) == 2
    assert read_in(service, GOOD)["recorded"] == numbers, "the same file again records nothing twice"
    items = {each["title"]: each for each in service.call("manager", "GET", "/hazards")["items"]}
    first = items["灭火器过期"]
    assert (first["origin"], first["grade"], first["source"]) == ({"body": "消防大队", "document": "2026-18"}, "general", "government")
    assert (first["rectification"]["deadline_at"], first["found_at"]) == ("2026-11-29T16:00:00.000Z", "2026-11-19T16:00:00.000Z")


def test_one_bad_row_keeps_all_out_and_each_says_why(service: Service) -> None:
    bad = [
        ["nowhere", "x", "", "", "", "", "", "", ""],
        ["mall", "", "agency", "", "terrible", "soon", "2030-01-01", "", ""],
    ]
    answer = read_in(service, GOOD + bad)
    assert (answer["good"], answer["recorded"], [each["row"] for each in answer["bad"]]) == (2, [], [4, 5])
    reasons = " ".join(answer["bad"][1]["problems"])
    for part in ("title is missing", "grade 'terrible'", "deadline 'soon'", "found at lies ahead", "lacks agency, expert"):
        assert part in reasons
    assert "no column" in read_in(service, [["a", "b"]], status=422)["detail"]


def test_what_goes_out_has_the_usual_columns_and_comes_in_again(service: Service) -> None:
    read_in(service, GOOD)
    for language in ("zh", "en"):
        answer = service.client.get(f"/api/v1/hazards/export.csv?language={language}", headers=service.as_("manager"))
        table = sheets.read(answer.content)
        assert table[0] == hazard_columns.titles(language)
        assert read_in(service, table, dry_run=True)["bad"] == []
    book = service.client.get("/api/v1/hazards/export.xlsx?grade=major", headers=service.as_("manager"))
    assert [row[hazard_columns.titles("zh").index("隐患名称")] for row in sheets.read(book.content)[1:]] == ["exit blocked"]


def test_the_printed_sheets_hold_the_record_and_run_nothing(service: Service) -> None:
    ask = {"site_id": "mall", "title": "<script>alert(1)</script>", "category": "exit"}
    hazard = service.call("manager", "POST", "/hazards", ask, 201)
    for sheet, title in (("notice", "隐患整改通知单"), ("acceptance", "隐患复查验收单")):
        answer = service.client.get(f"/api/v1/hazards/{hazard['id']}/{sheet}.html", headers=service.as_("manager"))
        assert (hazard["number"] in answer.text, title in answer.text, "<script>" in answer.text) == (True, True, False)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    english = service.client.get(f"/api/v1/hazards/{hazard['id']}/notice.html?language=en", headers=service.as_("manager"))
    assert "Rectification notice" in english.text
