"""Best, median and worst case: truth and prediction of an ensemble and its members on the native grid."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from medley.figures.overlay_slices import Mask, Slice
from medley.figures.style import PAGE, broken, heading
from medley.results.study import Study

# Truth in the palette's yellow; predictions in colours that stand out against it and against grey.
TRUTH = "#F0E442"
COLOURS = ("#56B4E9", "#D55E00", "#CC79A7", "#009E73", "#E69F00", "#0072B2")

NAME, CASE = 24, 20  # letters in a line of a predictor's and of a case's name
BESIDE, ABOVE = 0.45, 0.7  # inches for the names of rows, and for title, names of columns and legend


def draw(slices: Sequence[Slice], study: Study) -> Figure:
    """Return the figure: slices (see ``overlay_slices.slices``) from top to bottom, predictors from left to right."""
    columns = list(slices[0].predictions)
    labels = list(dict.fromkeys(label for name in columns for label in slices[0].predictions[name]))
    colours = dict(zip(labels, COLOURS * len(labels), strict=False))
    size = (PAGE - BESIDE) / max(len(columns), 4)
    heights = [size * height(item) for item in slices]
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    figure = Figure(figsize=(BESIDE + size * len(columns), ABOVE + sum(heights)), layout=tight)
    grid = figure.subplots(len(slices), len(columns), squeeze=False, height_ratios=heights)
    several = len({item.dataset for item in slices}) > 1
    for row, item in zip(grid, slices, strict=True):
        for panel, name in zip(row, columns, strict=True):
            _show(panel, item, name, colours)
        row[0].set_ylabel(_place(item, several), fontsize=6)
    for panel, name in zip(grid[0], columns, strict=True):
        panel.set_title(broken(name, NAME), fontsize=6.5)
    lines = {"truth": TRUTH, **{f"predicted {label}": colours[label] for label in labels}}
    handles = [Line2D([], [], color=colour, linewidth=2, label=label) for label, colour in lines.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    heading(figure, f"best, median and worst case by the Dice of {slices[0].chosen_by}", study)
    return figure


def height(item: Slice) -> float:
    """Return the height of a slice in mm over its width in mm."""
    rows, columns = item.image.shape[:2]
    return float(rows * item.spacing[0] / (columns * item.spacing[1]))


def _place(item: Slice, several: bool) -> str:
    """Return rank, dataset (of ``several``), case and slice (of several) of ``item``, each a line."""
    lines = [f"{item.rank}, {item.dataset}" if several else item.rank, broken(item.case, CASE)]
    return "\n".join(lines if item.number is None else [*lines, f"slice {item.number}"])


def _show(panel: Axes, item: Slice, predictor: str, colours: Mapping[str, str]) -> None:
    """Draw the image, the truth, a predictor's labels in their colours, and its Dice."""
    panel.imshow(item.image, cmap="gray", aspect=item.spacing[0] / item.spacing[1], interpolation="nearest")
    for label, mask in item.predictions[predictor].items():
        contour(panel, item.truth[label], TRUTH, 1.6)
        contour(panel, mask, colours[label], 0.8)
    note(panel, f"{item.dice[predictor]:.3f}")
    bare(panel)


def note(panel: Axes, text: str) -> None:
    """Write ``text`` into the lower left corner of an image."""
    written = panel.text(0.04, 0.04, text, transform=panel.transAxes, color="white", fontsize=7)
    written.set_path_effects([withStroke(linewidth=1.5, foreground="black")])


def bare(panel: Axes) -> None:
    """Take ticks and frame from an image."""
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)


def contour(panel: Axes, mask: Mask, colour: str, width: float) -> None:
    """Draw the outline of ``mask`` (rows, columns)."""
    if mask.any() and not mask.all():
        panel.contour(mask, levels=[0.5], colors=[colour], linewidths=[width])
