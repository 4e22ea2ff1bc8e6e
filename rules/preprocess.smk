"""Preprocess: once per dataset and recipe.

Needs the table of cases, the quality decisions and the raw files; cases that cannot be read are left out.
Makes the array store `arrays/{recipe}/`.
"""


rule preprocess_cases:
    input:
        cases="<results>/datasets/{dataset}/cases.csv",
        quality="<results>/datasets/{dataset}/quality.csv",
    output:
        arrays=directory("<results>/datasets/{dataset}/arrays/{recipe}"),
    log:
        "<logs>/preprocess_cases/{dataset}/{recipe}.log",
    benchmark:
        "<benchmarks>/preprocess_cases/{dataset}/{recipe}.tsv"
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        reader=reader,
        recipe=lambda w: CONFIG["recipes"][w.recipe],
        code=reader_code("medley.preprocess", "medley.store", "medley.cases"),
    message:
        "Preprocessing {wildcards.dataset} by {wildcards.recipe}"
    script:
        "../scripts/preprocess_cases.py"
