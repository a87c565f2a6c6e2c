"""A task that loses a cancellation is ended all the same."""

import asyncio

import pytest

from services.chassis import tasks


def test_a_task_that_loses_its_first_cancellation_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_ASK_AGAIN_S", 0.01)
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    async def scenario() -> None:
        task = asyncio.create_task(deaf_once())
        await asyncio.sleep(0)
        await asyncio.wait_for(tasks.end(task), 5)
        assert task.cancelled()

    asyncio.run(scenario())
    assert lost == 2


def test_a_task_that_failed_is_left_as_it_is() -> None:
    async def fails() -> None:
        raise ValueError("its own fault")

    async def scenario() -> None:
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await tasks.end(task)
        assert isinstance(task.exception(), ValueError)

    asyncio.run(scenario())
