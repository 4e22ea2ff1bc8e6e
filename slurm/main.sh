#!/bin/bash
# The main process as a job of its own, from the root of the repository: sbatch slurm/main.sh all --config preset=demo
# To stop it and its jobs: scancel --batch --signal=INT JOBID
#SBATCH --job-name=medley
#SBATCH --partition=cpu
#SBATCH --time=7-00:00:00
#SBATCH --cpus-per-task=2
#SBATCH --mem=8000
#SBATCH --output=slurm/main-%j.log
# Started again by itself, it would find the lock of the process before it.
#SBATCH --no-requeue

# exec, so that signals reach Snakemake and no shell before it.
exec .venv/bin/snakemake --profile slurm "$@"
