#!/bin/sh
#$ -cwd -r y -notify -j y
exec glckpt run --image="image.$JOB_ID" --grace=60s --notice=USR2 --again-status=99 -- blender -b scene.blend -o //frame-#### -a
