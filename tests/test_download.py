"""Downloads against a local server with ranges and faults; the list of files and their checksums."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from medley import download, manifest
from medley.datasets import acdc_download
from medley.errors import InputError
from scripts import download_dataset, make_phantom
from tests.web_server import Site, serve

CONTENT = bytes(range(256)) * 8000  # 2 MB, two chunks


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as site:
        site.files["/volume"] = CONTENT
        yield site


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with download.session() as http:
        yield http


def test_fetches_the_bytes_and_leaves_nothing_else(site: Site, http: requests.Session, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "volume"
    download.fetch(http, f"{site.url}/volume", path, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_continues_where_an_earlier_call_stopped(site: Site, http: requests.Session, tmp_path: Path) -> None:
    (tmp_path / "volume.part").write_bytes(CONTENT[:700_000])
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume", len(CONTENT))
    assert (tmp_path / "volume").read_bytes() == CONTENT
    assert site.asked_ranges == ["bytes=700000-"]


def test_continues_after_broken_connections(site: Site, http: requests.Session, tmp_path: Path) -> None:
    site.cut["/volume"] = [1_500_000, 300_000]
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == CONTENT
    assert site.asked["/volume"] == 3
    first, second = (int(asked.strip("bytes=-")) for asked in site.asked_ranges)
    assert 1_400_000 < first <= 1_500_000
    assert first + 200_000 < second <= first + 300_000


def test_what_has_arrived_survives_a_failure(site: Site, http: requests.Session, tmp_path: Path) -> None:
    site.cut["/volume"] = [1_200_000, *[0] * 20]
    with pytest.raises(InputError, match="failed 4 times"):
        download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    kept = (tmp_path / "volume.part").read_bytes()
    assert len(kept) > 1_100_000
    assert CONTENT.startswith(kept)
    assert not (tmp_path / "volume").exists()
    site.cut.clear()
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == CONTENT


def test_begins_anew_where_the_server_has_no_ranges(site: Site, http: requests.Session, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "volume.part").write_bytes(b"from the start, then")
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == CONTENT


def test_part_that_was_complete_is_only_renamed(site: Site, http: requests.Session, tmp_path: Path) -> None:
    (tmp_path / "volume.part").write_bytes(CONTENT)
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == CONTENT
    assert site.asked["/volume"] == 1


def test_part_longer_than_the_file_is_thrown_away(site: Site, http: requests.Session, tmp_path: Path) -> None:
    (tmp_path / "volume.part").write_bytes(CONTENT + b"more")
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == CONTENT


def test_whole_file_is_not_asked_for_again(site: Site, http: requests.Session, tmp_path: Path) -> None:
    (tmp_path / "volume").write_bytes(CONTENT)
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume", len(CONTENT))
    assert not site.asked


def test_file_of_another_size_or_checksum_is_fetched_again(site: Site, http: requests.Session, tmp_path: Path) -> None:
    (tmp_path / "volume").write_bytes(CONTENT[:-1])
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume", len(CONTENT))
    (tmp_path / "volume").write_bytes(CONTENT[:-1] + b"?")
    download.fetch(http, f"{site.url}/volume", tmp_path / "volume", checksum=hashlib.sha256(CONTENT).hexdigest())
    assert (tmp_path / "volume").read_bytes() == CONTENT
    assert site.asked["/volume"] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_final_answers_end_at_once(site: Site, http: requests.Session, tmp_path: Path, status: int) -> None:
    site.status["/volume"] = [status] * 9
    with pytest.raises(InputError, match=f"answer {status}"):
        download.fetch(http, f"{site.url}/volume", tmp_path / "volume")
    assert site.asked["/volume"] == 1


def test_answer_that_is_no_json(site: Site, http: requests.Session) -> None:
    with pytest.raises(InputError, match="no JSON"):
        download.fetch_json(http, f"{site.url}/volume")


# ACDC from a server that answers as Girder does.

API = "/api/v1"
PATIENTS = {"training": ["patient001", "patient002"], "testing": ["patient101"]}


@pytest.fixture
def girder(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(acdc_download, "SERVER", f"{site.url}{API}")

    def children(folder: str) -> str:
        return f"{API}/folder?parentType=folder&parentId={folder}&limit=0"

    site.put_json(children(acdc_download.DATABASE), [{"name": part, "_id": part} for part in [*PATIENTS, "code"]])
    for part, patients in PATIENTS.items():
        others = [{"name": "../climbing", "_id": "x"}, {"name": "notes", "_id": "y"}]
        site.put_json(children(part), [{"name": patient, "_id": patient} for patient in patients] + others)
        for patient in patients:
            items = []
            for name in (
                "Info.cfg",
                f"{patient}_4d.nii.gz",
                f"{patient}_frame01.nii.gz",
                f"{patient}_frame01_gt.nii.gz",
                f"../{patient}_frame01.nii.gz",
            ):
                content = f"{patient} {name}".encode() * 100
                identity = f"id-{patient}-{len(items)}"
                items.append({"name": name, "_id": identity, "size": len(content)})
                site.files[f"{API}/item/{identity}/download"] = content
            site.put_json(f"{API}/item?folderId={patient}&limit=0", items)
    return site


def test_acdc_arrives_in_its_layout_without_4d_files(girder: Site, tmp_path: Path) -> None:
    acdc_download.download(tmp_path)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    names = ["Info.cfg", "{}_frame01.nii.gz", "{}_frame01_gt.nii.gz"]
    assert found == sorted(
        f"{part}/{patient}/{name.format(patient)}" for part in PATIENTS for patient in PATIENTS[part] for name in names
    )
    info = tmp_path / "training" / "patient002" / "Info.cfg"
    assert info.read_bytes() == b"patient002 Info.cfg" * 100


def test_acdc_continues_with_what_is_missing(girder: Site, tmp_path: Path) -> None:
    broken = f"{API}/item/id-patient002-2/download"
    girder.status[broken] = [404]
    with pytest.raises(InputError, match=r"id-patient002-2(.|\n)*browser"):
        acdc_download.download(tmp_path)
    acdc_download.download(tmp_path)
    downloads = {path: times for path, times in girder.asked.items() if path.endswith("download")}
    assert downloads.pop(broken) == 2
    assert len(downloads) == 8 and set(downloads.values()) == {1}


def test_acdc_gone_from_its_server(girder: Site, tmp_path: Path) -> None:
    girder.put_json(f"{API}/folder?parentType=folder&parentId={acdc_download.DATABASE}&limit=0", [])
    with pytest.raises(InputError, match="lists no patients"):
        acdc_download.download(tmp_path)


def test_download_script_records_checksums_and_holds_later_files_to_them(girder: Site, tmp_path: Path) -> None:
    listed = tmp_path / "acdc" / "manifest.csv"
    download_dataset.main("acdc", str(listed))
    entries = manifest.read(listed)
    assert len(entries) == 9
    name = "testing/patient101/Info.cfg"
    content = (listed.parent / name).read_bytes()
    assert entries[name] == (len(content), hashlib.sha256(content).hexdigest())

    first = listed.read_bytes()
    listed.unlink()  # as Snakemake does before the rule runs again
    download_dataset.main("acdc", str(listed))
    assert listed.read_bytes() == first

    (listed.parent / name).write_bytes(content[::-1])
    listed.unlink()
    with pytest.raises(InputError, match="not the file that was downloaded first"):
        download_dataset.main("acdc", str(listed))
    assert not listed.exists()


def test_phantom_script_lists_what_it_made(tmp_path: Path) -> None:
    listed = tmp_path / "acdc" / "manifest.csv"
    make_phantom.main("acdc", 2, 0.2, 0, str(listed))
    make_phantom.main("acdc", 1, 0.2, 0, str(listed))
    entries = manifest.read(listed)
    assert len(entries) == 5
    assert set(entries) == {
        str(path.relative_to(listed.parent)) for path in listed.parent.rglob("*.*") if path != listed
    }
    assert all(name.startswith("training/patient001/") for name in entries)
