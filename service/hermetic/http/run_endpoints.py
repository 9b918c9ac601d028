"""`/v1/run` and `/v1/runs/…`."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hermetic.errors import Contradiction
from hermetic.grants import Grant, narrowed
from hermetic.http.bodies import parse_run, read_body
from hermetic.http.disconnects import cancelled_when_gone
from hermetic.http.event_stream import MEDIA_TYPE, EventStreamResponse
from hermetic.http.problems import ServiceFault
from hermetic.http.requests import approval, caller, idempotency_key, json_response, service_of
from hermetic.http.schemas import RunBody
from hermetic.http.service import Service
from hermetic.kept_runs import KeptRun
from hermetic.orders import RunOrder, SessionPlace
from hermetic.policy.allowances import narrow
from hermetic.policy.decisions import Allowance
from hermetic.policy.enforcing import AdmittedOrder
from hermetic.session_limits import session_run_limits

_WAIT = re.compile(r"wait=(\d{1,5})")
_WEIGHT = re.compile(r"(?:^|;)\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)")
_LONGEST_WAIT_SECONDS = 60
_QUICK_BODY_BYTES = 64 * 1024
"""Up to here, parsing takes less time than another thread would."""


async def run(request: Request) -> Response:
    """POST /v1/run."""
    service = service_of(request)
    grant = await caller(request)
    body = await read_body(request, service.settings.body_bytes)
    if len(body) <= _QUICK_BODY_BYTES:
        given = parse_run(body)
    else:
        given = await asyncio.to_thread(parse_run, body)

    async def take() -> AdmittedOrder:
        return await _admitted(request, grant, given)

    key = idempotency_key(request)
    if _accepts_events(request):
        if key is not None or _prefers(request, "respond-async") or given.keep_files:
            raise Contradiction(
                "an event stream belongs to its request, and can't be kept",
                hint="Ask for application/json, or leave out what has the run kept.",
            )
        order, admission = await take()
        return EventStreamResponse(
            service.runs.submit(grant, order, followed="everything", admission=admission)
        )
    if key is None and not _prefers(request, "respond-async"):
        if given.keep_files:
            raise Contradiction(
                "the files of a run can be kept only if the run is",
                hint="Send the header Prefer: respond-async, or an Idempotency-Key.",
            )
        return await _run_while_connected(request, service, grant, await take())
    digest = hashlib.sha256(body).digest()
    kept = await service.kept.submit(grant, take, idempotency_key=key, request_hash=digest)
    place = {"Location": f"/v1/runs/{kept.id}"}
    if _prefers(request, "respond-async"):
        if _wait_seconds(request):
            kept = await _waited(request, grant, kept.id)
            if kept.result is not None:
                return json_response(kept.result, headers=place)
        headers = place | {"Preference-Applied": "respond-async"}
        return json_response(kept_fields(kept), 202, headers)
    ended = await service.kept.wait(grant, kept.id)
    if ended.result is None:
        what = ended.error or {}
        raise _Failed(str(what.get("message")), hint=what.get("hint"))
    return json_response(ended.result)


async def _admitted(request: Request, grant: Grant, given: RunBody) -> AdmittedOrder:
    """Raises what `order_of` does and, with a policy, what `EnforcedPolicy.order` does."""
    service = service_of(request)
    make = partial(order_of, service, grant, given)
    if service.policy is not None:
        arguments = given.model_dump(mode="json", exclude_unset=True)
        return await service.policy.order(grant, arguments, make, approval=approval(request))
    if given.needs_a_disk:
        return AdmittedOrder(await asyncio.to_thread(make))
    return AdmittedOrder(make())


def order_of(
    service: Service, grant: Grant, given: RunBody, allowance: Allowance | None = None
) -> RunOrder:
    """With uploads, and with the limits of its session. This may wait for a disk.

    Raises as `RunBody.order` does, and `SessionNotFound`, `UnknownFile` and `NotAllowed`.
    """
    asked = given.limits.chosen()
    place = None
    if given.session is not None:
        record = service.runs.sessions.find(grant, given.session)
        limits = session_run_limits(grant, record, asked, allowance)
        place = SessionPlace(record.id, record.generation)
    else:
        limits = narrowed(grant, asked) if allowance is None else narrow(allowance, asked)
    if given.keep_files:
        service.files.check_room(grant)
    return given.order(limits, place, lambda upload: service.files.read(grant, upload))


class _Failed(ServiceFault):
    """A kept run could not be executed."""

    code = "run_failed"


async def _run_while_connected(
    request: Request, service: Service, grant: Grant, admitted: AdmittedOrder
) -> Response:
    order, admission = admitted
    submitted = service.runs.submit(grant, order, admission=admission)
    with cancelled_when_gone(submitted, request.receive):
        result = await submitted.result()
    return json_response(result.to_dict())


async def show_run(request: Request) -> Response:
    """GET /v1/runs/{id}; with `Prefer: wait=SECONDS` when it has ended or time is up."""
    grant = await caller(request)
    return json_response(kept_fields(await _waited(request, grant, request.path_params["id"])))


async def _waited(request: Request, grant: Grant, run: str) -> KeptRun:
    """A run as it is when it has ended, or when the time is up that the caller waits."""
    kept = service_of(request).kept
    seconds = _wait_seconds(request)
    if seconds:
        with suppress(TimeoutError):
            return await asyncio.wait_for(kept.wait(grant, run), seconds)
    return await kept.find(grant, run)


async def remove_run(request: Request) -> Response:
    """DELETE /v1/runs/{id}: cancel one that has not ended, forget one that has."""
    service, grant = service_of(request), await caller(request)
    before = await service.kept.remove(grant, request.path_params["id"])
    if before.finished is not None:
        return Response(status_code=204)
    return json_response(kept_fields(await service.kept.wait(grant, before.id)))


def kept_fields(kept: KeptRun) -> dict[str, Any]:
    """A kept run as the fields of its body."""
    return asdict(kept)


def _accepts_events(request: Request) -> bool:
    """Whether events are named in `Accept`, and JSON is not liked better (RFC 9110, 12.5.1)."""
    weights = dict[str, float]()
    for each in ",".join(request.headers.getlist("accept")).lower().split(","):
        media_type, _, parameters = each.partition(";")
        found = _WEIGHT.search(parameters)
        weights[media_type.strip()] = float(found[1]) if found else 1.0
    events = weights.get(MEDIA_TYPE, 0.0)
    return events > 0 and events >= weights.get("application/json", 0.0)


def _prefers(request: Request, preference: str) -> bool:
    """Whether a `Prefer` header (RFC 7240) names it."""
    return any(each == preference for each in _preferences(request))


def _preferences(request: Request) -> list[str]:
    lines = ",".join(request.headers.getlist("prefer")).lower()
    return [each.partition(";")[0].strip() for each in lines.split(",")]


def _wait_seconds(request: Request) -> int:
    for each in _preferences(request):
        if found := _WAIT.fullmatch(each):
            return min(int(found[1]), _LONGEST_WAIT_SECONDS)
    return 0
