"""Patient: one new patient from files to masks, by the networks of the first member that is shown as reported.

Needs the patient's images, in data/patients/{patient}/ (a folder, or a link to one), and the networks of all folds;
the patient `test` is the first of the test part, whose seconds are in the cost table. Makes masks (NIfTI) on the
images' own grids, overlays, volumes.csv and prediction.json.
"""


rule predict_patient:
    input:
        unpack(patient_inputs),
    output:
        folder=directory("<results>/{study}/patients/{patient}"),
    log:
        "<logs>/predict_patient/{study}/{patient}.log",
    benchmark:
        "<benchmarks>/predict_patient/{study}/{patient}.tsv"
    wildcard_constraints:
        patient="[^/]+",
    conda:
        "../envs/medley.yaml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=growing(6000),
        runtime=growing(20),
        gpu=1,
    params:
        task=leading_task("medley.patient", "medley.predict_image", "medley.figures.patient"),
        folder=lambda w: "" if w.patient == "test" else f"data/patients/{w.patient}",
    message:
        "Predicting patient {wildcards.patient} by {wildcards.study}"
    script:
        "../scripts/predict_patient.py"
