#!/bin/sh
# The command of a layer of OpenCue, for one frame. Killed without notice it goes on from an image
# that is two minutes old at most.
exec glckpt run --image="/shared/images/$CUE_JOB/$CUE_IFRAME" --every=2m --grace=0 -- \
	blender -b /shared/scene.blend -o //frame-#### -f "$CUE_IFRAME"
