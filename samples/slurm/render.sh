#!/bin/sh
#SBATCH --requeue --open-mode=append --signal=B:USR1@60
exec glckpt run --image="image.$SLURM_JOB_ID" --every=10m -- blender -b scene.blend -o //frame-#### -a
