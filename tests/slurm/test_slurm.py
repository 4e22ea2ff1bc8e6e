"""The workflow on a real SLURM cluster: through faults, to the same results as without."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.slurm import faults
from tests.slurm.workflow import CONFIG, RESULTS, Workflow, history

EPOCHS = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["presets"]["demo"]["epochs"]

TRAINING = faults.Training("single", "fpn")
SLURM = {"sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sshare"}


@pytest.fixture
def workflow(cluster, prepared, outcomes, tmp_path_factory):
    """A copy in which nothing is trained."""
    copy = Workflow(tmp_path_factory.mktemp("refused"), cluster)
    copy.take_prepared(prepared)
    return copy


class TestRefused:
    """What SLURM refuses or cannot start ends soon, says why and where to change it, and leaves no job behind."""

    @pytest.mark.parametrize(
        ("before", "after", "why"),
        [
            ("slurm_partition: gpu", "slurm_partition: nosuch", "Invalid partition name specified"),
            ("gpu: 1}", "gpu: 9}", "Requested node configuration is not available"),
            ("gpu: 1}", "gpu: 1, gpu_model: a100}", "Requested node configuration is not available"),
        ],
        ids=["partition", "number of GPUs", "kind of GPU"],
    )
    def test_request_that_the_cluster_cannot_serve(self, workflow, before, after, why):
        workflow.edit("slurm/config.yaml", before, after)
        assert workflow.run(*workflow.on_cluster(TRAINING.model)) != 0
        assert why in workflow.said()
        assert "stand at the top of slurm/config.yaml" in workflow.said()
        assert workflow.jobs("PENDING", "RUNNING") == []

    def test_account(self, workflow, tmp_path):
        """The cluster has no accounting, so a stand-in says what sbatch says where there is one."""
        refusal = (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"
        )
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")
        (tmp_path / "sbatch").chmod(0o755)
        workflow.path = f"{tmp_path}:{os.environ['PATH']}"
        assert workflow.run(*workflow.on_cluster(TRAINING.model)) != 0
        assert refusal in workflow.said()
        assert "stand at the top of slurm/config.yaml" in workflow.said()

    def test_machine_without_slurm(self, workflow, tmp_path):
        for program in Path("/usr/bin").iterdir():
            if program.name not in SLURM:
                (tmp_path / program.name).symlink_to(program)
        workflow.path = str(tmp_path)
        assert workflow.run(*workflow.on_cluster(TRAINING.model)) != 0
        assert "start the run on a login node of the cluster" in workflow.said()

    def test_node_that_does_not_see_the_folder(self, workflow):
        workflow.cluster.hide("c1", workflow.folder)
        on_c1 = ("train_member:slurm_partition=cpu", "train_member:gpu=0", "train_member:slurm_extra=--nodelist=c1")
        assert workflow.run(*workflow.on_cluster(TRAINING.model, "--set-resources", *on_c1)) != 0
        assert "do the compute nodes see this folder?" in workflow.said()
        assert workflow.jobs("PENDING", "RUNNING") == []


class TestFaults:
    """Each fault hits one training; what the training makes is what it makes undisturbed."""

    @pytest.mark.parametrize("fault", [fault.__name__ for fault in faults.ALL])
    def test_results_are_the_same_and_at_most_one_epoch_is_lost(self, fault, outcomes, reference):
        outcome = outcomes[fault].result()
        folder = outcome.training.folder
        made, expected = outcome.workflow.folder / folder, reference.result().folder / folder
        assert (made / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
        assert history(made / "history.csv") == history(expected / "history.csv")
        assert len(faults.epochs_logged(outcome)) <= EPOCHS + 1
        if outcome.attempts > 1:
            gone_on = [int(epoch) for log in faults.logs(outcome).values() for epoch in faults.GONE_ON.findall(log)]
            assert min(gone_on) >= outcome.epochs >= 2

    def test_cancelled_job_is_submitted_again_and_goes_on(self, outcomes):
        outcome = outcomes["cancelled"].result()
        assert [outcome.workflow.state(job) for job in outcome.jobs] == ["CANCELLED", "COMPLETED"]
        assert outcome.attempts == 2

    def test_requeued_job_goes_on_under_its_number(self, outcomes):
        outcome = outcomes["requeued"].result()
        assert len(outcome.jobs) == 1
        assert outcome.attempts == 2

    def test_time_limit_is_doubled_and_the_training_goes_on(self, outcomes):
        outcome = outcomes["time_limit"].result()
        assert [outcome.workflow.state(job) for job in outcome.jobs] == ["TIMEOUT", "COMPLETED"]
        assert "runtime=1," in outcome.said
        assert "runtime=2," in outcome.said
        assert outcome.attempts == 2

    def test_next_attempt_has_enough_memory(self, outcomes):
        outcome = outcomes["memory"].result()
        first, *others = outcome.jobs
        assert "exceeded memory limit" in outcome.workflow.log_of(first)
        assert outcome.workflow.state(others[-1]) == "COMPLETED"
        assert "mem_mb=600," in outcome.said
        assert "mem_mb=1200," in outcome.said

    def test_job_of_a_dead_node_goes_on_elsewhere_under_its_number(self, outcomes):
        outcome = outcomes["node_killed"].result()
        assert len(outcome.jobs) == 1
        assert outcome.attempts == 2

    def test_preempted_job_goes_on(self, outcomes):
        assert outcomes["preempted"].result().attempts == 2

    def test_main_process_that_is_terminated_waits_for_its_jobs(self, outcomes):
        outcome = outcomes["main_terminated"].result()
        assert outcome.attempts == 1  # and the second run only predicted
        assert [outcome.workflow.state(job) for job in outcome.jobs] == ["COMPLETED", "COMPLETED"]

    def test_after_a_killed_main_process_no_two_jobs_write_at_once(self, outcomes):
        outcome = outcomes["main_killed"].result()
        first, second = (faults.logs(outcome)[job] for job in outcome.jobs)
        assert [int(epoch) for epoch in faults.EPOCH.findall(first)] == list(range(1, EPOCHS + 1))
        assert faults.EPOCH.findall(second) == []
        assert f"SLURM job {outcome.jobs[0]}) works on it; waiting" in second
        assert "this training is done, by the job that worked on it before" in second

    def test_interrupted_main_process_cancels_its_jobs(self, outcomes):
        outcome = outcomes["main_interrupted"].result()
        assert [outcome.workflow.state(job) for job in outcome.jobs] == ["CANCELLED", "COMPLETED"]
        assert outcome.attempts == 2


@pytest.fixture(scope="module")
def whole(prepared, outcomes):
    """A whole run on the cluster that starts from the trainings that faults hit.

    Its main process is a job itself, and GPUs are asked for by the other way that the profile names.
    """
    prepared.edit("slurm/config.yaml", "gpu: 1}", 'gpu: 0, gres: "gpu:1"}')
    for future in outcomes.values():
        outcome = future.result()
        for folder in (outcome.training.folder, RESULTS / "benchmarks/train_member"):
            shutil.copytree(outcome.workflow.folder / folder, prepared.folder / folder, dirs_exist_ok=True)
    main = prepared.as_job("all", "--report", str(RESULTS / "report.zip"), "--report-after-run")
    assert prepared.ended(main) == "COMPLETED", prepared.said()[-3000:]
    return prepared


class TestWholeRun:
    """`all` by the profile."""

    def test_tables_equal_those_of_an_undisturbed_run(self, whole, reference):
        for table in ("accuracy.csv", "audited.csv"):
            path = RESULTS / "acdc/tables" / table
            assert (whole.folder / path).read_bytes() == (reference.result().folder / path).read_bytes()

    def test_trainings_that_faults_hit_were_not_trained_again(self, whole):
        trained = {path.name for path in (whole.folder / "results/logs/slurm/rule_train_member").iterdir()}
        assert trained == {"acdc_acdc_folds_deeplabv3plus-4class_1_0"}  # the one that no fault hit

    def test_report_is_there(self, whole):
        assert zipfile.is_zipfile(whole.folder / RESULTS / "report.zip")

    def test_nothing_is_left_to_do(self, whole):
        assert whole.planned("all")[0] == {}

    def test_ensemble_stage_again_plans_no_gpu_job(self, whole):
        jobs, said = whole.planned("all", "-R", "build_ensemble")
        assert jobs["build_ensemble"] == 3
        assert "slurm_partition=gpu" not in said

    def test_other_weights_plan_no_gpu_job(self, whole):
        whole.edit("config.yaml", "weights: {deeplabv3plus: 0.6, fpn: 0.4}", "weights: {deeplabv3plus: 0.5, fpn: 0.5}")
        jobs, said = whole.planned("all")
        whole.edit("config.yaml", "weights: {deeplabv3plus: 0.5, fpn: 0.5}", "weights: {deeplabv3plus: 0.6, fpn: 0.4}")
        assert jobs["build_ensemble"] == jobs["evaluate_predictor"] == 2  # on the single split and on the folds
        assert "slurm_partition=gpu" not in said

    def test_single_figure_plans_one_local_job(self, whole):
        figure = str(RESULTS / "acdc/figures/overlays.png")
        jobs, _ = whole.planned(figure, "--forcerun", figure)
        assert jobs == {"plot_overlays": 1}
