"""Predict: one job per trained network.

Needs the model, the arrays and the split. Makes the class probabilities of the fold's validation
cases and of all test cases on the native grid, and what predicting them cost.
"""


rule predict_member:
    input:
        arrays=arrays_of_member,
        split="<results>/{study}/{dataset}/{split}/split.csv",
        model="<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/model.safetensors",
    output:
        probabilities=directory(
            "<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/probabilities"
        ),
        cost="<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/prediction.json",
    log:
        "<logs>/predict_member/{study}/{dataset}/{split}/{member}/fold-{fold}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/predict_member/{study}/{dataset}/{split}/{member}/fold-{fold}/seed-{seed}.tsv"
    conda:
        "../envs/medley.yaml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
        gpu=1,
    params:
        task=prediction_task,
    script:
        "../scripts/predict_member.py"
