"""Ends a task for certain."""

import asyncio
from typing import Any

_ASK_AGAIN_S = 1.0


async def end(task: "asyncio.Future[Any]") -> None:
    """Cancels a task, and again until it has ended.

    Once is not enough: `asyncio.wait_for` before Python 3.12 loses a cancellation that arrives in the same turn of the
    loop as its result, and the task goes on (https://github.com/python/cpython/issues/86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_ASK_AGAIN_S)
    if not task.cancelled():
        task.exception()  # read, so that the loop does not tell it as forgotten
