"""Ensemble: one job per ensemble and seed.

Needs the merged probabilities of the members, and the masks where members are judged. Makes the
ensemble's probabilities and `run.json`, which says what it was built from. No network is run.
"""


rule build_ensemble:
    input:
        members=ensemble_members,
        cases="<results>/datasets/{dataset}/cases.csv",
    output:
        probabilities=directory("<results>/{study}/{dataset}/{split}/ensembles/{ensemble}/seed-{seed}/probabilities"),
        run="<results>/{study}/{dataset}/{split}/ensembles/{ensemble}/seed-{seed}/run.json",
    log:
        "<logs>/build_ensemble/{study}/{dataset}/{split}/{ensemble}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/build_ensemble/{study}/{dataset}/{split}/{ensemble}/seed-{seed}.tsv"
    conda:
        "../envs/medley.yaml"
    threads: 2  # inflating members while one is summed
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        ensemble=ensemble,
        reader=reader,
        regions=regions,
        code=ensemble_code,
    message:
        "Building {wildcards.ensemble} on {wildcards.dataset}/{wildcards.split}, seed {wildcards.seed}"
    script:
        "../scripts/build_ensemble.py"
