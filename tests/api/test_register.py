"""The register as a file: every wrong cell told of, all or nothing, and back again as it was, in CSV and in XLSX."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from api import sheets
from api.days import last_day, local_iso, moment_ms, until_ms
from api.sheets import SheetError
from sites.model import Circuit, CircuitClass
from tests.api.conftest import Service

HEAD = (
    "type,id,site_id,zone_id,name,kind,codec,address,gateway_id,interval_s,link,calibrated_until,"
    "device_id,channel,poles,rated_a,permit_until"
)
GOOD = f"""{HEAD}
device,new-1,mall,mall-kitchen,燃气一号,gas,native,,hub,60,lora,2027-06-30,,,,,
,hub,Mall,厨房,网关,gateway,zigbee2mqtt,zigbee2mqtt/hub,,,zigbee,,,,,,
circuit,,mall,mall-kitchen,灶台,,,,,,,,mall-switch,3,l1 l2 l3,63,2026-12-31 22:00
"""


def send(service: Service, content: bytes | str, dry_run: bool = True, status: int = 200, login: str = "manager") -> Any:
    octets = content.encode() if isinstance(content, str) else content
    body = {"content_b64": base64.b64encode(octets).decode(), "dry_run": dry_run}
    return service.call(login, "POST", "/devices/import", body, status)


def exported(service: Service, query: str = "format=csv", login: str = "manager") -> httpx.Response:
    response = service.client.get(f"/api/v1/devices/export?{query}", headers=service.as_(login))
    assert response.status_code == 200, response.text
    return response


def bad(answer: Any) -> set[tuple[int, str]]:
    return {(each["row"], each["column"]) for each in answer["bad"]}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(service: Service) -> None:
    answer = send(service, GOOD)
    assert (answer["dry_run"], answer["new"], answer["changed"], answer["same"], answer["bad"]) == (True, 3, 0, 0, [])
    assert [(line["row"], line["kind"], line["id"], line["act"]) for line in answer["lines"]] == [
        (2, "device", "new-1", "new"), (3, "device", "hub", "new"), (4, "circuit", "mall-switch-3", "new"),
    ]  # fmt: skip
    assert not service.desk.configured
    assert service.call("manager", "GET", "/devices?q=new-1")["items"] == []


def test_the_real_import_keeps_all_and_tells_the_scan(service: Service) -> None:
    send(service, GOOD, dry_run=False)
    device, hub = service.records.thing("device", "new-1"), service.records.thing("device", "hub")
    assert (device.gateway_id, device.interval_s, device.link, device.address) == ("hub", 60.0, "lora", "mall/new-1")
    assert (hub.site_id, hub.zone_id, hub.kind) == ("mall", "mall-kitchen", "gateway")
    circuit = service.records.thing("circuit", "mall-switch-3")
    assert (circuit.poles, circuit.rated_a, circuit.permit_until_ms) == (("l1", "l2", "l3"), 63.0, 1_798_725_600_000)
    assert (circuit.circuit_class, circuit.trial) == (CircuitClass.UNCLASSIFIED, None), "nothing cuts an imported circuit"
    assert {thing_id for _, thing_id, _, _ in service.desk.configured} == {"new-1", "hub", "mall-switch-3"}
    again = send(service, GOOD, dry_run=False)
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 3), "the same file again changes nothing"


WRONG = {
    "an unknown site": ("device,x,nowhere,mall-kitchen,n,gas,,,,,,,,,,,", "site_id"),
    "a site that is not seen": ("device,x,plant,plant-kitchen,n,gas,,,,,,,,,,,", "site_id"),
    "a zone of another site": ("device,x,mall,plant-kitchen,n,gas,,,,,,,,,,,", "zone_id"),
    "no name": ("device,x,mall,mall-kitchen,,gas,,,,,,,,,,,", "name"),
    "an unknown kind": ("device,x,mall,mall-kitchen,n,toaster,,,,,,,,,,,", "kind"),
    "an unknown codec": ("device,x,mall,mall-kitchen,n,gas,telepathy,a,,,,,,,,,", "codec"),
    "no address where one is needed": ("device,x,mall,mall-kitchen,n,gas,zigbee2mqtt,,,,,,,,,,", "address"),
    "another device's address": ("device,x,mall,mall-kitchen,n,gas,native,mall/mall-gas,,,,,,,,,", "address"),
    "an unknown gateway": ("device,x,mall,mall-kitchen,n,gas,,,nobody,,,,,,,,", "gateway_id"),
    "itself as gateway": ("device,x,mall,mall-kitchen,n,gas,,,x,,,,,,,,", "gateway_id"),
    "an interval of nothing": ("device,x,mall,mall-kitchen,n,gas,,,,0,,,,,,,", "interval_s"),
    "an interval that is a word": ("device,x,mall,mall-kitchen,n,gas,,,,often,,,,,,,", "interval_s"),
    "an unknown link": ("device,x,mall,mall-kitchen,n,gas,,,,,smoke signals,,,,,,", "link"),
    "a day that is none": ("device,x,mall,mall-kitchen,n,gas,,,,,,2027-02-30,,,,,", "calibrated_until"),
    "an id with a slash": ("device,a/b,mall,mall-kitchen,n,gas,,,,,,,,,,,", "id"),
    "the id of a device that is not seen": ("device,plant-gas,mall,mall-kitchen,n,gas,,mall/y,,,,,,,,,", "id"),
    "an unknown type": ("robot,x,mall,mall-kitchen,n,gas,,,,,,,,,,,", "type"),
    "a circuit without its device": ("circuit,x,mall,mall-kitchen,n,,,,,,,,,1,,,", "device_id"),
    "a circuit of an unknown device": ("circuit,x,mall,mall-kitchen,n,,,,,,,,nobody,1,,,", "device_id"),
    "a channel that is taken": ("circuit,x,mall,mall-kitchen,n,,,,,,,,mall-switch,1,,,", "channel"),
    "five poles": ("circuit,x,mall,mall-kitchen,n,,,,,,,,mall-switch,9,a b c d e,,", "poles"),
    "no rating": ("circuit,x,mall,mall-kitchen,n,,,,,,,,mall-switch,9,,-1,", "rated_a"),
    "a time that is none": ("circuit,x,mall,mall-kitchen,n,,,,,,,,mall-switch,9,,,tomorrow", "permit_until"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_cell_is_told_with_row_column_and_what_is_allowed(what: str, service: Service) -> None:
    row, column = WRONG[what]
    answer = send(service, f"{HEAD}\ndevice,fine,mall,mall-kitchen,fine,gas,,,,,,,,,,,\n\n{row}\n")
    assert bad(answer) == {(4, column)}, answer["bad"]
    assert answer["bad"][0]["allowed"]


def test_every_wrong_cell_of_a_file_is_listed_and_nothing_of_it_is_done(service: Service) -> None:
    rows = "\n".join(f"device,d{i},mall,mall-kitchen,n,toaster,,,,often,,,,,,," for i in range(3_000))
    answer = send(service, f"{HEAD}\n{rows}\n")
    assert answer["bad_total"] == 6_000
    assert len(answer["bad"]) == 2_000
    refused = send(
        service, f"{HEAD}\ndevice,ok,mall,mall-kitchen,n,gas,,,,,,,,,,,\ndevice,no,mall,mall-kitchen,n,toaster,,,,,,,,,,,\n", False, 422
    )
    assert refused["errors"][0]["pointer"] == "row 3, kind"
    assert not service.desk.configured
    assert service.call("manager", "GET", "/devices?q=ok")["items"] == []


def test_the_same_thing_twice_in_a_file_is_wrong_at_the_second(service: Service) -> None:
    device, circuit = "device,x,mall,mall-kitchen,n,gas,,,,,,,,,,,", "circuit,,mall,mall-kitchen,n,,,,,,,,mall-switch,7,,,"
    assert bad(send(service, "\n".join((HEAD, device, device)))) == {(3, "id")}
    assert bad(send(service, "\n".join((HEAD, circuit, circuit)))) == {(3, "id")}
    other = device.replace("x", "y").replace("gas,,", "gas,,mall/x")
    assert bad(send(service, "\n".join((HEAD, device, other)))) == {(3, "address")}


@pytest.mark.parametrize("head", ["", "a,b\n", "site_id,zone_id\n", "site_id,zone_id,name,name\n"])
def test_a_file_without_its_columns_is_wrong_as_a_whole(head: str, service: Service) -> None:
    content = head + "1,2,3,4\n" if head else "\n"
    answer = send(service, content)
    assert answer["bad_total"] >= 1
    assert {row for row, _ in bad(answer)} == {1}


def test_a_column_that_is_not_there_keeps_what_is_and_an_empty_cell_empties(service: Service) -> None:
    send(service, GOOD, dry_run=False)
    answer = send(service, "id,site_id,zone_id,name,kind\nnew-1,mall,mall-kitchen,renamed,gas\n", dry_run=False)
    assert answer["lines"] == [{"row": 2, "kind": "device", "id": "new-1", "name": "renamed", "act": "changed", "columns": ["name"]}]
    kept = service.records.thing("device", "new-1")
    assert (kept.name, kept.interval_s, kept.gateway_id, kept.link, kept.version) == ("renamed", 60.0, "hub", "lora", 2)
    send(
        service,
        "id,site_id,zone_id,name,kind,interval_s,calibrated_until,gateway_id\nnew-1,mall,mall-kitchen,renamed,gas,,,\n",
        dry_run=False,
    )
    emptied = service.records.thing("device", "new-1")
    assert (emptied.interval_s, emptied.calibrated_until_ms, emptied.gateway_id) == (None, None, None)


def test_another_channel_voids_the_trial_and_another_name_does_not(service: Service) -> None:
    head = "type,id,site_id,zone_id,name,device_id,channel\n"
    send(service, head + "circuit,mall-c1,mall,mall-kitchen,renamed,mall-switch,1\n", dry_run=False)
    assert service.records.thing("circuit", "mall-c1").trial is not None
    send(service, head + "circuit,mall-c1,mall,mall-kitchen,renamed,mall-switch,5\n", dry_run=False)
    assert service.records.thing("circuit", "mall-c1").trial is None


def test_a_device_does_not_leave_its_circuits_at_the_old_site(service: Service) -> None:
    for kind, thing in (("site", "plant"),):
        from dataclasses import replace

        present = service.records.thing(kind, thing)
        service.records.update(kind, replace(present, enterprise_id="e1"), "t", 0)
        service.board.roster.put(service.records.thing(kind, thing))
    head = "type,id,site_id,zone_id,name,kind,device_id,channel\n"
    alone = head + "device,mall-switch,plant,plant-kitchen,s,switch,,\n"
    assert bad(send(service, alone)) == {(2, "site_id")}
    along = alone + "".join(f"circuit,mall-c{n},plant,plant-kitchen,c,,mall-switch,{n}\n" for n in (1, 2))
    assert send(service, along)["bad"] == []


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_exported_is_imported_again_without_a_change(form: str, language: str, service: Service) -> None:
    send(service, GOOD, dry_run=False)
    hostile = '=HYPERLINK("http://x","y")'
    service.records.insert(
        "circuit",
        Circuit(id="odd", site_id="mall", zone_id="mall-kitchen", name=hostile, device_id="mall-switch", channel="9", tenant="'=1+1",
                panel='two\nlines, "quoted"', rated_a=0.1, permit_until_ms=1_798_725_600_123),
        "t", 0,
    )  # fmt: skip
    content = exported(service, f"format={form}&language={language}").content
    answer = send(service, content)
    assert answer["bad"] == []
    assert (answer["new"], answer["changed"], answer["same"]) == (0, 0, 9), answer["lines"]


def test_an_export_holds_only_what_the_person_sees_and_no_formula(service: Service) -> None:
    send(service, f"{HEAD}\ndevice,evil,mall,mall-kitchen,=cmd|' /C calc'!A0,gas,,,,,,,,,,,\n", dry_run=False)
    text = exported(service).text
    assert "plant" not in text
    assert ",'=cmd|" in text
    book = load_workbook(io.BytesIO(exported(service, "format=xlsx").content))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert "'=cmd|' /C calc'!A0" in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    assert "mall" not in exported(service, "format=csv", "plant").text
    assert len(exported(service, "format=csv&site=plant").text.splitlines()) == 1


def test_a_workbook_as_people_make_it_is_read(service: Service) -> None:
    from datetime import datetime

    book = Workbook()
    sheet = book.active
    sheet.append(["编号", "场所", "区域", "名称", "设备类型", "上报间隔秒", "检定有效期至", "地址"])
    sheet.append([86123456789012, "mall", "厨房", "探测器", "燃气探测器", 60, datetime(2027, 6, 30), None])
    sheet.append([None, None, None, None, None, None, None, None])
    out = io.BytesIO()
    book.save(out)
    send(service, out.getvalue(), dry_run=False)
    device = service.records.thing("device", "86123456789012")
    assert (device.kind, device.interval_s, device.calibrated_until_ms) == ("gas", 60.0, 1_814_371_200_000)


def test_text_from_excel_in_china_is_read() -> None:
    assert sheets.read("编号;名称\n1;燃气\n".encode("gb18030")) == [["编号", "名称"], ["1", "燃气"]]
    assert sheets.read("\ufeffa\tb\n".encode()) == [["a", "b"]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 no archive", "none"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", ".xls"),
        (b"a\0b", "null"),
        (b"\xff\xff\xff", "neither"),
        (b"x" * (sheets.MOST_BYTES + 1), "at most"),
        (b"a\n" * (sheets.MOST_ROWS + 1), "rows"),
        (b"a," + b'"' + b"x" * 200_000, "CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(SheetError, match=why):
        sheets.read(content)


def test_an_archive_that_unpacks_to_more_than_is_read_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (sheets.MOST_UNPACKED + 1))
    assert len(out.getvalue()) < 1_000_000
    monkeypatch.setattr(sheets, "_apart", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(SheetError, match="unpacks"):
        sheets.read(out.getvalue())


def test_a_file_that_is_none_is_a_problem_and_never_a_fault(service: Service) -> None:
    assert "xls" in send(service, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", status=422)["detail"]
    service.call("manager", "POST", "/devices/import", {"content_b64": "%%%"}, 422)


@pytest.mark.parametrize("text", ["2027-06-30", "2027/6/30", "2027.6.30", "20270630", "2027年6月30日"])
def test_a_day_is_valid_through_its_last_minute_in_the_sites_own_time(text: str) -> None:
    assert until_ms(text, "Asia/Shanghai") == 1_814_371_200_000
    assert last_day(1_814_371_200_000, "Asia/Shanghai") == "2027-06-30"
    assert last_day(until_ms(text, "America/New_York"), "America/New_York") == "2027-06-30"


@pytest.mark.parametrize("text", ["", "soon", "2027-13-01", "27-06-30", "2027-6-30x"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        until_ms(text, "Asia/Shanghai")


def test_moments_are_read_in_the_sites_own_time_where_they_have_no_offset() -> None:
    assert moment_ms("2026-12-31 22:00", "Asia/Shanghai") == moment_ms("2026-12-31T14:00:00Z", "Asia/Shanghai") == 1_798_725_600_000
    assert moment_ms(local_iso(1_798_725_600_123, "Asia/Urumqi"), "UTC") == 1_798_725_600_123
