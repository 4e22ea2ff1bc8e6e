"""Which edits of the library change a job's digest, and which do not."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from medley import digest
from medley.digest import code_digest

PROJECT = Path(__file__).parents[1]

LIBRARY = {
    "__init__.py": '"""A library."""\n',
    "train.py": """
        '''Train.'''
        from typing import TYPE_CHECKING
        import json
        from medley import losses, models
        from medley.files import write

        if TYPE_CHECKING:
            from medley.figures import Figure

        class Run:
            '''One run.'''

            def go(self, figure: "Figure | None" = None) -> None:
                '''Go.'''
                from medley import late
                write(json.dumps([late.TWO, losses.build("dice")]))  # at last
    """,
    "evaluate.py": "from medley.metrics import dice\n",
    "metrics.py": "import numpy\n\ndef dice():\n    return 1\n",
    "files.py": "from . import paths\n\ndef write(text):\n    return paths, text\n",
    "paths.py": "ROOT = 'results'\n",
    "late.py": "TWO = 2\n",
    "figures.py": "class Figure:\n    pass\n",
    "losses/__init__.py": """
        import importlib

        def build(name):
            return importlib.import_module(f"medley.losses.{name}")
    """,
    "losses/dice.py": "from medley.losses.helper import smooth\n",
    "losses/bce.py": "A = 1\n",
    "losses/helper.py": "def smooth():\n    return 1e-6\n",
    "models/__init__.py": "",
    "models/fpn.py": "B = 1\n",
}

JOBS = {
    "fpn with dice": ("medley.train", "medley.models.fpn", "medley.losses.dice"),
    "fpn with bce": ("medley.train", "medley.models.fpn", "medley.losses.bce"),
    "evaluate": ("medley.evaluate",),
}


@pytest.fixture
def library(tmp_path):
    for name, text in LIBRARY.items():
        path = tmp_path / "medley" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


def digests(root):
    """Return each job's digest as a new process would find it."""
    code_digest.cache_clear()
    digest._module.cache_clear()
    return {job: code_digest(*modules, root=root) for job, modules in JOBS.items()}


def jobs_changed_by(root, name, text, mode="a"):
    before = digests(root)
    with (root / "medley" / name).open(mode) as stream:
        stream.write(text)
    after = digests(root)
    return {job for job in JOBS if before[job] != after[job]}


ALL_TRAININGS = {"fpn with dice", "fpn with bce"}


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("train.py", ALL_TRAININGS),
        ("files.py", ALL_TRAININGS),
        ("paths.py", ALL_TRAININGS),  # a relative import of an import
        ("late.py", ALL_TRAININGS),  # imported inside a method
        ("losses/__init__.py", ALL_TRAININGS),
        ("models/fpn.py", ALL_TRAININGS),
        ("losses/dice.py", {"fpn with dice"}),
        ("losses/helper.py", {"fpn with dice"}),
        ("losses/bce.py", {"fpn with bce"}),
        ("metrics.py", {"evaluate"}),
        ("figures.py", set()),  # only under TYPE_CHECKING
        ("__init__.py", set(JOBS)),
    ],
)
def test_a_changed_module_changes_the_jobs_that_run_it(library, name, jobs):
    assert jobs_changed_by(library, name, "\nCHANGED = True\n") == jobs


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_a_comment_changes_nothing(library, name):
    assert jobs_changed_by(library, name, "\n\n# a remark\n") == set()


def test_docstrings_and_layout_change_nothing(library):
    text = (library / "medley" / "train.py").read_text()
    edited = text.replace("Train.", "Train a network.").replace("One run.", "A run.").replace("'''Go.'''", "'Went.'\n")
    edited = edited.replace("write(json.dumps(", "write(\n            json.dumps(")
    assert edited.count("\n") > text.count("\n")
    assert jobs_changed_by(library, "train.py", edited, mode="w") == set()


@pytest.mark.parametrize(("old", "new"), [("2", "3"), ("2", "2.0"), ("2", "'2'"), ("2", "-2"), ("TWO", "TWOS")])
def test_every_token_of_code_counts(library, old, new):
    text = LIBRARY["late.py"].replace(old, new)
    assert jobs_changed_by(library, "late.py", text, mode="w") == ALL_TRAININGS


def test_text_that_is_no_docstring_counts(library):
    assert jobs_changed_by(library, "late.py", "\ndef two():\n    x = 1\n    return 'two'\n") == ALL_TRAININGS
    assert jobs_changed_by(library, "late.py", "\nNAME = 'two'\n") == ALL_TRAININGS


def test_a_new_loss_or_model_changes_nothing(library):
    assert jobs_changed_by(library, "losses/focal.py", "G = 2\n", mode="w") == set()
    assert jobs_changed_by(library, "models/unet.py", "G = 2\n", mode="w") == set()


def test_the_order_of_entries_does_not_count(library):
    modules = JOBS["fpn with dice"]
    assert code_digest(*modules, root=library) == code_digest(*reversed(modules), root=library)


def test_the_place_of_the_library_does_not_count(library, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("clone")
    shutil.copytree(library / "medley", elsewhere / "medley")
    assert digests(library) == digests(elsewhere)


def test_an_entry_that_is_not_there_is_an_error(library):
    with pytest.raises(ModuleNotFoundError, match=r"medley\.trian"):
        code_digest("medley.trian", root=library)


def test_what_is_followed_is_what_python_imports():
    """Against the interpreter: every own module that importing one of the library's loads is followed."""
    modules = ["medley.config", "medley.splits", "medley.provenance"]
    program = f"import sys, {', '.join(modules)}\nprint(*sorted(m for m in sys.modules if m.split('.')[0] == 'medley'))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT / "scripts", capture_output=True, text=True, check=True
    )
    followed, waiting = set(), list(modules)
    while waiting:
        module = waiting.pop()
        if module not in followed:
            followed.add(module)
            waiting += digest._module(module, PROJECT / "scripts")[1]
    loaded = set(done.stdout.split())
    assert len(loaded) > 8
    assert loaded <= followed


def test_asking_again_reads_no_file(library, monkeypatch):
    modules = JOBS["fpn with dice"]
    first = code_digest(*modules, root=library)
    monkeypatch.setattr(Path, "read_text", lambda *arguments, **options: pytest.fail("read again"))
    assert code_digest(*modules, root=library) == first


def test_sixteen_hexadecimal_digits():
    assert len(code_digest("medley.config")) == 16
    int(code_digest("medley.config"), 16)
