"""From files to a table of one part of a grid (see ``grid_slice``): encoders of one loss, losses of one encoder."""

from collections.abc import Sequence
from typing import Any

from medley.provenance import write_provenance
from medley.results.read import read_inspections, read_metrics, read_published
from medley.results.study import Study
from medley.tables import grid_slice, grid_slice_text
from medley.tables.write import write_table


def tabulate(
    shown: grid_slice.Slice,
    metrics: Sequence[str],
    cases: Sequence[str],
    quality: Sequence[str],
    published: str,
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table ``shown`` to ``csv`` and beside it, its provenance to ``provenance``.

    ``quality`` are the files quality.csv in the order of ``cases``, ``bootstrap`` the number of resamples.
    """
    of = Study(**study)
    said = read_published(published, of.name, shown.table)
    inspected = read_inspections(cases, quality)
    names = grid_slice.predictors(shown, of, said)
    found = read_metrics(metrics, grid_slice.METRICS)
    numbers = grid_slice.numbers(found, inspected, said, of, names, bootstrap)
    write_table(grid_slice_text.table(numbers, shown, said, of), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*metrics, *cases, *quality, published])
