"""How far the trainings of a study are, read from their folders alone: it works wherever these can be read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from medley import lock, plan
from medley.failures import end_of_log
from medley.files import read_json
from medley.plan import Training

STARTING = 120  # seconds that a job may take from its log's first line to its state
ENDED = "was told to end"  # what medley.log writes on SIGTERM
STAGES = ("done", "running", "waiting", "failed")


class Progress(NamedTuple):
    """How far one training is."""

    training: Training
    stage: str  # one of STAGES; waiting: not begun, or ended from outside and not yet begun again
    log: str
    epoch: int  # the last one finished
    epochs: int
    loss: float | None  # of validation, after that epoch
    seconds_left: float | None


def of_study(config: Mapping[str, Any], study: str) -> list[Progress]:
    """Return the progress of every training of ``study``; ``config`` is the resolved configuration."""
    members = config["studies"][study]["members"]
    return [
        _progress(config["results"], study, training, members[training.member]["epochs"])
        for training in plan.trainings(config, study)
    ]


def lines(study: str, trainings: Sequence[Progress]) -> Iterator[str]:
    """Yield what a person reads of the trainings of ``study``."""
    stages = [training.stage for training in trainings]
    counts = ", ".join(f"{stages.count(stage)} {stage}" for stage in STAGES)
    yield f"{study}: {len(trainings)} training{'s' * (len(trainings) != 1)}: {counts}"
    for progress in trainings:
        if progress.stage == "running":
            yield f"  running  {_name(study, progress.training)}  {_so_far(progress)}{_end(progress)}"
    for progress in trainings:
        if progress.stage == "waiting" and progress.epoch:
            yield f"  waiting  {_name(study, progress.training)}  {_so_far(progress)}, ended from outside"
    for progress in trainings:
        if progress.stage == "failed":
            yield f"  failed   {_name(study, progress.training)}  {_so_far(progress)}"
            yield from (f"         {line}" for line in end_of_log(progress.log))
    failed = sorted({progress.training.member for progress in trainings if progress.stage == "failed"})
    if failed:
        yield "  To go on without what failed, in config.yaml:"
        yield f"    leave_out: [{', '.join(f'{study}/{member}' for member in failed)}]"


def _progress(results: str, study: str, training: Training, epochs: int) -> Progress:
    """Return how far ``training`` is."""
    folder = Path(plan.training_folder(results, study, training))
    log = Path(results, "logs", "train_member", f"{_name(study, training)}.log")
    saved = _last_state(folder / "state")
    epoch, seconds = saved.get("epoch", 0), saved.get("seconds")
    left = None if seconds is None else (epochs - epoch) * seconds
    return Progress(training, _stage(folder, log), str(log), epoch, epochs, saved.get("validation_loss"), left)


def _stage(folder: Path, log: Path) -> str:
    """Return which of STAGES the training in ``folder`` is in."""
    if (folder / "model.safetensors").exists():
        return "done"
    if lock.is_held(folder / "state"):
        return "running"
    try:
        said, written = log.read_text(encoding="utf-8", errors="replace"), log.stat().st_mtime
    except FileNotFoundError:
        return "waiting"
    if " ERROR " in said:
        return "failed"
    ended = ENDED in said or time.time() - written > STARTING
    return "waiting" if ended else "running"


def _last_state(folder: Path) -> dict[str, Any]:
    """Return the label of the newest saved state, nothing without one."""
    for label in sorted(folder.glob("epoch-*.json"), reverse=True):
        try:
            found: dict[str, Any] = read_json(label)
        except (OSError, ValueError):
            continue  # replaced while it was looked at
        return found
    return {}


def _name(study: str, training: Training) -> str:
    dataset, split, member, fold, seed = training
    return f"{study}/{dataset}/{split}/{member}/fold-{fold}/seed-{seed}"


def _so_far(progress: Progress) -> str:
    text = f"epoch {progress.epoch} of {progress.epochs}"
    return text if progress.loss is None else f"{text}, validation loss {progress.loss:.4f}"


def _end(progress: Progress) -> str:
    """Return when a running training will be done, as far as its last epoch tells."""
    if progress.seconds_left is None:
        return ""
    hours, minutes = divmod(round(progress.seconds_left / 60), 60)
    end = time.strftime("%d %b %H:%M", time.localtime(time.time() + progress.seconds_left))
    return f", done about {end} (in {hours} h {minutes:02} min)"
