"""Evaluate: one job per predictor, member or ensemble, and seed.

Needs the predictor's probabilities and the masks. Makes the metrics of every case, and the
as-reported metrics of every test batch where the predictor's protocol has batches.
"""


rule evaluate_predictor:
    input:
        probabilities="<results>/{study}/{dataset}/{split}/{kind}/{predictor}/seed-{seed}/probabilities",
        cases="<results>/datasets/{dataset}/cases.csv",
    output:
        metrics="<results>/{study}/{dataset}/{split}/{kind}/{predictor}/seed-{seed}/metrics.csv",
        batches="<results>/{study}/{dataset}/{split}/{kind}/{predictor}/seed-{seed}/batches.csv",
    log:
        "<logs>/evaluate_predictor/{study}/{dataset}/{split}/{kind}/{predictor}/seed-{seed}.log",
    conda:
        "../envs/medley.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        task=evaluation_task,
    script:
        "../scripts/evaluate_predictor.py"
