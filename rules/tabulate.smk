"""Tabulate: one job per study and table.

Needs the metrics of the predictors that a protocol shows and the stores of arrays, or the cases, their
inspection and their splits, or the records of trainings, and the published numbers. Makes the table as CSV, LaTeX,
Markdown and, for the report, HTML.
"""


rule tabulate_accuracy:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        batches=shown_files("as_reported", "batches.csv"),
        published="docs/published.csv",
        arrays=shown_arrays("as_reported"),
    output:
        csv="<results>/{study}/tables/accuracy.csv",
        tex="<results>/{study}/tables/accuracy.tex",
        md="<results>/{study}/tables/accuracy.md",
        html=report(
            "<results>/{study}/tables/accuracy.html",
            caption="report/accuracy.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "accuracy as reported"},
        ),
        provenance="<results>/{study}/tables/accuracy.json",
    log:
        "<logs>/tabulate_accuracy/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.accuracy_text", "medley.results.read"),
    message:
        "Tabulating accuracy as reported of {wildcards.study}"
    script:
        "../scripts/tabulate_accuracy.py"


rule tabulate_audited:
    input:
        metrics=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
        arrays=shown_arrays("audited"),
    output:
        csv="<results>/{study}/tables/audited.csv",
        tex="<results>/{study}/tables/audited.tex",
        md="<results>/{study}/tables/audited.md",
        html=report(
            "<results>/{study}/tables/audited.html",
            caption="report/audited.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "audited metrics"},
        ),
        provenance="<results>/{study}/tables/audited.json",
    log:
        "<logs>/tabulate_audited/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        tolerance=audited_tolerance,
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.audited", "medley.tables.audited_text", "medley.results.read"),
    message:
        "Tabulating audited metrics of {wildcards.study}"
    script:
        "../scripts/tabulate_audited.py"


rule tabulate_cost:
    input:
        runs=training_files("run.json"),
        predictions=training_files("prediction.json"),
        patients=timed_patient,
    output:
        csv="<results>/{study}/tables/cost.csv",
        tex="<results>/{study}/tables/cost.tex",
        md="<results>/{study}/tables/cost.md",
        html=report(
            "<results>/{study}/tables/cost.html",
            caption="report/cost.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "cost"},
        ),
        provenance="<results>/{study}/tables/cost.json",
    log:
        "<logs>/tabulate_cost/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited", every_dataset=True),
        members=lambda w: STUDIES[w.study]["configured"],  # also those that are not run
        code=code_digest("medley.tables.cost", "medley.results.read"),
    message:
        "Tabulating cost of {wildcards.study}"
    script:
        "../scripts/tabulate_cost.py"


rule tabulate_dice:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        cases=cases_of_study,
        splits=split_files,
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/dice.csv",
        tex="<results>/{study}/tables/dice.tex",
        md="<results>/{study}/tables/dice.md",
        html=report(
            "<results>/{study}/tables/dice.html",
            caption="report/dice.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "Dice as reported"},
        ),
        provenance="<results>/{study}/tables/dice.json",
    log:
        "<logs>/tabulate_dice/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        splits=splits_shown,
        epsilon=said_by("as_reported", "dice_epsilon"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.dice_text", "medley.results.read"),
    message:
        "Tabulating Dice as reported of {wildcards.study}"
    script:
        "../scripts/tabulate_dice.py"


rule tabulate_leakage:
    input:
        as_reported=shown_files("as_reported", "metrics.csv"),
        audited=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
        splits=split_files,
    output:
        csv="<results>/{study}/tables/leakage.csv",
        tex="<results>/{study}/tables/leakage.tex",
        md="<results>/{study}/tables/leakage.md",
        html=report(
            "<results>/{study}/tables/leakage.html",
            caption="report/leakage.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "leakage"},
        ),
        provenance="<results>/{study}/tables/leakage.json",
    log:
        "<logs>/tabulate_leakage/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        as_reported=shown("as_reported"),
        audited=shown("audited"),
        splits=splits_shown,
        epsilon=said_by("as_reported", "dice_epsilon"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.leakage_text", "medley.results.read"),
    message:
        "Tabulating leakage of {wildcards.study}"
    script:
        "../scripts/tabulate_leakage.py"


rule tabulate_organs:
    input:
        as_reported=shown_files("as_reported", "metrics.csv"),
        audited=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
        splits=split_files,
    output:
        csv="<results>/{study}/tables/organs.csv",
        tex="<results>/{study}/tables/organs.tex",
        md="<results>/{study}/tables/organs.md",
        html=report(
            "<results>/{study}/tables/organs.html",
            caption="report/organs.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "Dice and score by organ"},
        ),
        provenance="<results>/{study}/tables/organs.json",
    log:
        "<logs>/tabulate_organs/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        as_reported=shown("as_reported"),
        audited=shown("audited"),
        splits=splits_shown,
        epsilon=said_by("as_reported", "dice_epsilon"),
        weights=said_by("audited", "score"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.organs_text", "medley.results.read"),
    message:
        "Tabulating Dice and score by organ of {wildcards.study}"
    script:
        "../scripts/tabulate_organs.py"


rule tabulate_encoders:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        cases=cases_of_study,
        quality=collect(
            "<results>/datasets/{dataset}/quality.csv", dataset=lookup(dpath="studies/{study}/datasets", within=CONFIG)
        ),
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/encoders.csv",
        tex="<results>/{study}/tables/encoders.tex",
        md="<results>/{study}/tables/encoders.md",
        html=report(
            "<results>/{study}/tables/encoders.html",
            caption="report/encoders.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "encoders as reported"},
        ),
        provenance="<results>/{study}/tables/encoders.json",
    log:
        "<logs>/tabulate_encoders/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.grid_slice_files"),
    message:
        "Tabulating encoders as reported of {wildcards.study}"
    script:
        "../scripts/tabulate_encoders.py"


rule tabulate_losses:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        cases=cases_of_study,
        quality=collect(
            "<results>/datasets/{dataset}/quality.csv", dataset=lookup(dpath="studies/{study}/datasets", within=CONFIG)
        ),
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/losses.csv",
        tex="<results>/{study}/tables/losses.tex",
        md="<results>/{study}/tables/losses.md",
        html=report(
            "<results>/{study}/tables/losses.html",
            caption="report/losses.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "losses as reported"},
        ),
        provenance="<results>/{study}/tables/losses.json",
    log:
        "<logs>/tabulate_losses/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.grid_slice_files"),
    message:
        "Tabulating losses as reported of {wildcards.study}"
    script:
        "../scripts/tabulate_losses.py"


rule tabulate_images:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/images.csv",
        tex="<results>/{study}/tables/images.tex",
        md="<results>/{study}/tables/images.md",
        html=report(
            "<results>/{study}/tables/images.html",
            caption="report/images.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "single images"},
        ),
        provenance="<results>/{study}/tables/images.json",
    log:
        "<logs>/tabulate_images/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        code=code_digest("medley.tables.images", "medley.tables.images_text", "medley.results.read"),
    message:
        "Tabulating single images of {wildcards.study}"
    script:
        "../scripts/tabulate_images.py"


rule tabulate_cbis_literature:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        cases=cases_of_study,
        quality=collect(
            "<results>/datasets/{dataset}/quality.csv", dataset=lookup(dpath="studies/{study}/datasets", within=CONFIG)
        ),
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/cbis_literature.csv",
        tex="<results>/{study}/tables/cbis_literature.tex",
        md="<results>/{study}/tables/cbis_literature.md",
        html=report(
            "<results>/{study}/tables/cbis_literature.html",
            caption="report/cbis_literature.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "CBIS-DDSM literature"},
        ),
        provenance="<results>/{study}/tables/cbis_literature.json",
    log:
        "<logs>/tabulate_cbis_literature/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.cbis_literature", "medley.results.read"),
    message:
        "Tabulating the literature on CBIS-DDSM of {wildcards.study}"
    script:
        "../scripts/tabulate_cbis_literature.py"


rule tabulate_effects:
    input:
        metrics=shown_files("audited", "metrics.csv"),
    output:
        csv="<results>/{study}/tables/effects.csv",
        tex="<results>/{study}/tables/effects.tex",
        md="<results>/{study}/tables/effects.md",
        html=report(
            "<results>/{study}/tables/effects.html",
            caption="report/effects.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "effects of choices"},
        ),
        provenance="<results>/{study}/tables/effects.json",
    log:
        "<logs>/tabulate_effects/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.effects_text", "medley.results.read"),
    message:
        "Tabulating effects of choices of {wildcards.study}"
    script:
        "../scripts/tabulate_effects.py"


rule tabulate_function:
    input:
        metrics=shown_files("audited", "metrics.csv"),
        cases=cases_of_study,
    output:
        csv="<results>/{study}/tables/function.csv",
        tex="<results>/{study}/tables/function.tex",
        md="<results>/{study}/tables/function.md",
        html=report(
            "<results>/{study}/tables/function.html",
            caption="report/function.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "volumes and ejection fraction"},
        ),
        provenance="<results>/{study}/tables/function.json",
    log:
        "<logs>/tabulate_function/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.function_text", "medley.results.read"),
    message:
        "Tabulating volumes and ejection fractions of {wildcards.study}"
    script:
        "../scripts/tabulate_function.py"


rule tabulate_dice_hd:
    input:
        metrics=shown_files("as_reported", "metrics.csv"),
        cases=cases_of_study,
        published="docs/published.csv",
    output:
        csv="<results>/{study}/tables/dice_hd.csv",
        tex="<results>/{study}/tables/dice_hd.tex",
        md="<results>/{study}/tables/dice_hd.md",
        html=report(
            "<results>/{study}/tables/dice_hd.html",
            caption="report/dice_hd.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "Dice and Hausdorff distance"},
        ),
        provenance="<results>/{study}/tables/dice_hd.json",
    log:
        "<logs>/tabulate_dice_hd/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("as_reported"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.dice_hd_text", "medley.results.read"),
    message:
        "Tabulating Dice and Hausdorff distance of {wildcards.study}"
    script:
        "../scripts/tabulate_dice_hd.py"


rule tabulate_postprocessing:
    input:
        runs=postprocessed_files("run.json"),
        metrics=postprocessed_files("metrics.csv", with_members=True),
        cases=cases_of_study,
    output:
        csv="<results>/{study}/tables/postprocessing.csv",
        tex="<results>/{study}/tables/postprocessing.tex",
        md="<results>/{study}/tables/postprocessing.md",
        html=report(
            "<results>/{study}/tables/postprocessing.html",
            caption="report/postprocessing.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "postprocessing"},
        ),
        provenance="<results>/{study}/tables/postprocessing.json",
    log:
        "<logs>/tabulate_postprocessing/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown("audited"),
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.postprocessing_text", "medley.results.read"),
    message:
        "Tabulating postprocessing of {wildcards.study}"
    script:
        "../scripts/tabulate_postprocessing.py"


rule tabulate_vendors:
    input:
        metrics=metrics_without_vendor,
        whole=metrics_of_all_vendors,
        cases=cases_of_study,
        splits=split_files,
    output:
        csv="<results>/{study}/tables/vendors.csv",
        tex="<results>/{study}/tables/vendors.tex",
        md="<results>/{study}/tables/vendors.md",
        html=report(
            "<results>/{study}/tables/vendors.html",
            caption="report/vendors.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "vendors left out and tested"},
        ),
        provenance="<results>/{study}/tables/vendors.json",
    log:
        "<logs>/tabulate_vendors/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown_without_vendor,
        left_out=vendors_left_out,
        splits=splits_shown,
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.vendors_text", "medley.results.read"),
    message:
        "Tabulating vendors of {wildcards.study}"
    script:
        "../scripts/tabulate_vendors.py"


rule tabulate_domain_adaptation:
    input:
        metrics=metrics_without_vendor,
        cases=cases_of_study,
        splits=split_files,
    output:
        csv="<results>/{study}/tables/domain_adaptation.csv",
        tex="<results>/{study}/tables/domain_adaptation.tex",
        md="<results>/{study}/tables/domain_adaptation.md",
        html=report(
            "<results>/{study}/tables/domain_adaptation.html",
            caption="report/domain_adaptation.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "domain adaptation"},
        ),
        provenance="<results>/{study}/tables/domain_adaptation.json",
    log:
        "<logs>/tabulate_domain_adaptation/{study}.log",
    localrule: True
    conda:
        "../envs/medley.yaml"
    params:
        study=shown_without_vendor,
        left_out=vendors_left_out,
        bootstrap=CONFIG["bootstrap"],
        code=code_digest("medley.tables.domain_adaptation_text", "medley.results.read"),
    message:
        "Tabulating domain adaptation of {wildcards.study}"
    script:
        "../scripts/tabulate_domain_adaptation.py"
