"""Made-up chest X-rays (posterior-anterior) of two hospitals, with masks of the lungs.

Not a simulation: shapes and grey values that a reader of such pictures expects, with what makes them hard: ribs,
clavicles and vessels across the lungs, lungs that are opaque in part, gas below the diaphragm that looks like lung,
black beyond the body that looks like it too, and a second hospital with other contrast, noise and collimation, in
whose pictures chests stand higher.
As at the source, a mask leaves out what the heart and the diaphragm cover, and goes on behind an opacity.

Lengths are 1/256 of the picture's height, y and x from its middle; the image's left is the patient's right. Grey is
0 (black, air) to 1.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from medley.datasets.drawing import Field, paint, soft
from medley.datasets.picture_drawing import Generator, Inside, bent, grid, smooth_noise, strokes

RIGHT, LEFT = -1, 1  # sides of the patient: the sign of x
LETTERS = {RIGHT: ((5, -3), (-5, -3), (-5, 3), (0, 3), (0, -3), (5, 3)), LEFT: ((-5, 0), (5, 0), (5, 4))}
HEART_LEANS = -0.75  # radians


@dataclasses.dataclass(frozen=True)
class Chest:
    """A patient: half widths, heights (y) of landmarks, and what hides the lungs."""

    wide: float  # from the middle to the outer wall of a lung
    apex: float
    domes: dict[int, float]  # of the diaphragm, by side
    heart: tuple[float, float, float, float]  # y, x, half length, half width
    wall: float  # from a lung to the skin
    arms: float  # from the apex down to the armpits
    rib_step: float
    tilt: float  # radians
    shift: tuple[float, float]  # of the whole chest, y and x
    gas: float  # half width of the bubble in the stomach, 0 for none
    effusion: tuple[int, float]  # side, and height that fluid rises to above the dome; 0 for none
    opacities: tuple[tuple[float, float, float, float], ...]  # y, x, radius, density


@dataclasses.dataclass(frozen=True)
class Scanner:
    """How a hospital takes and shows its pictures."""

    gamma: float
    gain: float  # after gamma; what it carries beyond 1 is white
    lung: float  # grey of a lung without anything in it
    noise: float
    blur: float
    field: tuple[float, float, float, float]  # top, bottom, left, right edge of the collimated field
    turned: float  # the field's, in radians
    raised: float  # by how much higher a chest is shown
    labels: bool  # white boxes with the view, beside the letter for the side


def draw_chest(tuberculosis: bool, rng: Generator) -> Chest:
    """Return a patient."""
    wide, apex = rng.uniform(72, 92), rng.uniform(-98, -80)
    dome = rng.uniform(34, 66)
    heart = rng.uniform(0.42, 0.56) * wide
    sick = rng.integers(2, 6) if tuberculosis else rng.integers(0, 2)
    opacities = tuple(
        (
            rng.uniform(apex + 12, apex + 0.75 * (dome - apex)),
            rng.choice([RIGHT, LEFT]) * rng.uniform(0.3, 0.85) * wide,
            rng.uniform(5, 18),
            rng.uniform(0.3, 0.8),
        )
        for _ in range(sick)
    )
    fluid = rng.uniform(15, 60) if tuberculosis and rng.random() < 0.4 else rng.uniform(0, 6)
    return Chest(
        wide=wide,
        apex=apex,
        domes={RIGHT: dome - rng.uniform(-2, 8), LEFT: dome + rng.uniform(0, 8)},
        heart=(dome - rng.uniform(12, 20), rng.uniform(12, 22), rng.uniform(1.15, 1.35) * heart, heart),
        wall=rng.uniform(10, 26),
        arms=rng.uniform(40, 130),
        rib_step=rng.uniform(16, 20),
        tilt=rng.normal(0, 0.035),
        shift=(rng.uniform(-8, 12), rng.uniform(-8, 8)),
        gas=rng.uniform(12, 26) if rng.random() < 0.6 else 0.0,
        effusion=(int(rng.choice([RIGHT, LEFT])), fluid),
        opacities=opacities,
    )


def draw_scanner(hospital: str, rng: Generator) -> Scanner:
    """Return how ``hospital`` (CHNCXR, MCUCXR) takes one picture."""
    if hospital == "CHNCXR":
        return Scanner(
            gamma=rng.uniform(0.8, 1.1),
            gain=rng.uniform(1.05, 1.2),
            lung=rng.uniform(0.28, 0.42),
            noise=rng.uniform(0.006, 0.02),
            blur=0.5,
            field=(-140.0, rng.uniform(124, 140), -140.0, 140.0),
            turned=0.0,
            raised=0.0,
            labels=False,
        )
    # Lungs and what is around them come out as grey, on average, as in real pictures of Montgomery.
    side = rng.uniform(112, 140)
    return Scanner(
        gamma=rng.uniform(1.5, 2.0),
        gain=rng.uniform(1.3, 1.5),
        lung=rng.uniform(0.2, 0.32),
        noise=rng.uniform(0.01, 0.025),
        blur=0.8,
        field=(rng.uniform(-140, -124), rng.uniform(84, 140), -side, side + rng.uniform(-12, 4)),
        turned=rng.normal(0, 0.02),
        raised=rng.uniform(0, 20),
        labels=True,
    )


def render(chest: Chest, scanner: Scanner, size: tuple[int, int], pixel: float, rng: Generator) -> tuple[Field, Inside]:
    """Return the image (0 to 1) and where the lungs are, both of ``size`` (rows, columns); ``pixel`` is in lengths."""
    upright = grid(size, pixel)
    chest = dataclasses.replace(chest, shift=(chest.shift[0] - scanner.raised, chest.shift[1]))
    y, x = _turned(upright[0] - chest.shift[0], upright[1] - chest.shift[1], chest.tilt)
    y, x = bent(y, x, 2.5, 90, rng)
    texture = smooth_noise(size, 3 / pixel, rng)
    image = _body(chest, y, x, pixel)
    depths = {side: _lung_depth(chest, side, y, x) for side in (RIGHT, LEFT)}
    depth = np.maximum(depths[RIGHT], depths[LEFT])
    _paint_lungs(image, chest, scanner, depths, texture, y, x, rng)
    _add_vessels(image, chest, soft(depth, 6), size, pixel, rng)
    _add_bones(image, chest, y, x, pixel)
    drawn = depth + 0.8 * smooth_noise(size, 6 / pixel, rng) > 0  # by hand, and no slivers
    inside: Inside = ndimage.binary_opening(drawn, iterations=max(1, round(2 / pixel)))
    return _developed(image, scanner, upright, pixel, rng), inside


def _turned(y: Field, x: Field, angle: float) -> tuple[Field, Field]:
    sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return cosine * y - sine * x, sine * y + cosine * x


def _bump(field: Field, middle: float, width: float) -> Field:
    """Return 1 in the ``middle`` of a field's values, less and less around it."""
    bump: Field = np.exp(-(((field - middle) / width) ** 2))
    return bump


def _lung_depth(chest: Chest, side: int, y: Field, x: Field) -> Field:
    """Return how deep in the lung of one side each pixel lies, negative outside."""
    out = side * x
    down = (y - chest.apex) / (chest.domes[side] - chest.apex)
    outer = chest.wide * np.sqrt(1 - (1 - np.clip(down, 0, 1)) ** 2.4)
    inner = 13 + 16 * np.exp(-np.clip(down, 0, None) / 0.07) + 5 * down**2
    if side == LEFT:
        inner += 6 * _bump(down, 0.3, 0.07)  # the arch of the aorta
    above = _dome(chest, side, x) - y
    depth: Field = np.minimum.reduce([outer - out, out - inner, above, y - chest.apex, -_heart_depth(chest, y, x)])
    return depth


def _dome(chest: Chest, side: int, x: Field) -> Field:
    """Return the height of one half of the diaphragm, which falls off to both sides."""
    dome: Field = chest.domes[side] + 24 * ((side * x - 0.45 * chest.wide) / (0.6 * chest.wide)) ** 2
    return dome


def _heart_depth(chest: Chest, y: Field, x: Field) -> Field:
    """Return how deep in heart and great vessels each pixel lies, negative outside."""
    top, middle, height, width = chest.heart
    down, right = _turned(y - top, x - middle, HEART_LEANS)
    heart = (1 - np.hypot(down / height, right / width)) * width
    trunk = 13 + 0.2 * np.clip(y - chest.apex - 30, 0, None) - np.abs(x - 4)
    vessels = np.minimum(trunk, top + 0.3 * height - y)
    depth: Field = np.maximum(heart, vessels)
    return depth


def _body(chest: Chest, y: Field, x: Field, pixel: float) -> Field:
    """Return neck, shoulders and trunk with what lies below the diaphragm, heart and great vessels; no lungs yet."""
    out = np.abs(x)
    shoulder = chest.apex - 22 + 0.28 * np.clip(out - 30, 0, None)
    half = chest.wide + chest.wall + 70 * np.clip((chest.apex + chest.arms - y) / 40, 0, 1)
    trunk = np.minimum(y - shoulder, half - out)
    neck = 27 + 0.2 * np.clip(y - shoulder, 0, None) - out
    image = np.full(y.shape, 0.03, dtype=np.float32)
    skin = np.maximum(trunk, neck)
    paint(image, soft(skin, 2 * pixel), 0.3 + 0.32 * np.clip(skin / 50, 0, 1))
    below = y - np.minimum(_dome(chest, RIGHT, x), _dome(chest, LEFT, x))
    paint(image, soft(below, 5) * soft(skin, 14), 0.68)
    paint(image, soft(below - 20, 60) * soft(skin, 14), 0.84)
    paint(image, soft(_heart_depth(chest, y, x), 8), 0.7)
    paint(image, soft(20 - out, 16) * soft(y - chest.apex + 10, 40), 0.72)
    return image


def _paint_lungs(
    image: Field,
    chest: Chest,
    scanner: Scanner,
    depths: dict[int, Field],
    texture: Field,
    y: Field,
    x: Field,
    rng: Generator,
) -> None:
    """Paint the air of the lungs, what is opaque in them, and the gas in the stomach."""
    for side, depth in depths.items():
        air = soft(depth, 5) * (0.75 + 0.25 * np.clip(depth / 25, 0, 1))
        if side == chest.effusion[0]:
            level = chest.domes[side] - chest.effusion[1] + 0.1 * (side * x - chest.wide)
            air *= 1 - 0.85 * soft(y - level + 2 * texture, 18)
        for top, middle, radius, density in chest.opacities:
            patch = np.exp(-(((y - top) ** 2 + (x - middle) ** 2) / (2 * radius**2)))
            air *= 1 - density * patch * np.clip(1 + 0.5 * texture, 0, 1.6)
        air *= rng.uniform(0.85, 1.0)
        paint(image, air, scanner.lung)
    if chest.gas:
        bubble = np.hypot((y - chest.domes[LEFT] - 13) / (0.55 * chest.gas), (x - 0.5 * chest.wide) / chest.gas)
        paint(image, 0.8 * soft((1 - bubble) * chest.gas, 4), scanner.lung + 0.1)


def _add_vessels(image: Field, chest: Chest, lung: Field, size: tuple[int, int], pixel: float, rng: Generator) -> None:
    """Add the vessels that spread from both hila, the nearer the thicker."""
    root = chest.apex + 0.5 * (chest.domes[RIGHT] - chest.apex)
    for width, share, count in ((4.0, 0.45, 7), (2.2, 0.75, 12), (1.2, 1.0, 22)):
        lines = []
        for side in (RIGHT, LEFT):
            for angle in rng.uniform(-1.35, 1.35, count):
                along = np.linspace(0, share * rng.uniform(0.5, 1) * chest.wide, 6)
                course = angle + np.cumsum(rng.normal(0, 0.13, 6))
                lines.append(
                    np.stack([root + along * np.sin(course), side * (18 + along * np.cos(course))], axis=1)
                    + chest.shift
                )
        image += 0.05 * lung * ndimage.gaussian_filter(strokes(size, lines, width, pixel), 0.5 / pixel)


def _add_bones(image: Field, chest: Chest, y: Field, x: Field, pixel: float) -> None:
    """Add spine, ribs, collar bones and shoulder joints; take away the air in the windpipe."""
    out = np.abs(x)
    vertebra = 0.5 + 0.5 * np.cos(2 * np.pi * y / 15)
    image += soft(11 - out, 4) * (0.05 + 0.05 * vertebra)
    image -= 0.11 * soft(6 - out, 4) * soft(chest.apex + 62 - y, 20)
    dome = np.minimum(_dome(chest, RIGHT, x), _dome(chest, LEFT, x))
    thorax = soft(chest.wide + 5 - out, 5) * soft(y - chest.apex + 8, 8) * (0.35 + 0.65 * soft(dome - y, 20))
    for number in range(10):
        arch = 0.006 * (out - 0.35 * chest.wide) ** 2 + 0.03 * number * out
        behind = y - (chest.apex + 4 + number * chest.rib_step + arch)
        image += 0.085 * thorax * _bone(behind, 4.5, pixel) * soft(out - 9, 5)
        before = y - (chest.apex + 22 + number * chest.rib_step + 0.5 * (chest.wide - out))
        image += 0.05 * thorax * _bone(before, 4, pixel) * soft(out - 0.45 * chest.wide, 15)
    collar = y - (chest.apex + 15 - 0.22 * out - 5 * np.sin(out / 16))
    image += 0.11 * _bone(collar, 4.5, pixel) * soft(out - 10, 5) * soft(chest.wide + 22 - out, 5)
    joint = 17 - np.hypot(y - chest.apex - 4, out - chest.wide - 34)
    image += 0.12 * soft(joint, 4)


def _bone(distance: Field, half: float, pixel: float) -> Field:
    """Return a band of bone around ``distance`` 0, brighter at its edges."""
    across = np.abs(distance)
    bone: Field = 0.6 * soft(half - across, 2 * pixel) + 0.7 * _bump(across, half - 0.8, 1.2)
    return bone


def _developed(image: Field, scanner: Scanner, upright: tuple[Field, Field], pixel: float, rng: Generator) -> Field:
    """Return ``image`` as a hospital shows it: contrast, blur, noise, collimation, markers."""
    y, x = upright
    shown = np.clip(ndimage.gaussian_filter(image, scanner.blur / pixel), 0, 1) ** scanner.gamma * scanner.gain
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), 0.5)
    shown += scanner.noise * (0.5 + shown) * noise / noise.std()
    down, right = _turned(y, x, scanner.turned)
    top, bottom, left, edge = scanner.field
    lit = np.minimum.reduce([down - top, bottom - down, right - left, edge - right])
    paint(shown, 1 - soft(lit, 1.5), 0.0)
    _add_markers(shown, scanner, y, x, pixel, rng)
    developed: Field = np.clip(shown, 0, 1)
    return developed


def _add_markers(shown: Field, scanner: Scanner, y: Field, x: Field, pixel: float, rng: Generator) -> None:
    """Add the letter for the side and, where the hospital has them, boxes with writing."""
    side = RIGHT if scanner.labels or rng.random() < 0.5 else LEFT
    top, middle = rng.uniform(-114, -104), side * rng.uniform(86, 108)
    letter = np.array(LETTERS[side]) + np.array([top, middle])
    size = (shown.shape[0], shown.shape[1])
    paint(shown, strokes(size, [letter], 1.6, pixel), 1.0)
    if scanner.labels:
        for row, half in ((-115, 8), (-102, 16)):
            paint(shown, soft(np.minimum(4.5 - np.abs(y - row), half - np.abs(x - 100)), pixel), 1.0)
            places = np.arange(104 - half, 98 + half, 4.0)
            writing = [np.array([[row - 2, place], [row + 2, place]]) for place in places]
            paint(shown, strokes(size, writing, 1.4, pixel), 0.0)
