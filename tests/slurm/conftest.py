"""One cluster for all tests, and what several of them start from."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.slurm import faults
from tests.slurm.cluster import Cluster, UnavailableError
from tests.slurm.workflow import Workflow

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip these tests unless they are asked for: they install packages and take ten minutes."""
    if any(Path(argument).resolve().is_relative_to(HERE) for argument in config.args):
        return
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="`make test-slurm` runs these"))


@pytest.fixture(scope="session")
def cluster():
    """Start a cluster; where that cannot be, skip all tests, or fail where CI says that they must run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that the cluster is taken down
    try:
        started = Cluster().__enter__()
    except UnavailableError as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no SLURM cluster here: {reason}")
    yield started
    started.__exit__()


@pytest.fixture(scope="session")
def reference(cluster, tmp_path_factory):
    """A run of everything on this machine that nothing disturbs, beside the tests."""
    workflow = Workflow(tmp_path_factory.mktemp("reference"), cluster)

    def run() -> Workflow:
        assert workflow.run("--cores", "2", "tables") == 0, workflow.said()[-3000:]
        return workflow

    thread = ThreadPoolExecutor(max_workers=1)
    yield thread.submit(run)
    thread.shutdown(wait=False)


@pytest.fixture(scope="session")
def prepared(cluster, reference, tmp_path_factory) -> Workflow:
    """A copy with everything that comes before the trainings, made on the cluster; its results lie on scratch."""
    workflow = Workflow(tmp_path_factory.mktemp("prepared"), cluster)
    (workflow.folder / "results").symlink_to(tmp_path_factory.mktemp("scratch"))
    assert workflow.run(*workflow.on_cluster("preprocess", "split")) == 0, workflow.said()[-3000:]
    return workflow


@pytest.fixture(scope="session")
def outcomes(cluster, prepared, tmp_path_factory):
    """The outcome of each fault, each in a copy of its own; they all run beside the tests."""

    def befall(fault: faults.Fault, training: faults.Training) -> faults.Outcome:
        workflow = Workflow(tmp_path_factory.mktemp(fault.__name__), cluster)
        workflow.take_prepared(prepared)
        return fault(workflow, training)

    shared, alone = ThreadPoolExecutor(max_workers=2), ThreadPoolExecutor(max_workers=1)
    futures = {fault.__name__: shared.submit(befall, fault, of) for fault, of in faults.ON_A_SHARED_NODE.items()}
    futures |= {fault.__name__: alone.submit(befall, fault, of) for fault, of in faults.ALONE.items()}
    yield futures
    for threads in (shared, alone):
        threads.shutdown(wait=False, cancel_futures=True)
