#!/bin/sh
#SBATCH --array=1-8 --requeue --open-mode=append --signal=B:USR1@60
exec glckpt run --image="image.$SLURM_ARRAY_JOB_ID.$SLURM_ARRAY_TASK_ID" -- \
	blender -b scene.blend -o //frame-#### -f "$SLURM_ARRAY_TASK_ID"
