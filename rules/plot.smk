"""Plot: one job per study and figure.

Needs metrics, histories, probabilities, splits, a model or tables. Makes the figure as PNG and PDF.
"""


rule plot_loss_curves:
    input:
        histories=training_files("history.csv", "as_reported"),
        runs=training_files("run.json", "as_reported"),
        published="docs/published.csv",
    output:
        png=report(
            "<results>/{study}/figures/loss_curves.png",
            caption="report/loss_curves.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "loss"},
        ),
        pdf="<results>/{study}/figures/loss_curves.pdf",
        provenance="<results>/{study}/figures/loss_curves.json",
    log:
        "<logs>/plot_loss_curves/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        code=code_digest("medley.figures.loss_curves", "medley.results.read"),
    message:
        "Plotting losses of {wildcards.study}"
    script:
        "../scripts/plot_loss_curves.py"


rule plot_accuracy_per_batch:
    input:
        batches=shown_files("as_reported", "batches.csv"),
        published="docs/published.csv",
    output:
        png=report(
            "<results>/{study}/figures/accuracy_per_batch.png",
            caption="report/accuracy_per_batch.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "accuracy per test batch"},
        ),
        pdf="<results>/{study}/figures/accuracy_per_batch.pdf",
        provenance="<results>/{study}/figures/accuracy_per_batch.json",
    log:
        "<logs>/plot_accuracy_per_batch/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        code=code_digest("medley.figures.accuracy_per_batch", "medley.results.read"),
    message:
        "Plotting accuracy per batch of {wildcards.study}"
    script:
        "../scripts/plot_accuracy_per_batch.py"


rule plot_overlays:
    input:
        metrics=combined_files("metrics.csv"),
        cases=cases_of_study,
        probabilities=combined_files("probabilities"),
    output:
        png=report(
            "<results>/{study}/figures/overlays.png",
            caption="report/overlays.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "overlays"},
        ),
        pdf="<results>/{study}/figures/overlays.pdf",
        provenance="<results>/{study}/figures/overlays.json",
    log:
        "<logs>/plot_overlays/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        sources=sources_of_study,
        code=readers_code("medley.figures.overlays", "medley.figures.overlay_slices"),
    message:
        "Plotting overlays of {wildcards.study}"
    script:
        "../scripts/plot_overlays.py"


rule plot_dice_boxplot:
    input:
        metrics=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
    output:
        png=report(
            "<results>/{study}/figures/dice_boxplot.png",
            caption="report/dice_boxplot.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "Dice per case"},
        ),
        pdf="<results>/{study}/figures/dice_boxplot.pdf",
        provenance="<results>/{study}/figures/dice_boxplot.json",
    log:
        "<logs>/plot_dice_boxplot/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        code=code_digest("medley.figures.dice_boxplot", "medley.results.read"),
    message:
        "Plotting Dice per case of {wildcards.study}"
    script:
        "../scripts/plot_dice_boxplot.py"


rule plot_dice_cost:
    input:
        audited="<results>/{study}/tables/audited.csv",
        cost="<results>/{study}/tables/cost.csv",
    output:
        png=report(
            "<results>/{study}/figures/dice_cost.png",
            caption="report/dice_cost.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "Dice against cost"},
        ),
        pdf="<results>/{study}/figures/dice_cost.pdf",
        provenance="<results>/{study}/figures/dice_cost.json",
    log:
        "<logs>/plot_dice_cost/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        split=said_by("audited", "split"),
        code=code_digest("medley.figures.dice_cost", "medley.results.read"),
    message:
        "Plotting Dice against cost of {wildcards.study}"
    script:
        "../scripts/plot_dice_cost.py"


rule plot_combinations:
    input:
        splits=split_files,
        cases=cases_of_study,
    output:
        png=report(
            "<results>/{study}/figures/combinations.png",
            caption="report/combinations.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "combinations of organs"},
        ),
        pdf="<results>/{study}/figures/combinations.pdf",
        provenance="<results>/{study}/figures/combinations.json",
    log:
        "<logs>/plot_combinations/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        protocols=splits_shown,
        code=code_digest("medley.figures.combinations", "medley.results.read"),
    message:
        "Plotting combinations of organs of {wildcards.study}"
    script:
        "../scripts/plot_combinations.py"


rule plot_triplets:
    input:
        metrics=combined_files("metrics.csv", alone=True),
        cases=cases_of_study,
        probabilities=combined_files("probabilities", alone=True),
    output:
        png=report(
            "<results>/{study}/figures/triplets.png",
            caption="report/triplets.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "truth, prediction, difference"},
        ),
        pdf="<results>/{study}/figures/triplets.pdf",
        provenance="<results>/{study}/figures/triplets.json",
    log:
        "<logs>/plot_triplets/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        sources=sources_of_study,
        code=readers_code("medley.figures.triplets"),
    message:
        "Plotting truth, prediction and difference of {wildcards.study}"
    script:
        "../scripts/plot_triplets.py"


rule plot_activation_maps:
    input:
        unpack(mapped_network),
    output:
        png=report(
            "<results>/{study}/figures/activation_maps.png",
            caption="report/activation_maps.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "activation maps"},
        ),
        pdf="<results>/{study}/figures/activation_maps.pdf",
        provenance="<results>/{study}/figures/activation_maps.json",
    log:
        "<logs>/plot_activation_maps/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        member=mapped_member,
        code=code_digest("medley.figures.activation_maps", "medley.activations", "medley.results.read"),
    message:
        "Plotting activation maps of {wildcards.study}"
    script:
        "../scripts/plot_activation_maps.py"


rule plot_comparison:
    input:
        audited="<results>/{study}/tables/audited.csv",
        published="docs/published.csv",
    output:
        png=report(
            "<results>/{study}/figures/comparison.png",
            caption="report/comparison.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "inside, outside, published"},
        ),
        pdf="<results>/{study}/figures/comparison.pdf",
        provenance="<results>/{study}/figures/comparison.json",
    log:
        "<logs>/plot_comparison/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        code=code_digest("medley.figures.comparison", "medley.results.read"),
    message:
        "Plotting test, validation and published Dice of {wildcards.study}"
    script:
        "../scripts/plot_comparison.py"


rule plot_ranking:
    input:
        metrics=shown_files("audited", "metrics.csv"),
    output:
        png=report(
            "<results>/{study}/figures/ranking.png",
            caption="report/ranking.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "stability of ranks"},
        ),
        pdf="<results>/{study}/figures/ranking.pdf",
        provenance="<results>/{study}/figures/ranking.json",
    log:
        "<logs>/plot_ranking/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.figures.ranking", "medley.results.read"),
    message:
        "Plotting ranks of {wildcards.study}"
    script:
        "../scripts/plot_ranking.py"


rule plot_quality:
    input:
        cases=cases_of_study,
        quality=collect(
            "<results>/datasets/{dataset}/quality.csv", dataset=lookup(dpath="studies/{study}/datasets", within=CONFIG)
        ),
    output:
        png=report(
            "<results>/{study}/figures/quality.png",
            caption="report/quality.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "inspection"},
        ),
        pdf="<results>/{study}/figures/quality.pdf",
        provenance="<results>/{study}/figures/quality.json",
    log:
        "<logs>/plot_quality/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited", every_dataset=True),
        code=code_digest("medley.figures.quality", "medley.results.read"),
    message:
        "Plotting what the inspection of {wildcards.study} found"
    script:
        "../scripts/plot_quality.py"
