"""Files over HTTP: of sessions, of runs, and uploads."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2
import pytest
from conditions import comes_true
from live_service import PATIENCE_SECONDS, LiveService, live_service
from service_calls import create_key, ended_run, with_key

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def place(client: httpx2.Client) -> Iterator[str]:
    """The path of the files of a new session."""
    session = client.post("/v1/sessions", json={}).headers["location"]
    yield f"{session}/files"
    client.delete(session)


def run(client: httpx2.Client, place: str, code: str) -> object:
    body = {"code": code, "session": place.split("/")[3]}
    return client.post("/v1/run", json=body).json()["value"]["json"]


def test_what_is_written_can_be_read_by_both_sides(client: httpx2.Client, place: str) -> None:
    made = client.put(f"{place}/data/流 b.txt", content=b"abc")
    assert (made.status_code, client.put(f"{place}/empty", content=b"").status_code) == (201, 201)
    assert run(client, place, "open('out', 'w').write('x'); open('data/流 b.txt').read()") == "abc"
    assert client.get(made.headers["location"]).content == b"abc"
    assert client.get(f"{place}/out").content == b"x"
    assert client.get(place).json()["files"] == [
        {"path": "data/流 b.txt", "size": 3},
        {"path": "empty", "size": 0},
        {"path": "out", "size": 1},
    ]


@pytest.mark.parametrize("name", ["a%0Ab", "d%0A/a", "a%0A", "%0A"])
def test_a_name_may_have_a_line_feed(client: httpx2.Client, place: str, name: str) -> None:
    assert client.put(f"{place}/{name}", content=b"1").status_code == 201
    assert client.get(f"{place}/{name}").content == b"1"
    assert client.get(place).json()["files"] == [{"path": unquote(name), "size": 1}]
    assert client.delete(f"{place}/{name}").status_code == 204


def test_a_file_is_replaced(client: httpx2.Client, place: str) -> None:
    tags = [client.put(f"{place}/a", content=data) for data in (b"1", b"2")]
    assert [each.status_code for each in tags] == [201, 204]
    assert tags[0].headers["etag"] != tags[1].headers["etag"]
    got = client.get(f"{place}/a")
    assert (got.content, got.headers["etag"]) == (b"2", tags[1].headers["etag"])


def test_a_large_file_comes_back_whole(client: httpx2.Client, place: str) -> None:
    data = bytes(range(256)) * 20_000
    client.put(
        f"{place}/large", content=(data[at : at + 99_999] for at in range(0, 5_120_000, 99_999))
    )
    assert client.get(f"{place}/large").content == data


def test_a_file_is_removed_and_a_folder_with_all_in_it(client: httpx2.Client, place: str) -> None:
    for name in ("a", "d/b", "d/c"):
        client.put(f"{place}/{name}", content=b"1")
    assert client.delete(f"{place}/a").status_code == 204
    assert client.delete(f"{place}/d").status_code == 204
    assert client.get(place).json() == {"files": []}
    gone = client.delete(f"{place}/a")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_file")
    assert client.get(f"{place}/a").json()["code"] == "unknown_file"


@pytest.mark.parametrize(
    ("asked", "status", "content", "part"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
def test_a_range_is_answered_with_that_part_of_the_file(
    client: httpx2.Client,
    place: str,
    asked: str,
    status: int,
    content: bytes | None,
    part: str | None,
) -> None:
    client.put(f"{place}/a", content=b"0123456789")
    got = client.get(f"{place}/a", headers={"Range": asked})
    assert (got.status_code, got.headers.get("content-range")) == (status, part)
    if content is not None:
        assert got.content == content
    else:
        assert got.json()["code"] == "range_not_satisfiable"


def test_a_range_is_only_of_the_file_that_is_meant(client: httpx2.Client, place: str) -> None:
    tag = client.put(f"{place}/a", content=b"0123").headers["etag"]
    headers = {"Range": "bytes=1-2", "If-Range": tag}
    assert client.get(f"{place}/a", headers=headers).content == b"12"
    client.put(f"{place}/a", content=b"abcd")
    assert client.get(f"{place}/a", headers=headers).content == b"abcd"


def test_a_date_never_continues_a_file(client: httpx2.Client, place: str) -> None:
    """Two versions of a file can have the same second."""
    client.put(f"{place}/a", content=b"0123")
    headers = {"Range": "bytes=1-2"}
    headers["If-Range"] = client.get(f"{place}/a").headers["last-modified"]
    assert client.get(f"{place}/a", headers=headers).content == b"0123"


def test_a_head_is_of_the_whole_file(client: httpx2.Client, place: str) -> None:
    client.put(f"{place}/a", content=b"0123")
    head = client.head(f"{place}/a", headers={"Range": "bytes=1-2"})
    assert (head.status_code, head.headers["content-length"]) == (200, "4")


def test_a_file_is_replaced_only_if_it_is_the_one_that_is_meant(
    client: httpx2.Client, place: str
) -> None:
    tag = client.put(f"{place}/a", content=b"0123").headers["etag"]
    assert client.put(f"{place}/a", content=b"1", headers={"If-Match": tag}).status_code == 204
    late = client.put(f"{place}/a", content=b"2", headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert client.delete(f"{place}/a", headers={"If-Match": tag}).status_code == 412
    assert client.get(f"{place}/a", headers={"If-Match": tag}).status_code == 412
    assert client.get(f"{place}/a").content == b"1"


def test_a_file_is_made_only_if_it_is_not_there(client: httpx2.Client, place: str) -> None:
    new = {"If-None-Match": "*"}
    assert client.put(f"{place}/a", content=b"1", headers=new).status_code == 201
    assert client.put(f"{place}/a", content=b"2", headers=new).status_code == 412
    assert client.get(f"{place}/a").content == b"1"


@pytest.mark.parametrize(
    ("name", "date", "status"),
    [
        ("If-Modified-Since", "Fri, 31 Dec 2099 23:59:59 GMT", 304),
        ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("If-Unmodified-Since", "Fri, 31 Dec 2099 23:59:59 GMT", 200),
        ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 412),
        ("If-Unmodified-Since", "yesterday", 200),
    ],
)
def test_a_date_can_be_a_condition(
    client: httpx2.Client, place: str, name: str, date: str, status: int
) -> None:
    client.put(f"{place}/a", content=b"0123")
    assert client.get(f"{place}/a", headers={name: date}).status_code == status


def test_what_is_known_is_not_sent_again(client: httpx2.Client, place: str) -> None:
    tag = client.put(f"{place}/a", content=b"0123").headers["etag"]
    got = client.get(f"{place}/a", headers={"If-None-Match": tag})
    assert (got.status_code, got.content) == (304, b"")


def test_the_head_of_a_file_tells_its_size(client: httpx2.Client, place: str) -> None:
    client.put(f"{place}/a", content=b"0123")
    head = client.head(f"{place}/a")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "4", b"")


def test_files_are_not_shown_as_pages(client: httpx2.Client, place: str) -> None:
    client.put(f"{place}/a.html", content=b"<script></script>")
    headers = client.get(f"{place}/a.html").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "%2e%2e/a", "a%2fb", "a%00b", "a//b", "./a", "", "%ff", "a" * 300],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_names_that_lead_elsewhere_are_refused(
    service: LiveService, place: str, method: str, name: str
) -> None:
    """A client that sends the path as it is, as httpx2 would not."""
    raw = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=PATIENCE_SECONDS)
    raw.request(method, f"{place}/{name}", body=b"1" if method == "PUT" else None)
    assert raw.getresponse().status == 422
    raw.close()


def test_a_link_that_the_guest_made_leads_nowhere(client: httpx2.Client, place: str) -> None:
    run(client, place, "import os; os.symlink('/etc', 'e'); os.symlink('/etc/passwd', 'p'); 1")
    for name in ("p", "e/passwd"):
        assert client.get(f"{place}/{name}").status_code in (404, 422)


def test_a_workspace_is_bounded(client: httpx2.Client) -> None:
    body = {"limits": {"disk_bytes": 100_000}}
    session = client.post("/v1/sessions", json=body).headers["location"]
    assert client.put(f"{session}/files/a", content=b"1" * 60_000).status_code == 201
    full = client.put(f"{session}/files/b", content=(b"1" * 10_000 for _ in range(6)))
    assert (full.status_code, full.json()["code"]) == (413, "body_too_large")
    assert [each["path"] for each in client.get(f"{session}/files").json()["files"]] == ["a"]
    client.delete(session)


def test_an_upload_can_be_given_to_runs(client: httpx2.Client) -> None:
    data = bytes(range(256)) * 10_000
    answer = client.post("/v1/files", content=data)
    assert (answer.status_code, answer.json()["size"]) == (201, len(data))
    files = {"in/data.bin": {"upload": answer.json()["id"]}}
    for interpreter in ("pyodide", "wasi"):
        body = {"code": "len(open('in/data.bin', 'rb').read())", "files": files}
        result = client.post("/v1/run", json=body | {"interpreter": interpreter}).json()
        assert result["value"]["json"] == len(data)
    assert answer.json()["id"] in [each["id"] for each in client.get("/v1/files").json()["uploads"]]
    assert client.delete(answer.headers["location"]).status_code == 204
    gone = client.post("/v1/run", json={"code": "1", "files": files})
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_file")


def test_an_upload_is_made_once(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "upload-1"}
    ids = [client.post("/v1/files", content=b"1", headers=headers).json()["id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert client.post("/v1/files", content=b"2", headers=headers).status_code == 422
    client.delete(f"/v1/files/{ids[0]}")


@pytest.fixture(scope="module")
def bounded(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("bounded") / "data"
    with live_service(data, file_bytes_per_grant=1000, uploads_seconds=1) as service:
        (data / "url").write_text(service.url)
        yield data


def keyed(data: Path) -> httpx2.Client:
    headers = with_key(create_key(data, "a key"))
    url = (data / "url").read_text()
    return httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)


def test_what_a_key_keeps_is_bounded(bounded: Path) -> None:
    with keyed(bounded) as client:
        assert client.post("/v1/files", content=b"1" * 800).status_code == 201
        full = client.post("/v1/files", content=b"1" * 300)
        assert (full.status_code, full.json()["code"]) == (413, "body_too_large")


def test_an_upload_of_another_key_is_not_there(bounded: Path) -> None:
    with keyed(bounded) as mine, keyed(bounded) as other:
        upload = mine.post("/v1/files", content=b"1").json()["id"]
        assert other.delete(f"/v1/files/{upload}").status_code == 404
        body = {"code": "1", "files": {"a": {"upload": upload}}}
        assert other.post("/v1/run", json=body).status_code == 404


def test_uploads_expire(bounded: Path) -> None:
    with keyed(bounded) as client:
        client.post("/v1/files", content=b"1")
        assert comes_true(lambda: not client.get("/v1/files").json()["uploads"])


def kept_run(client: httpx2.Client, code: str, **body: object) -> str:
    place = client.post(
        "/v1/run", json={"code": code, "keep_files": True} | body, headers=ASYNC
    ).headers["location"]
    ended_run(client, place)
    return place


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_files_that_a_run_made_can_be_fetched(
    client: httpx2.Client, wasi_prepared: None, interpreter: str
) -> None:
    code = "import os; os.mkdir('d'); open('d/é.txt', 'w').write('made')"
    place = kept_run(client, code, interpreter=interpreter)
    assert client.get(f"{place}/files").json() == {"files": [{"path": "d/é.txt", "size": 4}]}
    assert client.get(f"{place}/files/d/é.txt").content == b"made"
    assert client.delete(place).status_code == 204
    assert client.get(f"{place}/files/d/é.txt").json()["code"] == "unknown_file"


def test_files_of_a_run_are_kept_only_if_that_is_asked_for(client: httpx2.Client) -> None:
    place = kept_run(client, "open('a', 'w').write('1')", keep_files=False)
    assert client.get(f"{place}/files").status_code == 404
    response = client.post("/v1/run", json={"code": "1", "keep_files": True})
    assert response.status_code == 422


def test_a_run_that_made_no_files_has_none_wherever_its_guest_came_from(
    client: httpx2.Client,
) -> None:
    for _ in range(4):
        place = kept_run(client, "1")
        assert client.get(f"{place}/files").json() == {"files": []}


def test_links_that_a_run_made_lead_nowhere(client: httpx2.Client) -> None:
    place = kept_run(client, "import os; os.symlink('a', 'b'); open('a', 'w').write('1')")
    assert client.get(f"{place}/files/b").status_code == 422
