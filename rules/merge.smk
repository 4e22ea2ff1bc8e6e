"""Merge: one job per member and seed.

Needs the probabilities of all folds. Makes one folder: the union of the folds' validation cases
(out of fold) and the mean over folds of the test cases.
"""


rule merge_folds:
    input:
        folds=fold_probabilities,
    output:
        probabilities=directory("<results>/{study}/{dataset}/{split}/members/{member}/seed-{seed}/probabilities"),
    log:
        "<logs>/merge_folds/{study}/{dataset}/{split}/{member}/seed-{seed}.log",
    conda:
        "../envs/medley.yaml"
    params:
        code=code_digest("medley.merge"),
    script:
        "../scripts/merge_folds.py"
