"""Archives as Python's own writers make them come out as they went in; bad ones stand in test_bad_input."""

import shutil
from pathlib import Path

import pytest

from medley import archive

FILES = {
    "Task02_Heart/dataset.json": b"{}",
    "Task02_Heart/imagesTr/la_003.nii.gz": bytes(range(256)) * 9000,
    "empty": b"",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "source"


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_files_come_out_as_they_went_in(source: Path, tmp_path: Path, form: str) -> None:
    packed = shutil.make_archive(str(tmp_path / "packed"), form, source)
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "before").write_text("from an earlier archive")
    archive.extract(Path(packed), tmp_path / "unpacked")
    assert below(tmp_path / "unpacked") == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"source", "unpacked", Path(packed).name}


def test_a_tar_that_ends_in_a_zip_is_a_tar(source: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "inner" / "z"), "zip", source)
    packed = shutil.make_archive(str(tmp_path / "packed"), "tar", tmp_path / "inner")
    archive.extract(Path(packed), tmp_path / "unpacked")
    assert list(below(tmp_path / "unpacked")) == ["z.zip"]
