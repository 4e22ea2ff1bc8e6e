"""One log format for all jobs: to the terminal and to the rule's log file."""

import contextlib
import errno
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from medley.errors import InputError

FULL = "the disk is full or over quota; make room there and start again"
FORBIDDEN = "no permission; give this user the right to read and write there, or choose another folder"
READ_ONLY = "the file system is read-only; mount it for writing, or choose another folder"
REASONS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EROFS: READ_ONLY,
}
FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextlib.contextmanager
def job(log: str | None) -> Iterator[None]:
    """Send log records of the block to standard error and to the file ``log``.

    An ``InputError`` ends the process with its message alone (exit status 1), so does a disk that is
    full or may not be written to; any other exception is written to the log with its traceback and
    raised again. SIGTERM ends the process in order: nothing half-written stays, locks are given back.
    """
    logging.raiseExceptions = False  # a log that finds no room on the disk must not hide what went wrong
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=[logging.StreamHandler(sys.stderr)], force=True)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        if log:
            Path(log).parent.mkdir(parents=True, exist_ok=True)
            to_file = logging.FileHandler(log, mode="w", encoding="utf-8")
            to_file.setFormatter(logging.Formatter(FORMAT))
            logging.getLogger().addHandler(to_file)
        yield
    except InputError as error:
        logging.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in REASONS:
            logging.exception("the job failed")
            raise
        logging.error("%s: %s", error.filename or "output", REASONS[error.errno])
        raise SystemExit(1) from None
    except Exception:
        logging.exception("the job failed")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    """End the process as any exception would, so that what it has in hand is put away."""
    logging.warning("the job was told to end (SIGTERM); what it had finished is kept")
    raise SystemExit(128 + number)
