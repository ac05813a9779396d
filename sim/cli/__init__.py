"""The command `reissue`; light to import, so that an interrupt is met before anything heavy is loaded."""

from __future__ import annotations

import _thread
import gc
import os
import signal
import sys
import time
from types import FrameType
from typing import Final

DONE: Final = 0
FAILS: Final = 1
WRONG_INPUT: Final = 2
UNDECIDED: Final = 3
DEFECT: Final = 70
"""An error of ours: the code that sysexits.h keeps for it."""
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

_GARBAGE: Final = 100_000
"""New objects between two looks for circles; with Python's 700, those cost a tenth of a start."""
_BY_SIGNAL: Final = 128
"""Added to the number of the signal that ended a program, this is its exit code."""
_WORDS: Final = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_received: Final[list[int]] = []


def program() -> None:
    """The program `reissue`: as `main`; SIGINT and SIGTERM end it cleanly at any time, imports included."""
    gc.set_threshold(_GARBAGE)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some takes as long as to check
    watched = [each for each in _WORDS if signal.getsignal(each) is not signal.SIG_IGN]
    for each in watched:
        signal.signal(each, _stop)
    sys.unraisablehook = _once_more
    try:
        main()
    finally:
        for each in watched:  # all is done, and only Python itself still has to end
            signal.signal(each, _leave)


def _stop(number: int, frame: FrameType | None) -> None:
    """Let whoever has something to clean up do so; the third time, do not."""
    _received.append(number)
    if len(_received) == 1:
        raise KeyboardInterrupt
    if len(_received) > 2:
        _leave(number, frame)


def _once_more(ignored: sys.UnraisableHookArgs) -> None:
    """Interrupt again where Python had to ignore it, as within the callback of a weak reference."""
    if issubclass(ignored.exc_type, KeyboardInterrupt) and _received:
        _thread.start_new_thread(_stop_later, (_received.pop(), _thread.get_ident()))
    else:
        sys.__unraisablehook__(ignored)


def _stop_later(number: int, main_thread: int) -> None:
    time.sleep(0.01)
    if sys.platform == "win32":
        _thread.interrupt_main(signal.Signals(number))
    else:  # a signal of the system, which also wakes a thread that waits
        signal.pthread_kill(main_thread, number)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(_BY_SIGNAL + number)


def main() -> None:
    """Run the command line; a user's mistake is a message and an exit code, never a traceback."""
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # nobody reads on
        _say_nothing_more()
        code = BROKEN_PIPE
    except OSError as error:
        _say(f"the output cannot be written: {error.strerror or error}")
        _say_nothing_more()
        code = WRONG_INPUT
    except MemoryError:
        _say("there is not enough memory for this: run fewer devices or replications at a time")
        code = WRONG_INPUT
    except Exception:
        code = DEFECT
        if not _received:
            import traceback

            told = traceback.format_exc()
            _say(f"{told}this is a defect of reissue, not of your scenario: please report it")
    if _received or code == INTERRUPTED:  # also where a library made something else of the interrupt
        number = signal.Signals(_received[0]) if _received else signal.SIGINT
        _say(f"{_WORDS[number]}: no result is left half-written")
        code = _BY_SIGNAL + number
    sys.exit(code)


def _run() -> int:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, so that the next file would get its number
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
        elif hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="replace")
    import click

    from sim.cli.commands import cli
    from sim.errors import InputError

    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except InputError as error:
        click.echo(str(error), err=True)
        return WRONG_INPUT
    return code or DONE


def _say(text: str) -> None:
    """Print on stderr, where that can be written."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _say_nothing_more()


def _say_nothing_more() -> None:
    """Python flushes what is left when it ends, and must not fail at that."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
