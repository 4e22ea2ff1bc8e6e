"""Targets: each stage, for the studies that `all` in config.yaml names, and each study.

Needs nothing of its own; each target only names files that other rules make.
"""


localrules:
    acquire,
    index,
    inspect,
    split,
    preprocess,
    train,
    predict,
    ensembles,
    evaluate,
    tables,
    figures,


rule save_config:
    output:
        config="<results>/config.yaml",
    log:
        "<logs>/save_config.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        config=CONFIG,
    message:
        "Saving the effective configuration"
    script:
        "../scripts/save_config.py"


rule acquire:
    input:
        manifests_run(),


rule index:
    input:
        [f"<results>/datasets/{dataset}/cases.csv" for dataset in datasets_run()],


rule inspect:
    input:
        [f"<results>/datasets/{dataset}/quality.csv" for dataset in datasets_run()],


rule split:
    input:
        splits_run(),


rule preprocess:
    input:
        arrays_run(),


rule train:
    input:
        "<results>/config.yaml",
        trainings_run("model.safetensors"),


rule predict:
    input:
        "<results>/config.yaml",
        trainings_run("prediction.json"),


rule ensembles:
    input:
        "<results>/config.yaml",
        evaluations_run("run.json", kinds=("ensembles",)),


rule evaluate:
    input:
        "<results>/config.yaml",
        evaluations_run("metrics.csv"),


rule tables:
    input:
        "<results>/config.yaml",
        [f"<results>/{study}/tables/{table}.csv" for study in CONFIG["all"] for table in STUDIES[study]["tables"]],


rule figures:
    input:
        "<results>/config.yaml",
        [f"<results>/{study}/figures/{figure}.png" for study in CONFIG["all"] for figure in STUDIES[study]["figures"]],


for study in STUDIES:

    rule:
        name:
            study
        input:
            "<results>/config.yaml",
            products(study),
        localrule: True
