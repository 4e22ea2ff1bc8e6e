"""Index: one job per dataset.

Needs the dataset's folder of raw files. Makes `cases.csv`, from which everything that follows is written once
for all datasets.
"""


rule index_cases:
    input:
        manifest=manifest,
    output:
        cases="<results>/datasets/{dataset}/cases.csv",
    log:
        "<logs>/index_cases/{dataset}.log",
    benchmark:
        "<benchmarks>/index_cases/{dataset}.tsv"
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        reader=reader,
        folder=lambda w: CONFIG["datasets"][w.dataset]["folder"],
        code=reader_code("medley.cases"),
    message:
        "Indexing {wildcards.dataset}"
    script:
        "../scripts/index_cases.py"
