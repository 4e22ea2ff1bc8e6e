"""Pictures in the everyday formats, against arrays written by hand and another library; what is refused."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import ExifTags, Image

from medley.cases import Case
from medley.datasets import pictures
from medley.errors import InputError, MismatchError

ROWS, COLUMNS = 5, 7
GREY = (np.arange(ROWS * COLUMNS, dtype=np.uint8) * 7).reshape(ROWS, COLUMNS)
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)
MASK = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
MASK[1:3, 2:6] = 255
PNG_END = 12  # bytes of the mark at the end of a PNG
SMOOTH = np.clip(np.add.outer(np.arange(80.0), 1.5 * np.arange(90)), 0, 255).astype(np.uint8)

Pixels = npt.NDArray[Any]


def save(path: Path, pixels: Pixels | Image.Image, **options: Any) -> Path:
    """Write pixels, or a picture, as the ending of ``path`` says."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(path, **options)
    return path


def palette(pixels: Pixels, colours: list[tuple[int, int, int]]) -> Image.Image:
    """Return a picture of indices into ``colours``."""
    picture = Image.fromarray(pixels, "P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def with_alpha(pixels: Pixels, alpha: int) -> Pixels:
    """Return colours or grey with a further channel that is opaque, save one pixel of ``alpha``."""
    channel = np.full((ROWS, COLUMNS, 1), 255, dtype=np.uint8)
    channel[2, 3] = alpha
    return np.concatenate([pixels.reshape(ROWS, COLUMNS, -1), channel], axis=2)


# Reading.


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("pixels", [GREY, COLOURS], ids=["grey", "colours"])
def test_values_of_a_lossless_picture(tmp_path: Path, ending: str, pixels: Pixels) -> None:
    path = save(tmp_path / f"picture{ending}", pixels)
    assert pictures.size(path) == (ROWS, COLUMNS)
    read = pictures.read(path)
    channels = pixels.reshape(ROWS, COLUMNS, -1)
    assert read.shape == (channels.shape[2], 1, ROWS, COLUMNS) and read.dtype == np.float32
    assert read.flags.c_contiguous
    for channel in range(channels.shape[2]):
        np.testing.assert_array_equal(read[channel, 0], channels[..., channel])


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(GREY > 100), (GREY > 100) * 255.0),
        (Image.fromarray(GREY.astype(np.uint16) * 257 + 128), GREY + 128 / 257),
        (palette(GREY % 3, [(255, 255, 255), (9, 9, 9), (100, 100, 100)]), np.array([255, 9, 100])[GREY % 3]),
        (Image.fromarray(with_alpha(GREY, 255), "LA"), GREY),
    ],
    ids=["black and white", "16 bits", "palette of greys", "opaque grey"],
)
def test_grey_of_other_kinds(tmp_path: Path, picture: Image.Image, expected: Pixels) -> None:
    read = pictures.read(save(tmp_path / "picture.png", picture))
    assert read.shape == (1, 1, ROWS, COLUMNS) and read.dtype == np.float32
    np.testing.assert_allclose(read[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(with_alpha(COLOURS, 255)),
        palette(GREY // 7, [tuple(colour) for colour in COLOURS.reshape(-1, 3).tolist()]),
    ],
    ids=["opaque", "palette of colours"],
)
def test_colours_of_other_kinds(tmp_path: Path, picture: Image.Image) -> None:
    read = pictures.read(save(tmp_path / "picture.png", picture))
    np.testing.assert_array_equal(read[:, 0], COLOURS.transpose(2, 0, 1))


@pytest.mark.parametrize("pixels", [SMOOTH, np.stack([SMOOTH, SMOOTH[::-1], 255 - SMOOTH], axis=2)])
def test_jpeg_as_another_library_decodes_it(tmp_path: Path, pixels: Pixels) -> None:
    path = save(tmp_path / "picture.jpg", pixels)
    theirs = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert theirs is not None
    if theirs.ndim == 3:
        theirs = theirs[..., ::-1]  # OpenCV's order is blue, green, red
    read = pictures.read(path)[:, 0].transpose(1, 2, 0).squeeze()
    assert np.abs(read - theirs.astype(float)).max() <= 4


def test_number_of_channels_that_a_dataset_has(tmp_path: Path) -> None:
    grey, colours = save(tmp_path / "grey.png", GREY), save(tmp_path / "colours.png", COLOURS)
    equal = save(tmp_path / "equal.png", np.stack([GREY] * 3, axis=2))
    sixteen = save(tmp_path / "sixteen.png", GREY.astype(np.uint16) * 257)
    for path in (grey, equal, sixteen):
        np.testing.assert_array_equal(pictures.read(path, channels=1), GREY[None, None])
        np.testing.assert_array_equal(pictures.read(path, channels=3), np.stack([GREY] * 3)[:, None])
    luminance = COLOURS @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert np.abs(pictures.read(colours, channels=1)[0, 0] - luminance).max() <= 0.51
    np.testing.assert_array_equal(pictures.read(colours, channels=3), pictures.read(colours))


def test_size_is_in_the_header(tmp_path: Path) -> None:
    whole = save(tmp_path / "picture.jpg", SMOOTH).read_bytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole[:-20])
    assert pictures.size(cut) == pictures.shape(cut)[:2] == SMOOTH.shape
    assert pictures.shape(cut)[2] == 1


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_size_that_cannot_be_known_is_left_to_the_inspection(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(InputError):
        pictures.size(path)
    assert pictures.shape(path) == (1, 1, 1)
    with pytest.raises(InputError):
        pictures.read(path)


# What would be read wrongly. The messages are in test_bad_pictures.


@pytest.mark.parametrize("length", [0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".bmp"])
def test_picture_that_is_cut_short(tmp_path: Path, ending: str, length: float) -> None:
    path = save(tmp_path / f"picture{ending}", SMOOTH)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(length * (len(whole) - PNG_END))])
    with pytest.raises(InputError, match=r"cut short|no picture"):
        pictures.read(path)


@pytest.mark.parametrize("bit", range(8))
def test_no_damaged_png_is_read(tmp_path: Path, bit: int) -> None:
    """Whatever bit is flipped, but for the mark of the file's end."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    path = save(tmp_path / "picture.png", noise)
    whole = path.read_bytes()
    for place in range(0, len(whole) - PNG_END, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        with pytest.raises(InputError):
            pictures.read(path)


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
def test_picture_that_its_exif_turns(tmp_path: Path, ending: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = save(tmp_path / f"picture{ending}", SMOOTH, exif=exif)
    if orientation <= 1:  # unknown, upright
        assert pictures.read(path).shape == (1, 1, *SMOOTH.shape)
    else:
        with pytest.raises(InputError, match=f"orientation {orientation}"):
            pictures.read(path)


@pytest.mark.parametrize("alpha", [0, 254])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "RGB"])
def test_one_transparent_pixel(tmp_path: Path, mode: str, alpha: int) -> None:
    path, pixels = tmp_path / "picture.png", COLOURS if "RGB" in mode else GREY
    if mode in ("L", "RGB"):  # a colour that stands for transparent
        key = GREY[2, 3] if mode == "L" else tuple(COLOURS[2, 3].tolist())
        save(path, pixels, transparency=int(key) if mode == "L" else key)
    elif mode == "P":
        indices = palette(GREY // 7, [(index, index, index) for index in range(35)])
        save(path, indices, transparency=bytes([255] * int(GREY[2, 3] // 7) + [alpha]))
    else:
        save(path, Image.fromarray(with_alpha(pixels, alpha), mode))
    with pytest.raises(InputError, match="is transparent in part"):
        pictures.read(path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("picture", "transparency"),
    [
        (Image.fromarray(GREY), 1),
        (Image.fromarray(np.stack([GREY] * 3, axis=2)), (1, 2, 3)),
        (palette(GREY // 7, [(7 * index,) * 3 for index in range(35)]), bytes([255] * 35)),
    ],
    ids=["grey", "colours", "palette"],
)
def test_transparency_that_no_pixel_has(tmp_path: Path, picture: Image.Image, transparency: Any, channels: int) -> None:
    path = save(tmp_path / "picture.png", picture, transparency=transparency)
    read = pictures.read(path, channels)
    np.testing.assert_array_equal(read, np.stack([GREY] * channels)[:, None])


def test_colours_of_sixteen_bits(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    assert cv2.imwrite(str(path), COLOURS.astype(np.uint16) * 257)
    with Image.open(path) as theirs:
        assert theirs.mode == "RGB"  # Pillow halves them silently
    with pytest.raises(InputError, match="16 bits a colour channel"):
        pictures.read(path)


@pytest.mark.parametrize(("mode", "ending"), [("CMYK", ".jpg"), ("CMYK", ".tif"), ("F", ".tif"), ("I", ".tif")])
def test_pixels_of_no_colour_or_of_unknown_range(tmp_path: Path, mode: str, ending: str) -> None:
    path = save(tmp_path / f"picture{ending}", Image.fromarray(GREY).convert(mode))
    with pytest.raises(InputError, match=mode):
        pictures.read(path)


def test_more_pixels_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SMOOTH.size // 3)
    with pytest.raises(InputError, match="more pixels than any picture of a patient"):
        pictures.read(save(tmp_path / "picture.png", SMOOTH))


# Masks.


def inverted(mask: Pixels) -> Image.Image:
    """Return a mask as HAM10000 has them: index 0 is white, 255 black."""
    return palette(255 - mask, [(255 - value,) * 3 for value in range(256)])


def in_jpeg(mask: Pixels) -> Image.Image:
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "JPEG", quality=60)
    return Image.open(stream)


@pytest.mark.parametrize(
    "drawn",
    [
        Image.fromarray,
        lambda mask: Image.fromarray(mask > 0),
        lambda mask: Image.fromarray(mask.astype(np.uint16) * 257),
        lambda mask: Image.fromarray(np.stack([mask] * 3, axis=2)),
        lambda mask: Image.fromarray(with_alpha(mask, 255), "LA"),
        inverted,
        in_jpeg,
    ],
    ids=["grey", "black and white", "16 bits", "three channels", "opaque", "inverted palette", "JPEG"],
)
def test_mask_of_any_kind_is_the_same_mask(tmp_path: Path, drawn: Callable[[Pixels], Image.Image]) -> None:
    path = save(tmp_path / "mask.png", drawn(MASK))
    mask = pictures.read_mask(path, (ROWS, COLUMNS))
    assert mask.shape == (1, ROWS, COLUMNS) and mask.dtype == np.uint8
    np.testing.assert_array_equal(mask[0], MASK // 255)


@given(arrays.arrays(np.uint8, (4, 6), elements=st.integers(0, 255)))
def test_mask_is_what_is_brighter_than_half_of_white(tmp_path_factory: pytest.TempPathFactory, grey: Pixels) -> None:
    grey[0, 0] = 255  # something is left
    path = save(tmp_path_factory.mktemp("mask") / "mask.png", grey)
    expected = [[int(value >= 128) for value in row] for row in grey.tolist()]
    assert pictures.read_mask(path, (4, 6))[0].tolist() == expected
    between = sum(10 < value < 245 for row in grey.tolist() for value in row) / 24
    assert pictures.is_between(path) == pytest.approx(between, abs=1e-9)


def test_empty_mask_is_a_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", MASK * 0)
    assert not pictures.read_mask(path, (ROWS, COLUMNS)).any()


@pytest.mark.parametrize("brightest", [1, 127])
def test_mask_that_would_vanish(tmp_path: Path, brightest: int) -> None:
    path = save(tmp_path / "mask.png", MASK // 255 * np.uint8(brightest))
    with pytest.raises(InputError, match=rf"brightest value is {brightest}, .* save the mask as 0 and 255"):
        pictures.read_mask(path, (ROWS, COLUMNS))


def test_mask_in_colours(tmp_path: Path) -> None:
    red = np.stack([MASK, MASK * 0, MASK * 0], axis=2)  # its luminance is below half
    for picture in (Image.fromarray(red), palette(MASK // 255, [(0, 0, 0), (128, 0, 0)])):
        path = save(tmp_path / "mask.png", picture)
        with pytest.raises(InputError, match="is a mask in colours"):
            pictures.read_mask(path, (ROWS, COLUMNS))


def test_mask_of_another_size_is_another_error(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", MASK)
    with pytest.raises(MismatchError, match=r"mask\.png: has 5 x 7 rows and columns, but its image has 7 x 5"):
        pictures.read_mask(path, (COLUMNS, ROWS))


def test_label_of_a_case(tmp_path: Path) -> None:
    case = Case("c", "p", "", str(tmp_path / "mask.png"), (ROWS, COLUMNS, 1), (1.0, 1.0, 1.0))

    def labels(case: Case) -> tuple[str, ...]:
        return pictures.labelled(case, "lung", lambda one: pictures.read_mask(one.mask, one.shape[:2])).labels

    assert labels(case) == ()  # no such file
    save(tmp_path / "mask.png", MASK * 0)
    assert labels(case) == ()
    save(tmp_path / "mask.png", MASK)
    assert labels(case) == ("lung",)
    assert labels(Case("c", "p", "", "", (ROWS, COLUMNS, 1), (1.0, 1.0, 1.0))) == ()


# Folders.


def test_files_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mit Leerzeichen é 肺"
    (folder / "deeper.png").mkdir(parents=True)
    for name in ("b.PNG", "a 1.jpg", "é.jpeg", ".DS_Store", "._a.jpg", "Thumbs.db", "LICENSE.txt", "c.png.part"):
        (folder / name).touch()
    assert pictures.files(folder) == {"a 1": folder / "a 1.jpg", "b": folder / "b.PNG", "é": folder / "é.jpeg"}
    assert list(pictures.files(folder)) == ["a 1", "b", "é"]
    assert list(pictures.files(folder, (".txt",))) == ["LICENSE"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"a\.png: a\.jpg beside it has the same name; remove one of the two"):
        pictures.files(tmp_path)
    assert list(pictures.files(tmp_path, (".png",))) == ["a"]


def test_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        pictures.files(tmp_path / "nowhere")


# Real files.


@pytest.mark.real
@pytest.mark.parametrize("name", ["HAM10000", "ISIC2017"])
def test_real_lesions_are_inside_their_masks(real: Path, name: str) -> None:
    """Whatever the index in a palette: lesions lie off the border, and most are darker than the skin round them."""
    masks = sorted((real / name).rglob("*_segmentation.png"))
    assert len(masks) == {"HAM10000": 24, "ISIC2017": 4}[name]
    darker = []
    for path in masks:
        (image_path,) = (real / name).rglob(path.name.replace("_segmentation.png", ".jpg"))
        image, mask = pictures.read(image_path)[:, 0], pictures.read_mask(path, pictures.size(image_path))[0]
        assert image.shape == (3, *mask.shape)
        step = max(1, min(mask.shape) // 300)
        grey, small = image.mean(axis=0)[::step, ::step], mask[::step, ::step]
        ring = cv2.dilate(small, np.ones((41, 41))) - cv2.dilate(small, np.ones((11, 11)))
        darker.append(grey[small == 1].mean() < grey[ring == 1].mean())
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert border.mean() < 0.5 * mask[mask.shape[0] // 4 : -mask.shape[0] // 4].mean()
        assert pictures.is_between(path) == 0
    assert np.mean(darker) >= 0.75


@pytest.mark.real
def test_real_palettes_are_inverted(real: Path) -> None:
    """What the test above would not show if they were not."""
    for path in sorted((real / "HAM10000").rglob("*_segmentation.png"))[:3]:
        with Image.open(path) as theirs:
            assert theirs.mode == "P"
            indices = np.asarray(theirs)
        mask = pictures.read_mask(path, pictures.size(path))[0]
        np.testing.assert_array_equal(mask == 1, indices == 0)
