"""A shell with a warehouse, a synthetic MX behind it, and merchants that are registered or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mx_pipeline.operations.border import run
from mx_pipeline.operations.command_line import app
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine, Ran

Here = Callable[..., Ran]


@pytest.fixture(scope="session")
def synthetic_mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread() as mx:
        yield mx


@pytest.fixture
def mx(synthetic_mx: SyntheticMx) -> Iterator[SyntheticMx]:
    yield synthetic_mx
    synthetic_mx.answers_truthfully()


@pytest.fixture
def bare(mx: SyntheticMx, tmp_path: Path) -> CommandLine:
    """An environment that knows the synthetic MX and no database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return CommandLine(
        {**kept, "MX_HOME": str(tmp_path), "MX_SANDBOX_URL": mx.url, "MX_PRODUCTION_URL": mx.url}
    )


@pytest.fixture
def shell(bare: CommandLine, database_url: str, sealing_key: SealingKey) -> CommandLine:
    """The same with a migrated warehouse."""
    return bare.but(MX_DATABASE_URL=database_url, MX_SEALING_KEY=sealing_key.to_base64())


@pytest.fixture
def in_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[CommandLine], Here]:
    """Runs commands of an environment up to their exit code: for what a process of its own adds nothing to."""

    def runner(shell: CommandLine) -> Here:
        def command(*arguments: object, **changes: str | None) -> Ran:
            with monkeypatch.context() as environment:
                for name in [name for name in os.environ if name.startswith("MX_")]:
                    environment.delenv(name)
                for name, value in shell.but(**changes).environment.items():
                    environment.setenv(name, value)
                capsys.readouterr()
                code = run(app, [str(argument) for argument in arguments])
            told = capsys.readouterr()
            return Ran(code, told.out, told.err)

        return command

    return runner


@pytest.fixture
def here(shell: CommandLine, in_this_process: Callable[[CommandLine], Here]) -> Here:
    """A shell in this process, with a warehouse."""
    return in_this_process(shell)


@pytest.fixture
def offline(bare: CommandLine, in_this_process: Callable[[CommandLine], Here]) -> Here:
    """A shell in this process whose database nobody can reach: for what ends before it is asked for."""
    return in_this_process(
        bare.but(
            MX_DATABASE_URL="postgresql://u:hush@127.0.0.1:1/db",
            MX_SEALING_KEY=SealingKey.generate().to_base64(),
        )
    )


@pytest.fixture
def clinic(mx: SyntheticMx, warehouse: WarehouseUnderTest) -> Iterator[Callable[..., int]]:
    """A merchant in the synthetic MX, registered here with its key."""
    made: list[int] = []

    def make(merchant_id: int = MERCHANT, **inputs: int) -> int:
        key = mx.add_merchant(merchant_id, **inputs)
        made.append(merchant_id)
        return warehouse.has_merchant(merchant_id, key=key.consumer_key, secret=key.consumer_secret)

    mx.reset_calls()
    yield make
    for merchant_id in made:
        mx.remove_merchant(merchant_id)


@pytest.fixture
def stranger(mx: SyntheticMx) -> Iterator[KeyPair]:
    """The key of a merchant that MX knows and we do not."""
    yield mx.add_merchant(MERCHANT, payments=30)
    mx.remove_merchant(MERCHANT)
