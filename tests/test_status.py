"""What `make status` says of trainings, from the files that they leave."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from medley import lock, state, status

CONFIG = {
    "studies": {
        "acdc": {
            "datasets": ["acdc"],
            "seeds": [0],
            "splits": {"folds": {"folds": 2}},
            "members": {"fpn": {"epochs": 4}, "unet": {"epochs": 10}},
            "ensembles": {},
            "not_run": {},
            "protocols": {"audited": {"datasets": ["acdc"], "split": "folds", "predictors": ["fpn", "unet"]}},
        }
    }
}
FPN, UNET = (f"acdc/acdc/folds/members/{member}" for member in ("fpn", "unet"))


@pytest.fixture
def results(tmp_path):
    """Four trainings: one done, one that runs, one that failed, one that waits."""
    done = tmp_path / FPN / "fold-0/seed-0"
    done.mkdir(parents=True)
    (done / "model.safetensors").touch()
    progress = {"epoch": 2, "epochs": 10, "validation_loss": 0.1234, "seconds": 900.0}
    state.save(tmp_path / UNET / "fold-0/seed-0/state", "mark", 1, {}, {**progress, "epoch": 1})
    state.save(tmp_path / UNET / "fold-0/seed-0/state", "mark", 2, {}, progress)
    log = log_of(tmp_path, "fpn", 1)
    log.write_text("2026 INFO going on\n2026 ERROR the loss became nan on a batch of patient007\n")
    return tmp_path


def log_of(results, member, fold):
    log = results / f"logs/train_member/acdc/acdc/folds/{member}/fold-{fold}/seed-0.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


def look(results):
    found = status.of_study(CONFIG | {"results": str(results)}, "acdc")
    return {(each.training.member, each.training.fold): each for each in found}, "\n".join(status.lines("acdc", found))


def test_each_training_is_in_one_stage(results):
    with lock.held(results / UNET / "fold-0/seed-0/state"):
        found, text = look(results)
    stages = {key: each.stage for key, each in found.items()}
    assert stages == {("fpn", 0): "done", ("fpn", 1): "failed", ("unet", 0): "running", ("unet", 1): "waiting"}
    assert text.startswith("acdc: 4 trainings: 1 done, 1 running, 1 waiting, 1 failed\n")


def test_a_running_one_shows_epoch_score_and_end(results):
    with lock.held(results / UNET / "fold-0/seed-0/state"):
        found, text = look(results)
    assert found["unet", 0].seconds_left == 8 * 900
    line = next(line for line in text.splitlines() if "running " in line)
    assert "acdc/acdc/folds/unet/fold-0/seed-0  epoch 2 of 10, validation loss 0.1234" in line
    assert time.strftime("%d %b", time.localtime(time.time() + 7200)) in line
    assert line.endswith("(in 2 h 00 min)")


def test_a_failed_one_shows_its_log_and_the_line_that_leaves_it_out(results):
    text = look(results)[1]
    assert "| 2026 ERROR the loss became nan on a batch of patient007" in text
    assert str(log_of(results, "fpn", 1)) in text
    assert text.endswith("leave_out: [acdc/fpn]")


def test_one_that_was_ended_from_outside_waits_for_its_next_attempt(results):
    log = log_of(results, "unet", 0)
    log.write_text("2026 INFO epoch 2\n")
    assert look(results)[0]["unet", 0].stage == "running"  # it may only be starting
    os.utime(log, (time.time() - 1000, time.time() - 1000))
    found, text = look(results)
    assert found["unet", 0].stage == "waiting"
    assert "waiting  acdc/acdc/folds/unet/fold-0/seed-0  epoch 2 of 10, validation loss 0.1234, ended from" in text
    assert "unet]" not in text
    log.write_text("2026 WARNING the job was told to end (SIGTERM); what it had finished is kept\n")
    assert look(results)[0]["unet", 0].stage == "waiting"


def test_a_label_that_is_half_written_is_passed_over(results):
    (results / UNET / "fold-0/seed-0/state/epoch-00003.json").write_text(json.dumps({"epoch": 3})[:5])
    assert look(results)[0]["unet", 0].epoch == 2


def test_the_command_needs_no_torch(root):
    code = "import sys, status; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=root / "scripts", check=True)


def test_the_command_says_what_the_demo_has_to_do(root):
    said = subprocess.run([sys.executable, "scripts/status.py", "demo"], cwd=root, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert re.match(r"acdc: \d+ trainings: \d+ done, \d+ running, \d+ waiting, \d+ failed\n", said.stdout)
