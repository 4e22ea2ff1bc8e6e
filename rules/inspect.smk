"""Inspect: one job per dataset.

Needs the table of cases and the raw files. Makes `quality.csv`, what is unusual about which case and whether
the case is kept, and a contact sheet of those cases. Nothing else drops a case.
"""


rule inspect_cases:
    input:
        unpack(overrides),
        cases="<results>/datasets/{dataset}/cases.csv",
    output:
        quality="<results>/datasets/{dataset}/quality.csv",
        sheet=report(
            "<results>/datasets/{dataset}/quality.png",
            caption="report/contact_sheet.rst",
            category="data quality",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "<logs>/inspect_cases/{dataset}.log",
    benchmark:
        "<benchmarks>/inspect_cases/{dataset}.tsv"
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        reader=reader,
        decisions=lambda w: CONFIG["datasets"][w.dataset]["quality"],
        code=reader_code("medley.quality", "medley.quality_overrides", "medley.contact_sheet"),
    message:
        "Inspecting {wildcards.dataset}"
    script:
        "../scripts/inspect_cases.py"
