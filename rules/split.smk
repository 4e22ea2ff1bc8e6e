"""Split: one job per study, dataset and split.

Needs the table of cases and the quality decisions. Makes split.csv, the part (train, validation,
test) of each case in each fold; cases that were dropped or have no mask are in no part.
"""


rule split_cases:
    input:
        cases="<results>/datasets/{dataset}/cases.csv",
        quality="<results>/datasets/{dataset}/quality.csv",
    output:
        split="<results>/{study}/{dataset}/{split}/split.csv",
    log:
        "<logs>/split_cases/{study}/{dataset}/{split}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        specification=lookup(dpath="studies/{study}/splits/{split}", within=CONFIG),
        code=code_digest("medley.splits"),
    message:
        "Splitting {wildcards.dataset} for {wildcards.study}/{wildcards.split}"
    script:
        "../scripts/split_cases.py"
