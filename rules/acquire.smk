"""Acquire: raw files, where the user has none of their own.

Needs a network, on the machine that runs Snakemake. Makes `data/download/{dataset}/` and `data/weights/`,
or the phantoms in `<results>/phantom/{dataset}/`; of a folder of files only its manifest is declared,
so that an interrupted download continues.
"""


rule download_dataset:
    output:
        manifest="data/download/{dataset}/manifest.csv",
    log:
        "<logs>/download_dataset/{dataset}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        reader=reader,
    message:
        "Downloading {wildcards.dataset}"
    script:
        "../scripts/download_dataset.py"


rule download_weights:
    output:
        weights="data/weights/{encoder}/{weights}.safetensors",
    log:
        "<logs>/download_weights/{encoder}/{weights}.log",
    wildcard_constraints:
        encoder="[^/]+",
        weights="[^/]+",
    # First: without them no table of the study can be made, and the user should know at once.
    priority: 100
    localrule: True
    conda:
        "../envs/medley.yaml"
    message:
        "Downloading the {wildcards.weights} weights of {wildcards.encoder}"
    script:
        "../scripts/download_weights.py"


rule make_phantom:
    output:
        manifest="<results>/phantom/{dataset}/manifest.csv",
    log:
        "<logs>/make_phantom/{dataset}.log",
    benchmark:
        "<benchmarks>/make_phantom/{dataset}.tsv"
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        reader=reader,
        patients=lambda w: CONFIG["datasets"][w.dataset]["phantom_cases"],
        scale=CONFIG["image_scale"],
        seed=0,
        code=lambda w: code_digest("medley.manifest", phantom_module(reader(w))),
    message:
        "Making phantoms of {wildcards.dataset}"
    script:
        "../scripts/make_phantom.py"
