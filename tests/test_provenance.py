"""Where a result comes from."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from medley import provenance
from medley.provenance import data_digest, write_provenance

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one committed file, in place of the project's."""

    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "config.yaml").write_text("a: 1\n")
    git("add", "config.yaml")
    git("commit", "-q", "-m", "first")
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    provenance._commit.cache_clear()
    yield tmp_path, git("rev-parse", "HEAD")
    provenance._commit.cache_clear()


def test_the_commit_and_whether_the_tree_was_changed_since(repository):
    folder, head = repository
    (folder / "results").write_text("untracked files are no change")
    found = provenance.provenance({}, [])
    assert (found["commit"], found["changed"]) == (head, False)
    (folder / "config.yaml").write_text("a: 2\n")
    provenance._commit.cache_clear()
    found = provenance.provenance({}, [])
    assert (found["commit"], found["changed"]) == (head, True)


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    provenance._commit.cache_clear()
    found = provenance.provenance({}, [])
    assert (found["commit"], found["changed"]) == ("unknown", None)
    provenance._commit.cache_clear()


def test_the_data_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"two\n")
    (tmp_path / "a.csv").write_bytes(b"one\n")
    by_hand = hashlib.sha256(hashlib.sha256(b"one\n").digest() + hashlib.sha256(b"two\n").digest()).hexdigest()
    assert data_digest([tmp_path / "b.csv", str(tmp_path / "a.csv")]) == by_hand
    assert data_digest([tmp_path]) == by_hand  # a folder is the files in it
    (tmp_path / "a.csv").write_bytes(b"One\n")
    assert data_digest([tmp_path]) != by_hand


def test_the_configuration_digest_follows_values_and_not_the_order_of_keys():
    digests = [
        provenance.provenance(config, [])["configuration"]
        for config in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 2})
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_file_holds_it_all(tmp_path):
    (tmp_path / "metrics.csv").write_text("x\n")
    write_provenance(tmp_path / "table.json", {"a": 1}, [tmp_path / "metrics.csv"])
    written = json.loads((tmp_path / "table.json").read_text())
    assert sorted(written) == ["changed", "commit", "configuration", "data", "versions"]
    assert written["versions"]["numpy"] == numpy.__version__
    assert written["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_versions_are_found_without_importing_the_libraries():
    program = "import sys; from medley import provenance; provenance.versions(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT / "scripts", capture_output=True, text=True, check=True
    )
    assert {"torch", "pandas", "numpy", "matplotlib"}.isdisjoint(done.stdout.split())
