"""What all tests share: the repository, and real patients where there are any."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "real"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests on real files where these are missing."""
    if REAL.is_dir():
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason="no real data in ../shared/real"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of real data; for tests marked ``real``."""
    return REAL


@pytest.fixture
def two_patients_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow intervals over two patients: by hand one counts few. That real ones need more is a test of its own."""
    monkeypatch.setattr("medley.statistics.FEWEST", 2)
