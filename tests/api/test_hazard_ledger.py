"""The ledger over HTTP: photos without what a camera hid, links for rectifiers, fixes on the spot, crashes, counts and comparisons."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from api.shapes.times import iso
from hazards.queries import Cause
from tests.api.conftest import Service
from tests.api.plant import NOON
from tests.api.test_access import GRADED, PLAN

HOUR = 3_600_000


def photo(form: str = "JPEG", size: tuple[int, int] = (640, 480)) -> bytes:
    image, out, exif = Image.new("RGB", size, (200, 40, 40)), io.BytesIO(), Image.Exif()
    exif[0x010F], exif[0x0112] = "SECRET CAMERA", 6
    image.save(out, form, exif=exif)
    return out.getvalue()


def opened(service: Service, **more: Any) -> str:
    ask = {"site_id": "mall", "title": "blocked exit", "category": "exit"} | more
    return str(service.call("manager", "POST", "/hazards", ask, 201)["id"])


def rectifying(service: Service) -> str:
    hazard = opened(service)
    service.call("supervisor", "POST", f"/hazards/{hazard}/confirm", GRADED)
    service.call("enterprise", "POST", f"/hazards/{hazard}/rectify", PLAN)
    return hazard


def hand_in(service: Service, login: str, hazard: str, content: bytes, status: int = 201, **query: str) -> Any:
    path = f"/api/v1/hazards/{hazard}/files"
    answer = service.client.post(path, params=query, content=content, headers=service.as_(login))
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_photo_is_kept_upright_and_without_what_the_camera_wrote(service: Service) -> None:
    hazard = opened(service)
    assert b"SECRET CAMERA" in photo()
    shown = hand_in(service, "enterprise", hazard, photo(), moment="before", name="../../evil name<.jpg")
    (file,) = shown["files"]
    assert (file["media_type"], file["width"], file["height"], file["name"]) == ("image/jpeg", 480, 640, "evil name.jpg")
    answer = service.client.get(f"/api/v1/hazards/{hazard}/files/{file['id']}", headers=service.as_("operator"))
    assert b"SECRET CAMERA" not in answer.content
    assert (answer.headers["x-content-type-options"], "sandbox" in answer.headers["content-security-policy"]) == ("nosniff", True)
    small = service.client.get(f"/api/v1/hazards/{hazard}/files/{file['id']}/thumbnail", headers=service.as_("operator"))
    assert max(Image.open(io.BytesIO(small.content)).size) == 320
    assert [step["act"] for step in shown["steps"]][-1] == "attach"


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><script>alert(1)</script>", b"GIF89a" + bytes(50), b"%PDF-1.7 cut off", photo()[:200], b"\x89PNG\r\n\x1a\n" + bytes(100)],
    ids=["empty", "html", "gif", "half a pdf", "half a photo", "a png's head alone"],
)
def test_what_is_no_picture_or_pdf_by_its_content_is_refused(service: Service, content: bytes) -> None:
    hand_in(service, "enterprise", opened(service), content, 422, name="x.jpg")


def test_a_pdf_is_only_ever_downloaded(service: Service) -> None:
    hazard = opened(service)
    (file,) = hand_in(service, "enterprise", hazard, b"%PDF-1.4\n1 0 obj\n%%EOF\n", name="plan.pdf")["files"]
    answer = service.client.get(f"/api/v1/hazards/{hazard}/files/{file['id']}", headers=service.as_("operator"))
    assert answer.headers["content-disposition"].startswith("attachment")
    path = f"/api/v1/hazards/{hazard}/files/{file['id']}/thumbnail"
    assert service.client.get(path, headers=service.as_("operator")).status_code == 404


def test_found_and_fixed_is_accepted_in_a_batch_by_somebody_else(service: Service) -> None:
    picture = base64.b64encode(photo()).decode()
    ask = {"site_id": "mall", "title": "blocked exit", "measures": "cleared", "before": picture, "after": picture}
    made = [service.call("enterprise", "POST", "/hazards/fixed", ask, 201) for _ in range(2)]
    assert [(m["state"], [f["moment"] for f in m["files"]]) for m in made] == [("submitted", ["before", "after"])] * 2
    ids = [m["id"] for m in made]
    mine = service.call("enterprise", "POST", "/hazards/accept", {"ids": ids})["items"]
    assert [each["accepted"] for each in mine] == [False, False]
    done = service.call("manager", "POST", "/hazards/accept", {"ids": [*ids, "nowhere"], "note": "seen"})["items"]
    assert [each["accepted"] for each in done] == [True, True, False]
    assert "nowhere" in done[2]["problem"]


def test_a_rectifiers_link_shows_one_hazard_and_ends_with_the_submission(service: Service) -> None:
    hazard = rectifying(service)
    made = service.call("enterprise", "POST", f"/hazards/{hazard}/rectifiers", {"name": "Plumber"}, 201)
    path = f"/api/v1{made['path']}"
    shown = service.client.get(path).json()
    assert (shown["title"], shown["may_submit"], "found_by" in shown) == ("blocked exit", True, False)
    assert service.client.get(path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 404
    assert service.client.post(f"{path}/submit", json={"note": "done"}).status_code == 422, "no photo of after yet"
    assert service.client.post(f"{path}/photos", content=b"%PDF-1.4 %%EOF").status_code == 422, "photos only"
    shown = service.client.post(f"{path}/photos", content=photo()).json()
    assert service.client.get(f"{path}/photos/{shown['photos'][0]['id']}").headers["content-type"] == "image/jpeg"
    assert service.client.post(f"{path}/submit", json={"note": "new valve"}).status_code == 200
    assert service.client.get(path).status_code == 410
    record = service.call("manager", "GET", f"/hazards/{hazard}")
    assert (record["state"], record["steps"][-1]["note"]) == ("submitted", "Plumber: new valve")
    assert service.call("enterprise", "GET", f"/hazards/{hazard}/rectifiers")["items"][0]["state"] == "used"


def test_a_link_that_was_revoked_or_is_too_old_or_asked_too_often_lets_nobody_in(service: Service) -> None:
    hazard = rectifying(service)
    first, second = (service.call("enterprise", "POST", f"/hazards/{hazard}/rectifiers", {"name": "P", "hours": 1}, 201) for _ in range(2))
    service.call("enterprise", "DELETE", f"/hazards/{hazard}/rectifiers/{first['id']}", status=204)
    assert service.client.get(f"/api/v1{first['path']}").status_code == 410
    codes = [service.client.get(f"/api/v1{second['path']}").status_code for _ in range(70)]
    assert (codes[0], codes[-1]) == (200, 429)
    service.clock.advance(HOUR)
    assert service.client.get(f"/api/v1{second['path']}").status_code == 410


def test_a_key_makes_one_hazard_although_the_answer_was_never_stored(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = {"site_id": "mall", "title": "blocked exit", "category": "exit"}
    made = service.call("manager", "POST", "/hazards", ask, 201, Idempotency_Key="k1")
    service.door.remembered._newest.clear()
    monkeypatch.setattr(service.records, "remembered", lambda *_: None)  # the crash came before the answer was kept
    again = service.call("manager", "POST", "/hazards", ask, 201, Idempotency_Key="k1")
    assert again["id"] == made["id"]
    service.door.remembered._newest.clear()
    service.call("manager", "POST", "/hazards", ask | {"title": "another"}, 409, Idempotency_Key="k1")
    assert Cause("k", "f") == Cause("k", "f")


def test_each_source_has_its_own_required_fields(service: Service) -> None:
    ask = {"site_id": "mall", "title": "x", "category": "gas", "source": "government"}
    assert "body, document" in service.call("supervisor", "POST", "/hazards", ask, 422)["detail"]
    made = service.call("supervisor", "POST", "/hazards", ask | {"origin": {"body": "消防大队", "document": "2026-1"}}, 201)
    assert (made["origin"]["document"], made["chain"][0]["party"]) == ("2026-1", "government")
    service.call("supervisor", "POST", "/hazards", ask | {"source": "alarm"}, 422)


def test_an_extension_is_granted_by_another_and_the_list_of_major_ones_is_counted(service: Service) -> None:
    hazard = rectifying(service)
    ask = {"until_at": iso(NOON + 72 * HOUR), "reason": "parts are late"}
    shown = service.call("enterprise", "POST", f"/hazards/{hazard}/extend", ask)
    assert not {"grant", "extend"} & set(shown["may"])
    assert "grant" in service.call("supervisor", "GET", f"/hazards/{hazard}")["may"]
    granted = service.call("supervisor", "POST", f"/hazards/{hazard}/extension", {"granted": True})
    assert granted["rectification"]["deadline_at"] == iso(NOON + 72 * HOUR)
    service.call("supervisor", "POST", f"/hazards/{opened(service)}/confirm", {"grade": "major"})
    counts = service.call("supervisor", "GET", "/hazards/counts")
    assert counts["facets"]["due"]["unlisted_major"] == 1
    assert sum(counts["facets"]["age"].values()) == counts["facets"]["due"]["open"]
    assert set(counts["facets"]["region"].values()) == {counts["total"]}


def test_parts_have_their_own_numbers_and_the_whole_knows_them(service: Service) -> None:
    hazard = opened(service)
    ask = {"parts": [{"title": "the lock"}, {"title": "the sign"}], "reason": "two things"}
    made = service.call("manager", "POST", f"/hazards/{hazard}/split", ask)
    assert [each["title"] for each in made["hazard"]["parts"]] == ["the lock", "the sign"]
    assert service.call("manager", "GET", f"/hazards/{made['part_ids'][0]}")["split_from"] == hazard


def test_trend_comparison_and_reconciliation_say_the_same(service: Service) -> None:
    hazard = rectifying(service)
    opened(service)
    service.call("enterprise", "POST", f"/hazards/{hazard}/submit", {"note": "done"})
    service.call("manager", "POST", f"/hazards/{hazard}/accept", {"note": "seen"})
    steps = service.call("manager", "GET", "/hazards/trend?step=day")["items"]
    assert (len(steps), steps[-1]["found"], steps[-1]["closed"]) == (30, 2, 1)
    (row,) = service.call("manager", "GET", "/hazards/comparison")["items"]
    assert (row["found"], row["open"], row["closed"], row["on_time_share"]) == (2, 1, 1, 1.0)
    listed = service.call("manager", "GET", "/hazards/reconciliation")
    assert (listed["listed"], listed["closed"], listed["remaining"]) == (2, 1, 1)
    lacks = {each["hazard"]["state"]: each["lacks"] for each in listed["items"]}
    assert lacks == {
        "accepted": ["photo_before", "photo_after"],
        "reported": ["grade", "plan", "submission", "photo_before", "photo_after", "acceptance"],
    }


def test_saved_filters_are_a_persons_own(service: Service) -> None:
    made = service.call("manager", "POST", "/hazard-views", {"name": "late", "filter": {"state": "overdue", "grade": "major"}}, 201)
    changed = {"name": "late ones", "filter": {"state": "overdue"}, "version": 1}
    assert service.call("manager", "PUT", f"/hazard-views/{made['id']}", changed)["version"] == 2
    service.call("operator", "DELETE", f"/hazard-views/{made['id']}", status=404)
    service.call("manager", "DELETE", f"/hazard-views/{made['id']}", status=204)
    assert service.call("manager", "GET", "/hazard-views")["items"] == []


def test_linked_alarms_keep_the_gate_shut_until_they_are_clean(service: Service) -> None:
    hazard = opened(service)
    service.call("manager", "POST", f"/hazards/{hazard}/link", {"alarm_ids": ["mall-alarm"]})
    assert service.call("manager", "GET", f"/hazards/{hazard}")["clean_since"] is None
    before = service.board.alarms["mall-alarm"]
    service.call("manager", "POST", f"/hazards/{hazard}/link", {"alarm_ids": ["plant-alarm"]}, 422)
    assert service.board.alarms["mall-alarm"] == before, "nothing that is done to a hazard resets an alarm"
