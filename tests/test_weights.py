"""Pretrained weights: where they are, that they arrive whole, and what is said when they cannot."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from medley import download, weights
from medley.errors import InputError
from scripts import download_weights
from tests.web_server import Site, serve

CONTENT = b"the weights" * 1000
PAGE = "/smp-hub/resnet34.imagenet/resolve/{}/model.safetensors"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as site:
        monkeypatch.setattr(weights, "SERVER", site.url)
        site.files[weights.address("resnet34", "imagenet").removeprefix(site.url)] = CONTENT
        yield site


@pytest.fixture
def config(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    return content


def test_addresses_are_those_of_the_library_itself() -> None:
    from segmentation_models_pytorch.encoders import encoders

    pinned = {
        (name, kind): setting
        for name, encoder in encoders.items()
        for kind, setting in encoder["pretrained_settings"].items()
        if "+" not in kind  # a name that config.yaml does not take
    }
    assert len(pinned) > 100
    for (name, kind), setting in pinned.items():
        path = f"{setting['repo_id']}/resolve/{setting['revision']}/model.safetensors"
        assert weights.address(name, kind) == f"https://huggingface.co/{path}"


def test_encoder_or_weights_that_are_not_there() -> None:
    with pytest.raises(InputError, match=r"'resnet18' has no weights 'instagram', it has imagenet, ssl, swsl"):
        weights.address("resnet18", "instagram")
    with pytest.raises(InputError, match="is the encoder's name right"):
        weights.address("resnet35", "imagenet")


@pytest.mark.parametrize("tag", [f'"{hashlib.sha256(CONTENT).hexdigest()}"', None])
def test_weights_arrive(site: Site, tmp_path: Path, tag: str | None) -> None:
    page = next(iter(site.files))
    site.headers[page] = {"X-Linked-ETag": tag} if tag else {}
    weights.download("resnet34", "imagenet", tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").read_bytes() == CONTENT


def test_other_bytes_than_published_are_refused(site: Site, tmp_path: Path) -> None:
    site.headers[next(iter(site.files))] = {"X-Linked-ETag": f'"{"0" * 64}"'}
    with pytest.raises(InputError, match="expected SHA-256 0000"):
        weights.download("resnet34", "imagenet", tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


def test_failure_says_which_file_goes_where_and_which_line_to_add(
    site: Site, tmp_path: Path, config: dict[str, Any]
) -> None:
    site.files.clear()
    path = str(tmp_path / "resnet34-imagenet.safetensors")
    with pytest.raises(InputError) as error:
        download_weights.main("resnet34", "imagenet", path, config)
    message = str(error.value)
    assert weights.address("resnet34", "imagenet") in message
    assert f"as {path}" in message
    assert "`leave_out: [acdc/deeplabv3plus-imagenet, acdc/fpn-imagenet]`" in message
