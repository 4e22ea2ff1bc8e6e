"""Jobs without torch: how fast one starts, and evaluation by one job per predictor against one per case and predictor.

A job is a process that starts Python and runs the script's ``main``, here on full-sized phantoms. The peer's
jobs run the same script on one case each.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from medley import probabilities
from medley.cases import Case, write_cases
from medley.datasets import reader
from medley.probabilities import Contents, Entry
from tests.benchmarks.timing import compare

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "evaluate_predictor.py"
PREDICTORS, PATIENTS = 20, 10  # of two cases each
SAMPLE = 4  # of the peer's jobs
LABELS = ("RV", "MYO", "LV")
IDENTITY = {"study": "acdc", "dataset": "acdc", "split": "folds", "predictor": "fpn", "seed": "0"}
TASK = {
    "reader": "acdc",
    "regions": {"heart": LABELS},
    "tolerance": 2.0,
    "recipe": None,
    "batches": None,
    "dice_epsilon": None,
    "scans": False,
}
START = "import runpy, sys; script = runpy.run_path(sys.argv[1]); script['reader']('acdc')"
JOB = "import json, runpy, sys; runpy.run_path(sys.argv[1])['main'](*json.loads(sys.argv[2]))"


def run() -> list[dict[str, Any]]:
    """Return one row for the start and one for evaluation."""
    start = compare(
        "start of a job without torch",
        lambda: python(START, SCRIPT),
        lambda: python("import torch"),
        goal=0.5,
        note="evaluation's imports, as a part of `import torch`",
    )
    of_other_processes = {"peak_memory_mb": None}
    start |= {"ratio": 1 / start["ratio"], "less_is_better": True}
    return [start | of_other_processes, evaluation() | of_other_processes]


def python(code: str, *arguments: object) -> None:
    """Run ``code`` in a new Python that finds medley."""
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT / "scripts", check=True)


def evaluation() -> dict[str, Any]:
    """Compare one of our jobs, which judges all cases, with some that judge one case each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = reader("acdc")
        source.make_phantom(folder / "raw", PATIENTS, 1.0, 0)
        cases = source.index(folder / "raw")
        write_cases(folder / "cases.csv", cases)
        predict(folder / "all", cases, source)
        for case in cases[:SAMPLE]:
            predict(folder / case.case, [case], source)

        def job(predictions: str) -> None:
            files = [str(folder / file) for file in (predictions, "cases.csv", "metrics.csv", "batches.csv")]
            python(JOB, SCRIPT, json.dumps([*files, IDENTITY, TASK]))

        def of_each_case() -> None:
            for case in cases[:SAMPLE]:
                job(case.case)

        job("all")
        rows = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
        job(cases[0].case)
        assert set((folder / "metrics.csv").read_text(encoding="utf-8").splitlines()) < set(rows)
        jobs = PREDICTORS * len(cases)
        return compare(
            f"evaluation of {PREDICTORS} predictors × {len(cases)} cases",
            lambda: job("all"),
            of_each_case,
            goal=10,
            note=f"timed on 1 of our {PREDICTORS} jobs and {SAMPLE} of the peer's {jobs}, and scaled",
            stands_for=(PREDICTORS, jobs / SAMPLE),
        )


def predict(folder: Path, cases: list[Case], source: Any) -> None:
    """Write blurred, shifted truths as the probabilities of a predictor."""
    for case in cases:
        truth = np.roll(source.read_mask(case), 2, axis=2)
        hot = (truth == np.arange(4)[:, None, None, None]).astype(np.float32)
        blurred = ndimage.gaussian_filter(hot, (0, 0, 2, 2))
        probabilities.write_case(folder, case.case, blurred / blurred.sum(axis=0))
    entries = {case.case: Entry(None, "test") for case in cases}
    probabilities.write_contents(folder, Contents("softmax", LABELS, entries))
