"""`python dev.py ...`: what a newcomer types first ends well, also when it is cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dev

ROOT = Path(dev.__file__).parent
WAITS_FOR_INTERRUPT = """#!{python}
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is run in the background ignores it
try:
    print("running", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("cleared away", flush=True)
    raise SystemExit(130)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there a process cannot become another one")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of its own, with nothing in it yet."""
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev, "BIN", tmp_path / "bin")
    monkeypatch.setenv("PURCHASE_DEV_VENV", str(tmp_path))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(place: Path, text: str) -> None:
    place.write_text(text)
    place.chmod(0o755)


def test_an_interrupt_is_the_commands_own_to_answer(environment: Path) -> None:
    program(environment / "bin" / "purchase", WAITS_FOR_INTERRUPT.format(python=sys.executable))
    (environment / ".installed-demo").write_text(dev.fingerprint("demo"))
    command = [sys.executable, str(ROOT / "dev.py"), "demo"]
    # In a session of its own, and told alone: what it left running would not hear of it.
    with subprocess.Popen(  # noqa: S603  our own script
        command, text=True, stdout=-1, stderr=-1, start_new_session=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "running\n"
            running.send_signal(signal.SIGINT)
            told, complaints = running.communicate(timeout=30)
        finally:
            running.kill()  # or a test that fails would wait for it
    assert (told, complaints, running.returncode) == ("cleared away\n", "", 130)


def test_an_environment_that_was_cut_off_before_pip_was_in_it_is_made_anew(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = environment / "bin" / "python"
    program(python, "#!/bin/sh\nexit 1\n")
    monkeypatch.setattr(dev, "make", lambda: program(python, "#!/bin/sh\nexit 0\n"))
    dev.install("demo")
    assert (environment / ".installed-demo").read_text() == dev.fingerprint("demo")


def test_what_cannot_be_installed_ends_with_a_word_and_no_traceback(
    environment: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(
        environment / "bin" / "python",
        '#!/bin/sh\nif [ "$3" = install ]; then echo no such hash >&2; exit 1; fi\n',
    )
    assert dev.main(["install", "demo"]) == 1
    complaints = capfd.readouterr().err.splitlines()
    assert complaints[0] == "no such hash"
    assert complaints[-1].startswith("This failed: ")
    assert not (environment / ".installed-demo").exists()


def test_an_installation_that_is_interrupted_says_so(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "make", interrupted)
    assert dev.main(["install", "demo"]) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"
    assert not (environment / "pyvenv.cfg").exists()
