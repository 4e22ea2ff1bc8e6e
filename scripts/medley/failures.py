"""What a run ends with when jobs failed: which ones, the ends of their logs, and how to go on."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from medley.refusals import refusals

SHOWN = 5  # jobs whose logs are quoted
TAIL = 5  # lines of each


@dataclasses.dataclass(frozen=True)
class Failure:
    """A job that failed for good, after all its retries."""

    rule: str
    wildcards: Mapping[str, str]
    log: str | None  # path


def summary(
    failures: Sequence[Failure], left: int, arguments: Sequence[str], logs: Sequence[str], since: float = 0
) -> str:
    """Return the text that ends a run whose ``failures`` left ``left`` other jobs undone.

    ``arguments`` are those of the call of Snakemake, ``logs`` its own log files, which name every job;
    jobs' logs from before ``since`` (seconds since 1970) are of earlier runs and not quoted.
    Without failures the run was stopped by hand: then Snakemake takes what its jobs were writing for
    incomplete, and goes on with ``--rerun-incomplete`` only.
    """
    lines = [f"{_jobs(len(failures))} failed:" if failures else "The run was stopped."]
    for failure in sorted(failures, key=str)[:SHOWN]:
        wildcards = ", ".join(f"{name}={value}" for name, value in failure.wildcards.items())
        lines += ["", f"{failure.rule}  {wildcards}".rstrip(), *end_of_log(failure.log, since)]
    if len(failures) > SHOWN:
        lines += ["", f"and {len(failures) - SHOWN} more, all named in {', '.join(logs)}"]
    if refused := refusals(logs):
        lines += ["", *refused]
    undone = f"; {_jobs(left)} did not run" if left else ""
    when = ", once the cause is mended" if failures else ""
    lines += ["", f"What is finished stays{undone}. To go on{when}:"]
    command = ["snakemake", *arguments, *({"--rerun-incomplete"} - set(arguments))]
    return "\n".join(["", *lines, f"    {shlex.join(command)}", ""])


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def end_of_log(log: str | None, since: float = 0) -> list[str]:
    """Return the name of a log and its last lines, or why there are none."""
    if log is None:
        return ["  it has no log; what it said stands above"]
    file = Path(log)
    if not file.is_file() or file.stat().st_mtime < since:
        return [f"  {log} was not written: the job did not start; the reason stands above"]
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    end = [f"  {log} ends with", *(f"  | {line}".rstrip() for line in lines[-TAIL:])]
    if not any(" ERROR " in line for line in lines):
        end.append("  No error stands in it: was the job ended from outside, by a limit of memory or time, or by hand?")
    return end
