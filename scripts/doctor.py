"""Say what this machine has and what is missing for a run: `make doctor`.

Changes nothing. Ends with exit status 1 where something would stop the run.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from medley.doctor import Finding, environment, machine

ROOT = Path(__file__).resolve().parents[1]


def findings(preset: str) -> Iterator[Finding]:
    """Yield what the checks find, the slowest last."""
    yield environment.python()
    installed = environment.packages(ROOT)
    yield installed
    asked = machine.probe(ROOT) if installed.status == "ok" else None  # loads torch while the others are made
    room = {} if installed.status == "ok" else {".venv": environment.GIGABYTES}
    yield machine.memory()
    try:
        from medley.doctor import sources  # needs packages
    except ImportError:
        yield Finding("note", "config.yaml", "its datasets are checked once there is an environment")
        yield from machine.disk(ROOT, room)
    else:
        resolved = sources.configuration(preset, ROOT)
        if isinstance(resolved, Finding):
            yield resolved
        else:
            yield from machine.disk(ROOT, room | sources.room(resolved))
            yield from sources.check(resolved, ROOT)
    yield machine.write_access(ROOT)
    yield machine.slurm()
    yield from machine.processor_and_gpu(asked, environment.torch_cuda(ROOT))


def main(preset: str) -> bool:
    """Print the findings; return whether a run can start."""
    print(f"What `snakemake all` needs, with preset {preset}:\n")
    problems = 0
    for finding in findings(preset):
        print(finding, flush=True)
        problems += finding.status == "problem"
    print(f"\n{f'{problems} of these would stop the run.' if problems else 'Nothing here would stop the run.'}")
    return not problems


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
