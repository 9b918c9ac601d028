"""Mixed runs from many callers at once, every outcome checked: nothing may be lost or wrong.

    scripts/load [--runs 2000] [--callers 64] [--shared] [--chaos] [--restart]

With --chaos, guest processes and zygotes are killed at random meanwhile: a run may then
also have crashed, or not have started, and must say so. Prints what came of each kind of
run, and the memory and descriptors of the service at the beginning and at the end. With
--shared, runs are those of a trusted key: in worker processes. With --restart, the service
is killed instead while kept runs wait and run, some of them in sessions, and another one on
the same data must end every one of them well, and have every session with its variables and
its files.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from service import service

_WARM_RUNS = 100
_KEPT_RUNS = 160
_SESSIONS = 20
_KILLS = 0.1
"""How many processes are killed for each answer, so that a slow machine is not a harder one."""


class Kind(NamedTuple):
    """A kind of run: what is sent, how it must end, and how many of 100 runs are such."""

    body: dict[str, Any]
    outcome: str
    share: int


KINDS = {
    "hello": Kind({"code": "print('hello')"}, "ok", 45),
    "json": Kind({"code": "import json; json.dumps(x)", "inputs": {"x": [1] * 1000}}, "ok", 15),
    "pandas": Kind(
        {"code": "import pandas as pd; print(pd.Series([1, 2]).sum())", "interpreter": "wasi"},
        "ok",
        5,
    ),
    "error": Kind({"code": "1 / 0"}, "error", 5),
    "big output": Kind({"code": "print('x' * 1_000_000)"}, "ok", 5),
    "too much output": Kind(
        {"code": "while True: print('x' * 1000)", "limits": {"output_bytes": 100_000}}, "output", 5
    ),
    "memory": Kind(
        {"code": "b = bytearray(10**9)", "limits": {"memory_bytes": 64 * 2**20}}, "memory", 5
    ),
    "time": Kind({"code": "while True: pass", "limits": {"wall_seconds": 0.3}}, "timeout", 5),
    "cancelled": Kind({"code": "while True: pass"}, "cancelled", 5),
    "session": Kind({"code": "n = 1"}, "ok", 5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--chaos", action="store_true")
    parser.add_argument("--restart", action="store_true")
    options = parser.parse_args()
    arguments = ["--shared"] if options.shared else []
    if options.restart:
        asyncio.run(restart(options.runs, arguments))
        return
    with service(arguments=arguments) as (url, pid):
        asyncio.run(load(url, pid, _WARM_RUNS, options.callers, chaos=False))
        before, opened = resident_mib(pid), descriptors(pid)
        counts = asyncio.run(load(url, pid, options.runs, options.callers, chaos=options.chaos))
        after, left = resident_mib(pid), asyncio.run(descriptors_at_rest(pid, opened))
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:<18}{outcome:<12}{count:>6}")
    print(f"memory of the service: {before:.0f} MiB, then {after:.0f} MiB")
    print(f"its descriptors: {opened}, then {left}")
    allowed = {"crashed", "sandbox_crashed"} if options.chaos else set[str]()
    wrong = [each for each in counts if each[1] not in {KINDS[each[0]].outcome, *allowed}]
    if wrong or counts.total() != options.runs:
        raise SystemExit(f"wrong: {wrong}; {counts.total()} of {options.runs} runs answered")


async def load(
    url: str, pid: int, runs: int, callers: int, *, chaos: bool
) -> Counter[tuple[str, str]]:
    """How often each kind had each outcome."""
    names = random.Random(1).choices(
        list(KINDS), weights=[kind.share for kind in KINDS.values()], k=runs
    )
    counts = Counter[tuple[str, str]]()
    limits = httpx2.Limits(max_connections=callers)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=300) as client:

        async def call() -> None:
            while names:
                name = names.pop()
                counts[name, await outcome_of(client, name)] += 1
                if chaos and random.random() < _KILLS:
                    kill_at_random(pid)

        await asyncio.gather(*(call() for _ in range(callers)))
    return counts


async def outcome_of(client: httpx2.AsyncClient, name: str) -> str:
    body = KINDS[name].body
    if name == "session":
        return await outcome_of_session(client, body)
    if name != "cancelled":
        return outcome_in(await answer_to(client, body))
    kept = await client.post("/v1/run", json=body, headers={"Prefer": "respond-async"})
    await asyncio.sleep(random.random())
    ended = await client.delete(kept.headers["location"])
    return "crashed" if ended.status_code == 204 else str(ended.json()["result"]["outcome"])


async def outcome_of_session(client: httpx2.AsyncClient, body: dict[str, Any]) -> str:
    """Of the second run in a new session: it must find what the first one left."""
    session = (await client.post("/v1/sessions", json={})).json()["id"]
    outcome = outcome_in(await answer_to(client, body | {"session": session}))
    if outcome == "ok":
        answer = await answer_to(client, {"code": "n + 1", "session": session})
        outcome = outcome_in(answer)
        if outcome == "ok" and answer.json()["value"]["json"] != 2:
            outcome = "state lost"
    await client.delete(f"/v1/sessions/{session}")
    return outcome


async def answer_to(client: httpx2.AsyncClient, body: dict[str, Any]) -> httpx2.Response:
    """Of a run that is sent again when there was no room for it."""
    response = await client.post("/v1/run", json=body)
    while response.status_code == 429:
        await asyncio.sleep(int(response.headers["retry-after"]))
        response = await client.post("/v1/run", json=body)
    return response


def outcome_in(response: httpx2.Response) -> str:
    fields = response.json()
    return str(fields.get("outcome") or fields.get("code"))


def kill_at_random(root: int) -> None:
    """Mostly a guest process, often a zygote, with all of its guests."""
    zygotes = children_of(root)
    guests = [guest for zygote in zygotes for guest in children_of(zygote)]
    chosen = zygotes if random.random() < 0.2 else guests
    if chosen:
        with suppress(ProcessLookupError):
            os.kill(random.choice(chosen), signal.SIGKILL)


async def restart(runs: int, arguments: list[str]) -> None:
    """Kill the service with kept runs in every state, and look for all of them in the next."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with service(data, arguments) as (url, pid):
            async with httpx2.AsyncClient(base_url=url, timeout=300) as client:
                sessions = [await made_session(client, number) for number in range(_SESSIONS)]
                places, going_on = list[str](), dict[int, str]()
                for number in range(min(runs, _KEPT_RUNS)):
                    places.append(await kept_run(client, number))
                    each, between = divmod(number, _KEPT_RUNS // _SESSIONS)
                    if each % 2 and not between:
                        going_on[each] = await kept_run(client, each, sessions[each])
                zygotes = children_of(pid)
                guests = [guest for zygote in zygotes for guest in children_of(zygote)]
                os.kill(pid, signal.SIGKILL)
        with service(data, arguments) as (url, _):
            async with httpx2.AsyncClient(base_url=url, timeout=300) as client:
                for number, place in enumerate(places):
                    ended = await end_of(client, place)
                    assert ended["result"]["stdout"]["text"] == f"{number}\n", ended
                again = [await end_of(client, place) for place in going_on.values()]
                for number, session in enumerate(sessions):
                    added = 100 if number in going_on else 0
                    await check_session(client, session, number, number + added)
        assert not any(Path(f"/proc/{each}").exists() for each in (*zygotes, *guests))
        print(f"{len(places)} kept runs, all ended well after the service was killed")
        repeated = sum(each["state"] == "ended" for each in again)
        print(f"{len(sessions)} sessions, all with their variables and files")
        print(f"{len(again)} kept runs in them, {repeated} with a result, each executed once")


async def made_session(client: httpx2.AsyncClient, number: int) -> str:
    """A session with a variable and a file that tell its number: its id."""
    session = (await client.post("/v1/sessions", json={})).json()["id"]
    code = f"n = {number}; open('number.txt', 'w').write(str(n))"
    answer = await answer_to(client, {"code": code, "session": session})
    assert outcome_in(answer) == "ok", answer.text
    return str(session)


async def kept_run(client: httpx2.AsyncClient, number: int, session: str | None = None) -> str:
    """Where a run is that outlives its request; one in a session adds to its variable."""
    code = f"import time; time.sleep(0.05); print({number})"
    body = {"code": code} if session is None else {"code": f"{code}; n += 100", "session": session}
    kept = await client.post("/v1/run", json=body, headers={"Prefer": "respond-async"})
    return kept.headers["location"]


async def end_of(client: httpx2.AsyncClient, place: str) -> dict[str, Any]:
    ended: dict[str, Any] = {"finished": None}
    while ended["finished"] is None:
        ended = (await client.get(place, headers={"Prefer": "wait=60"})).json()
    return ended


async def check_session(
    client: httpx2.AsyncClient, session: str, number: int, expected: int
) -> None:
    """Its variable and its file are what its runs made of them, each executed once."""
    answer = await answer_to(client, {"code": "n", "session": session})
    assert answer.json()["value"]["json"] == expected, (number, answer.text)
    file = await client.get(f"/v1/sessions/{session}/files/number.txt")
    assert file.text == str(number), (number, file.text)


async def descriptors_at_rest(pid: int, before: int) -> int:
    """When there are as many as before, or not after a minute: guests end after their answers."""
    for _ in range(600):
        if descriptors(pid) <= before:
            break
        await asyncio.sleep(0.1)
    return descriptors(pid)


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children_of(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
