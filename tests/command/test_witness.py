"""`upheld witness` on real servers: it signs a log that grew, and no log that was rolled back, forked or signed by somebody else."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import Result

from services.chassis.log_keys import LogKeys
from services.chassis.settings import Settings
from services.command.witness import signer_at
from services.transparency.note import cosigned_by, parse_note
from services.vocabulary.identity import Role
from tests.chassis.logged import LOG, NAME, Logged, logged
from tests.command.cli import invoke
from tests.journeys.processes import free_ports

BANK = "bank.example"


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A witness's machine, and one address at which the log is looked at, whatever answers there."""

    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def key(self) -> Path:
        return self.folder / "bank.pem"

    async def look(self, served: Logged, *words: str) -> Result:
        options = ("--name", BANK, "--key", self.key, "--log", f"{served.url}{LOG}", "--token", served.token(Role.VIEWER), "--once")
        return await asyncio.to_thread(lambda: invoke("witness", *options, *words))

    def serve(self, name: str, story: Callable[[Logged], Awaitable[None]]) -> None:
        """What the folder of that name holds."""
        (self.folder / "witnesses").write_text(f"{signer_at(self.key, BANK).witness_key}\n")

        async def told() -> None:
            async with logged(self.folder / name, http_port=self.port, witnesses=str(self.folder / "witnesses")) as served:
                await story(served)

        asyncio.run(told())

    def same_key(self, one: str, other: str) -> None:
        shutil.copytree(self.folder / one / "log-keys", self.folder / other / "log-keys")


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(folder=tmp_path)


def serving(count: int, *, by: int = 1, code: int = 0, says: str = "", words: tuple[str, ...] = ()) -> Callable[[Logged], Awaitable[None]]:
    """Appends so many events more; then the witness looks."""

    async def story(served: Logged) -> None:
        if count:
            await served.append(count, by=by)
        done = await Bank(folder=served.platform.settings.data.parent, port=0).look(served, *words)
        assert done.exit_code == code, done.output
        assert says in done.output

    return story


async def is_cosigned(served: Logged, key: Path) -> bool:
    note = parse_note((await served.get("checkpoint")).text)
    return [each.name for each in cosigned_by(note, [signer_at(key, BANK).witness_key])] == [BANK]


def test_it_signs_what_it_sees_and_what_that_grew_to(bank: Bank) -> None:
    async def story(served: Logged) -> None:
        for count, told in ((3, "3 events, signed; seen for the first time"), (4, "7 events, signed\n")):
            await served.append(count)
            done = await bank.look(served)
            assert (done.exit_code, told in done.output) == (0, True), done.output
            assert await is_cosigned(served, bank.key)
        assert "7 events, signed before" in (await bank.look(served)).output

    bank.serve("log", story)


def test_its_key_is_its_own_and_its_verifier_key_is_printed(bank: Bank) -> None:
    async def story(served: Logged) -> None:
        await served.append(1)
        assert f"witness {signer_at(bank.key, BANK).witness_key}\n" in (await bank.look(served)).output

    bank.serve("log", story)
    assert bank.key.stat().st_mode & 0o777 == 0o600


def test_a_log_that_was_rolled_back_is_refused_and_not_signed(bank: Bank) -> None:
    bank.serve("log", serving(5))
    bank.same_key("log", "restored")

    async def story(served: Logged) -> None:
        await served.append(3)
        done = await bank.look(served)
        assert done.exit_code == 1
        assert "REFUSED: upheld/tallies was rolled back: it had 5 events and now shows 3" in done.output
        assert not await is_cosigned(served, bank.key)

    bank.serve("restored", story)


@pytest.mark.parametrize(
    ("size", "said"), [(5, "it shows two histories of 5 events"), (9, "its first 5 events are not those that it showed")]
)
def test_a_forked_log_is_refused_and_not_signed_then_or_later(bank: Bank, size: int, said: str) -> None:
    bank.serve("log", serving(5))
    bank.same_key("log", "forked")

    async def story(served: Logged) -> None:
        await served.append(size, by=2)
        for _ in range(2):
            done = await bank.look(served)
            assert (done.exit_code, said in done.output) == (1, True), done.output
        assert not await is_cosigned(served, bank.key)

    bank.serve("forked", story)
    bank.serve("log", serving(1, says="6 events, signed"))


def test_a_log_that_another_key_signs_is_refused(bank: Bank) -> None:
    bank.serve("log", serving(2))
    bank.serve("another", serving(4, code=1, says="signed by another key than the one that is known"))


def test_it_follows_a_key_that_was_changed_and_retired(bank: Bank) -> None:
    async def story(served: Logged) -> None:
        keys = LogKeys.open(served.platform.settings)
        await served.append(2)
        await bank.look(served)
        keys.rotate()
        await served.append(1)
        keys.retire([NAME])
        await served.append(1)
        done = await bank.look(served)
        assert (done.exit_code, "4 events, signed\n" in done.output) == (0, True), done.output
        assert kept(bank)["key"] == str(served.log.signer.key)

    bank.serve("log", story)


def kept(bank: Bank) -> dict[str, str]:
    (seen,) = json.loads((bank.folder / "bank.pem.seen").read_text()).values()
    return dict(seen)


def test_a_key_that_is_known_from_elsewhere_is_the_only_one_that_is_believed(bank: Bank) -> None:
    other = LogKeys.open(Settings(data=bank.folder / "other")).of(NAME).key
    bank.serve("log", serving(2, code=1, says="signed by another key", words=("--log-key", str(other))))
    own = LogKeys.open(Settings(data=bank.folder / "log")).of(NAME).key
    bank.serve("log", serving(0, says="2 events, signed\n", words=("--log-key", str(own))))


def test_a_platform_that_does_not_know_the_witness_takes_nothing_of_it(bank: Bank) -> None:
    async def story(served: Logged) -> None:
        await served.append(1)
        (bank.folder / "witnesses").write_text("")
        done = await bank.look(served)
        assert (done.exit_code, "is its key in the file of witnesses?" in done.output) == (1, True), done.output

    bank.serve("log", story)


def test_an_absent_log_and_an_empty_one_are_no_fork(bank: Bank) -> None:
    bank.serve("log", serving(0, code=1, says="no checkpoint was signed yet"))
    absent = invoke("witness", "--name", BANK, "--key", bank.key, "--log", f"http://127.0.0.1:{bank.port}{LOG}", "--token", "t", "--once")
    assert (absent.exit_code, "no answer from" in absent.output, "REFUSED" in absent.output) == (1, True, False)


@pytest.mark.parametrize("content", ["[]", "nothing", '{"http://x": {"key": 1}}'])
def test_a_memory_that_is_none_is_told(bank: Bank, content: str) -> None:
    (bank.folder / "bank.pem.seen").write_text(content)
    bank.serve("log", serving(1, code=1, says="is not what a witness keeps"))


def test_the_command_rotates_and_retires_the_platforms_key(tmp_path: Path) -> None:
    environment = {"UPHELD_DATA": str(tmp_path), "UPHELD_LOG_ORIGIN": "upheld.example"}

    def keys() -> list[str]:
        return invoke("log", "keys", environment=environment).output.split()

    (first,) = [key for key in keys() if key.startswith("upheld.example/measurement+")]
    assert len(keys()) == 4
    assert "nothing" not in invoke("log", "rotate", environment=environment).output
    assert len(keys()) == 8
    assert invoke("log", "retire", environment=environment).output == "key 1 signs no more\n"
    assert len(keys()) == 4
    assert first not in keys()
    alone = invoke("log", "retire", environment=environment)
    assert (alone.exit_code, "one key alone" in alone.output) == (1, True)
