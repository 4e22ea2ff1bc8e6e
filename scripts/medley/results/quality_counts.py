"""How many cases of each official part a rule of inspection fired for, and how many remain."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pandas as pd

from medley.cases import DROP, Case, dropped

ALL = "all"  # in the place of a rule: every case of the part
COLUMNS = ("part", "rule", "cases", "dropped", "kept")


def counts(cases: Mapping[str, Case], rows: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Return one row per part and rule that fired in it, sorted, after one for all cases of the part.

    ``rows`` are those of quality.csv. Of a rule: the cases that it fired for, how many of these it drops
    and keeps. Of ``all``: the part's cases, how many leave and how many remain, once all rules and
    overrides have spoken; a case may fall to several rules.
    """
    rows, groups = list(rows), defaultdict(list)
    gone = dropped(rows)
    for name, case in cases.items():
        groups[case.part, ""].append(name in gone)
    for row in rows:
        groups[cases[row["case"]].part, row["rule"]].append(row["decision"] == DROP)
    counted = [
        (part, rule or ALL, len(leaves), sum(leaves), len(leaves) - sum(leaves))
        for (part, rule), leaves in sorted(groups.items())
    ]
    return pd.DataFrame(counted, columns=list(COLUMNS))
