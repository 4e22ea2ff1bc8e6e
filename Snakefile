"""Medley: five published segmentation experiments, from raw files to report."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "rules/report/workflow.rst"


include: "rules/common.smk"


pathvars:
    results=CONFIG["results"],
    logs=f"{CONFIG['results']}/logs",
    benchmarks=f"{CONFIG['results']}/benchmarks",


include: "rules/acquire.smk"
include: "rules/index.smk"
include: "rules/inspect.smk"
include: "rules/split.smk"
include: "rules/preprocess.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/merge.smk"
include: "rules/ensemble.smk"
include: "rules/evaluate.smk"
include: "rules/tabulate.smk"
include: "rules/plot.smk"
include: "rules/targets.smk"


rule all:
    default_target: True
    input:
        "<results>/config.yaml",
        [file for study in CONFIG["all"] for file in products(study)],
    localrule: True
