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


rule plot_bland_altman:
    input:
        metrics=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
    output:
        png=report(
            "<results>/{study}/figures/bland_altman.png",
            caption="report/bland_altman.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "agreement of volumes"},
        ),
        pdf="<results>/{study}/figures/bland_altman.pdf",
        provenance="<results>/{study}/figures/bland_altman.json",
    log:
        "<logs>/plot_bland_altman/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.figures.bland_altman", "medley.results.read"),
    message:
        "Plotting agreement of volumes of {wildcards.study}"
    script:
        "../scripts/plot_bland_altman.py"


rule plot_counts:
    input:
        cases=cases_of_study,
    output:
        png=report(
            "<results>/{study}/figures/counts.png",
            caption="report/counts.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "pathologies and vendors"},
        ),
        pdf="<results>/{study}/figures/counts.pdf",
        provenance="<results>/{study}/figures/counts.json",
    log:
        "<logs>/plot_counts/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited", every_dataset=True),
        code=code_digest("medley.figures.counts", "medley.results.read"),
    message:
        "Plotting pathologies and vendors of {wildcards.study}"
    script:
        "../scripts/plot_counts.py"


rule plot_preprocessing:
    input:
        cases=cases_of_study,
        quality=collect(
            "<results>/datasets/{dataset}/quality.csv", dataset=lookup(dpath="studies/{study}/datasets", within=CONFIG)
        ),
    output:
        png=report(
            "<results>/{study}/figures/preprocessing.png",
            caption="report/preprocessing.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "before and after preprocessing"},
        ),
        pdf="<results>/{study}/figures/preprocessing.pdf",
        provenance="<results>/{study}/figures/preprocessing.json",
    log:
        "<logs>/plot_preprocessing/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        task=leading_task("medley.figures.preprocessing"),
    message:
        "Plotting preprocessing of {wildcards.study}"
    script:
        "../scripts/plot_preprocessing.py"


rule plot_predictions:
    input:
        metrics=leading_files("metrics.csv"),
        cases=cases_of_study,
        probabilities=leading_files("probabilities"),
    output:
        png=report(
            "<results>/{study}/figures/predictions.png",
            caption="report/predictions.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "prediction beside truth"},
        ),
        pdf="<results>/{study}/figures/predictions.pdf",
        provenance="<results>/{study}/figures/predictions.json",
    log:
        "<logs>/plot_predictions/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        sources=sources_of_study,
        code=readers_code("medley.figures.predictions"),
    message:
        "Plotting predictions of {wildcards.study}"
    script:
        "../scripts/plot_predictions.py"


rule plot_cine_sa:
    input:
        unpack(cine_inputs("sa")),
    output:
        png=report(
            "<results>/{study}/figures/cine_sa.png",
            caption="report/cine.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "heartbeat, short axis"},
        ),
        gif=report(
            "<results>/{study}/figures/cine_sa.gif",
            caption="report/cine.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "heartbeat, short axis, animated"},
        ),
        pdf="<results>/{study}/figures/cine_sa.pdf",
        provenance="<results>/{study}/figures/cine_sa.json",
    log:
        "<logs>/plot_cine_sa/{study}.log",
    conda:
        "../envs/medley.yaml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
        gpu=1,
    params:
        task=leading_task("medley.figures.cine_files"),
    message:
        "Plotting a heartbeat of {wildcards.study}, short axis"
    script:
        "../scripts/plot_cine_sa.py"


rule plot_cine_la:
    input:
        unpack(cine_inputs("la")),
    output:
        png=report(
            "<results>/{study}/figures/cine_la.png",
            caption="report/cine.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "heartbeat, long axis"},
        ),
        gif=report(
            "<results>/{study}/figures/cine_la.gif",
            caption="report/cine.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "heartbeat, long axis, animated"},
        ),
        pdf="<results>/{study}/figures/cine_la.pdf",
        provenance="<results>/{study}/figures/cine_la.json",
    log:
        "<logs>/plot_cine_la/{study}.log",
    conda:
        "../envs/medley.yaml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
        gpu=1,
    params:
        task=leading_task("medley.figures.cine_files"),
    message:
        "Plotting a heartbeat of {wildcards.study}, long axis"
    script:
        "../scripts/plot_cine_la.py"


rule plot_vendor_matrix:
    input:
        vendors="<results>/{study}/tables/vendors.csv",
    output:
        png=report(
            "<results>/{study}/figures/vendor_matrix.png",
            caption="report/vendor_matrix.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "vendors left out and tested"},
        ),
        pdf="<results>/{study}/figures/vendor_matrix.pdf",
        provenance="<results>/{study}/figures/vendor_matrix.json",
    log:
        "<logs>/plot_vendor_matrix/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown_without_vendor,
        code=code_digest("medley.figures.vendor_matrix", "medley.results.read"),
    message:
        "Plotting vendors of {wildcards.study}"
    script:
        "../scripts/plot_vendor_matrix.py"
