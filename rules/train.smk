"""Train: one job per study, dataset, split, member, fold and seed.

Needs the arrays of the member's recipe, the split and, for pretrained members, the encoder's weights.
Makes the model, its history and the record of the run; resumes from `state/` beside them.
"""


rule train_member:
    input:
        unpack(training_inputs),
        split="<results>/{study}/{dataset}/{split}/split.csv",
    output:
        model="<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/model.safetensors",
        history="<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/history.csv",
        run="<results>/{study}/{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/run.json",
    log:
        "<logs>/train_member/{study}/{dataset}/{split}/{member}/fold-{fold}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train_member/{study}/{dataset}/{split}/{member}/fold-{fold}/seed-{seed}.tsv"
    conda:
        "../envs/medley.yaml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
        gpu=1,
    params:
        task=training_task,
    script:
        "../scripts/train_member.py"
