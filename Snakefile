"""Medley: five published segmentation experiments, from raw files to report."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "rules/report/workflow.rst"


include: "rules/common.smk"
include: "rules/shown.smk"
include: "rules/leading.smk"


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
include: "rules/patient.smk"
include: "rules/targets.smk"


rule all:
    default_target: True
    input:
        "<results>/config.yaml",
        [file for study in CONFIG["all"] for file in products(study)],
    localrule: True


# Jobs on a cluster are run without this.
onerror:
    import sys
    from medley.failures import Failure, summary

    # A group of jobs fails as one; a job is here once, however often it was tried.
    jobs = [job for failed in workflow.scheduler.failed for job in getattr(failed, "jobs", [failed])]
    failures = [Failure(job.rule.name, job.wildcards_dict, next(iter(job.log), None)) for job in jobs]
    left = len(workflow.scheduler.remaining_jobs)
    logger.error(summary(failures, left, arguments=sys.argv[1:], logs=log, since=STARTED))
