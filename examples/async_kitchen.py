"""Cooks, orders and a queue: an asyncio program with producers, workers and a deadline.

There is no network in the sandbox, and asyncio does not need one: tasks, queues,
timeouts and groups all work, and waiting takes no processor time.
"""

import asyncio

MENU = {"soup": 0.05, "omelette": 0.03, "risotto": 0.10}
ORDERS = ["soup", "risotto", "omelette", "soup", "omelette", "omelette"]


async def take_orders(queue):
    for table, dish in enumerate(ORDERS, start=1):
        await queue.put((table, dish))
        await asyncio.sleep(0.005)


async def cook(name, queue, served):
    while True:
        table, dish = await queue.get()
        await asyncio.sleep(MENU[dish])
        served.append((table, dish, name))
        queue.task_done()


async def evening():
    queue = asyncio.Queue(maxsize=3)
    served = []
    async with asyncio.timeout(5), asyncio.TaskGroup() as kitchen:
        cooks = [kitchen.create_task(cook(name, queue, served)) for name in ("Ada", "Brook")]
        await take_orders(queue)
        await queue.join()
        for task in cooks:
            task.cancel()
    return served


async def play(songs):
    for song in songs:
        await asyncio.sleep(0.05)
        print(f"(the pianist plays {song})")


async def main():
    served, _ = await asyncio.gather(evening(), play(["a waltz", "a tango"]))
    for table, dish, name in sorted(served):
        print(f"table {table}: {dish}, by {name}")
    print(f"{len(served)} of {len(ORDERS)} orders served")


asyncio.run(main())
