"""One log format for all jobs: to the terminal and to the rule's log file."""

import contextlib
import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from medley.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextlib.contextmanager
def job(log: str | None) -> Iterator[None]:
    """Send log records of the block to standard error and to the file ``log``.

    An ``InputError`` ends the process with its message alone (exit status 1); any other
    exception is written to the log with its traceback and raised again.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=handlers, force=True)
    try:
        yield
    except InputError as error:
        logging.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in FULL:
            logging.exception("the job failed")
            raise
        logging.error("%s: the disk is full or over quota; make room there and start again", error.filename or "output")
        raise SystemExit(1) from None
    except Exception:
        logging.exception("the job failed")
        raise
